"""Uploads by tus 1.0.0, by hand and with its own client library: cut off, they go on, and end in one object."""

import base64
import hashlib
import io
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from tusclient.client import TusClient

from pergamon import objects
from pergamon.runtime import Runtime
from pergamon.web.sweep import sweep
from tests.reference.shelves import OBJECTS, OPERATOR, Shelves, shelves_in

UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
CONTENT = bytes(range(250)) * 400


@pytest.fixture
def shelves(rt: Runtime) -> Iterator[Shelves]:
    with shelves_in(rt) as shelves:
        yield shelves


def metadata(**said: str) -> dict[str, str]:
    said = {"bucket": "shelf", "key": "open/a.bin"} | said
    pairs = (f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in said.items())
    return {"Upload-Metadata": ",".join(pairs)}


def begin(client: httpx.Client, size: int = len(CONTENT), **said: str) -> str:
    answer = client.post(UPLOADS, headers=TUS | metadata(**said) | {"Upload-Length": str(size)})
    assert answer.status_code == 201, answer.text
    assert answer.headers["tus-resumable"] == "1.0.0"
    return answer.headers["location"]


def send(client: httpx.Client, location: str, offset: int, piece: bytes, **more: str) -> httpx.Response:
    headers = TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return client.patch(location, content=piece, headers=headers | {k.replace("_", "-"): v for k, v in more.items()})


def offset_of(client: httpx.Client, location: str) -> int:
    answer = client.head(location, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def versions(shelves: Shelves, key: str = "open/a.bin") -> list[str]:
    answer = shelves.wes.get(f"/api/v1/buckets/shelf/versions/{key}")
    return [one["version"] for one in answer.json()["versions"]] if answer.status_code == 200 else []


def test_options_tell_what_is_spoken_here(shelves: Shelves) -> None:
    answer = shelves.wes.options(UPLOADS)
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,creation-with-upload,checksum,termination,expiration"
    assert answer.headers["tus-checksum-algorithm"] == "sha256,sha1"
    assert int(answer.headers["tus-max-size"]) == 1024**4
    assert httpx.options(f"{shelves.address}{UPLOADS}").status_code == 401


def test_pieces_make_one_object(shelves: Shelves) -> None:
    location = begin(shelves.wes, filetype="text/csv", tags="source=lab&x=%C3%A4")
    for offset in range(0, len(CONTENT), 30_000):
        assert offset_of(shelves.wes, location) == offset
        assert versions(shelves) == []
        answer = send(shelves.wes, location, offset, CONTENT[offset : offset + 30_000])
        assert answer.status_code == 204, answer.text
    assert answer.headers["upload-offset"] == str(len(CONTENT))
    assert versions(shelves) == [answer.headers["x-pergamon-version"]]
    got = shelves.rea.get(f"{OBJECTS}/open/a.bin")
    assert (got.content, got.headers["content-type"]) == (CONTENT, "text/csv")
    assert shelves.rea.get("/api/v1/buckets/shelf/tags/open/a.bin").json() == {"tags": {"source": "lab", "x": "ä"}}
    assert len(shelves.files()) == 1


def test_the_last_piece_again_and_head_after_the_end_change_nothing(shelves: Shelves) -> None:
    """The answer to the last piece was lost: the client asks, or sends it again."""
    location = begin(shelves.wes)
    send(shelves.wes, location, 0, CONTENT)
    done = versions(shelves)
    assert offset_of(shelves.wes, location) == len(CONTENT)
    assert send(shelves.wes, location, 0, CONTENT).status_code == 409
    again = send(shelves.wes, location, len(CONTENT), b"")
    assert (again.status_code, again.headers["x-pergamon-version"]) == (204, done[0])
    assert versions(shelves) == done
    assert len(shelves.files()) == 1


def test_creation_with_a_first_piece_and_of_nothing(shelves: Shelves) -> None:
    headers = TUS | metadata() | {"Upload-Length": "10", "Content-Type": "application/offset+octet-stream"}
    answer = shelves.wes.post(UPLOADS, content=b"12345", headers=headers)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "5")
    assert send(shelves.wes, answer.headers["location"], 5, b"67890").status_code == 204
    assert shelves.rea.get(f"{OBJECTS}/open/a.bin").content == b"1234567890"
    empty = shelves.wes.post(UPLOADS, headers=TUS | metadata(key="open/empty") | {"Upload-Length": "0"})
    assert (empty.status_code, empty.headers["upload-offset"]) == (201, "0")
    assert shelves.rea.get(f"{OBJECTS}/open/empty").content == b""
    whole = shelves.wes.post(UPLOADS, content=b"1234567890", headers=headers | metadata(key="open/whole"))
    assert whole.headers["upload-offset"] == "10"
    assert shelves.rea.get(f"{OBJECTS}/open/whole").content == b"1234567890"


BAD_CREATIONS: list[tuple[dict[str, str], int]] = [
    ({"Tus-Resumable": "0.2.2"}, 412),
    ({"Tus-Resumable": ""}, 412),
    ({"Upload-Length": "-1"}, 400),
    ({"Upload-Length": "x"}, 400),
    ({"Upload-Length": "1" * 20}, 400),
    ({"Upload-Length": str(2**62)}, 413),
    ({"Upload-Metadata": ""}, 400),
    ({"Upload-Metadata": "bucket"}, 400),
    ({"Upload-Metadata": "bucket !!!"}, 400),
    ({"Upload-Metadata": "bucket /w==,key /w=="}, 400),
    ({"Upload-Metadata": metadata()["Upload-Metadata"] + ",key YQ=="}, 400),
    (metadata(bucket="none"), 404),
    (metadata(bucket="a\x00"), 400),
    (metadata(bucket="../shelf"), 400),
    (metadata(key="own/../open/x"), 400),
    (metadata(key="/etc/passwd"), 400),
    (metadata(key="other/x"), 404),
    (metadata(filetype="not a type"), 400),
    (metadata(tags="a=1&a=2"), 400),
    (metadata(tags="a"), 400),
    ({"Upload-Checksum": "md5 AAAA"}, 400),
    ({"Upload-Checksum": "sha256 AAAA"}, 400),
    ({"If-None-Match": "*"}, 412),
    ({"Content-Type": "text/csv", "Content-Length": "1"}, 415),
]  # fmt: skip


def test_a_creation_that_is_refused_leaves_nothing(shelves: Shelves) -> None:
    shelves.wes.put(f"{OBJECTS}/open/a.bin", content=b"there already")
    for wrong, status in BAD_CREATIONS:
        headers = TUS | metadata() | {"Upload-Length": "10"} | wrong
        body = b"x" if "Content-Type" in wrong else None
        answer = shelves.wes.post(UPLOADS, headers=headers, content=body)
        assert answer.status_code == status, (wrong, answer.text)
        assert set(answer.json()) == {"code", "message", "hint"}
        assert answer.headers["tus-resumable"] == "1.0.0"
    with shelves.rt.begin(OPERATOR) as uow:
        assert uow.rows("SELECT * FROM object_upload") == []
    assert len(shelves.files()) == 1


def test_a_made_up_bucket_does_not_reach_the_trail(shelves: Shelves) -> None:
    """Nor the terminal that shows it."""
    for bucket in ("shelf\x1b[31m", "shelf\n", "../shelf", "x" * 20_000):
        answer = shelves.wes.post(UPLOADS, headers=TUS | metadata(bucket=bucket) | {"Upload-Length": "1"})
        assert (answer.status_code, answer.json()["code"]) == (400, "web.bad_tus_header")


def test_an_upload_is_its_owners_alone(shelves: Shelves) -> None:
    location = begin(shelves.wes)
    for other in (shelves.sue, shelves.rea, shelves.out):
        assert other.head(location, headers=TUS).status_code == 404
        assert send(other, location, 0, CONTENT).status_code == 404
        assert other.delete(location, headers=TUS).status_code == 404
    assert offset_of(shelves.wes, location) == 0
    for who, status in (("rea", 403), ("out", 404)):
        client: httpx.Client = getattr(shelves, who)
        headers = TUS | metadata() | {"Upload-Length": "1"}
        assert client.post(UPLOADS, headers=headers).status_code == status


def test_a_piece_that_is_refused_changes_nothing(shelves: Shelves) -> None:
    location = begin(shelves.wes)
    send(shelves.wes, location, 0, CONTENT[:10])
    sha1 = base64.b64encode(hashlib.sha1(b"other", usedforsecurity=False).digest()).decode()
    for status, offset, piece, more in [
        (409, 0, b"x", {}),
        (409, 11, b"x", {}),
        (400, "x", b"x", {}),
        (400, -1, b"x", {}),
        (415, 10, b"x", {"Content_Type": "text/csv"}),
        (412, 10, b"x", {"Tus_Resumable": "2.0.0"}),
        (400, 10, b"x", {"Upload_Checksum": "crc32 AAAA"}),
        (460, 10, b"x", {"Upload_Checksum": f"sha1 {sha1}"}),
    ]:
        answer = send(shelves.wes, location, offset, piece, **more)  # type: ignore[arg-type]
        assert answer.status_code == status, answer.text
        assert offset_of(shelves.wes, location) == 10
    assert send(shelves.wes, f"{UPLOADS}/upl_{'0' * 32}", 0, b"x").status_code == 404
    assert send(shelves.wes, f"{UPLOADS}/../x", 0, b"x").status_code in {404, 405}
    sha256 = base64.b64encode(hashlib.sha256(CONTENT[10:]).digest()).decode()
    assert send(shelves.wes, location, 10, CONTENT[10:], Upload_Checksum=f"sha256 {sha256}").status_code == 204
    assert shelves.rea.get(f"{OBJECTS}/open/a.bin").content == CONTENT


def test_more_than_was_announced_is_refused(shelves: Shelves) -> None:
    location = begin(shelves.wes, size=10)
    assert send(shelves.wes, location, 0, b"x" * 11).status_code == 413
    assert offset_of(shelves.wes, location) == 0
    assert send(shelves.wes, location, 0, b"1234567890").status_code == 204
    assert shelves.rea.get(f"{OBJECTS}/open/a.bin").content == b"1234567890"


def test_a_right_that_is_lost_on_the_way_is_lost(shelves: Shelves) -> None:
    location = begin(shelves.wes)
    send(shelves.wes, location, 0, CONTENT[:10])
    with shelves.rt.begin(OPERATOR) as uow:
        uow.execute("DELETE FROM membership WHERE principal_id = 'person:wes'")
    assert send(shelves.wes, location, 10, CONTENT[10:]).status_code == 404
    assert versions(shelves) == []


def test_a_condition_is_asked_again_at_the_end(shelves: Shelves) -> None:
    headers = TUS | metadata() | {"Upload-Length": "2", "If-None-Match": "*"}
    first, second = (shelves.wes.post(UPLOADS, headers=headers).headers["location"] for _ in range(2))
    assert send(shelves.wes, first, 0, b"1").status_code == 204
    assert send(shelves.wes, second, 0, b"22").status_code == 204
    assert send(shelves.wes, first, 1, b"1").status_code == 412
    assert shelves.rea.get(f"{OBJECTS}/open/a.bin").content == b"22"


def request_head(shelves: Shelves, location: str, offset: int, length: int) -> bytes:
    lines = [f"PATCH {location} HTTP/1.1", "Host: x", f"Authorization: Bearer {shelves.tokens['wes']}"]
    lines += ["Tus-Resumable: 1.0.0", f"Upload-Offset: {offset}", "Content-Type: application/offset+octet-stream"]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


def test_two_pieces_at_once_and_a_client_that_goes_away(shelves: Shelves) -> None:
    location = begin(shelves.wes)
    parts = urlsplit(shelves.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as sock:
        sock.sendall(request_head(shelves, location, 0, len(CONTENT)) + CONTENT[:40_000])
        lake = shelves.rt.settings.lake
        wait_until(lambda: any(file.stat().st_size for file in lake.rglob("upl_*")))  # what is read is kept
        second = send(shelves.wes, location, 0, CONTENT)
        assert (second.status_code, second.json()["code"]) == (423, "objects.upload_locked")
        assert shelves.wes.delete(location, headers=TUS).status_code == 423
        assert offset_of(shelves.wes, location) == 0
    wait_until(lambda: offset_of(shelves.wes, location) > 0)
    offset = offset_of(shelves.wes, location)
    assert offset <= 40_000
    assert send(shelves.wes, location, offset, CONTENT[offset:]).status_code == 204
    assert shelves.rea.get(f"{OBJECTS}/open/a.bin").content == CONTENT


def test_the_last_piece_ten_times_at_once_makes_one_object(shelves: Shelves) -> None:
    location = begin(shelves.wes)
    send(shelves.wes, location, 0, CONTENT[:50_000])
    answers: list[int] = []

    def last() -> None:
        headers = {"Authorization": f"Bearer {shelves.tokens['wes']}"}
        with httpx.Client(base_url=shelves.address, headers=headers, timeout=60) as client:
            answers.append(send(client, location, 50_000, CONTENT[50_000:]).status_code)

    threads = [threading.Thread(target=last) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {204, 409, 423}
    assert answers.count(204) == 1
    assert len(versions(shelves)) == 1
    assert shelves.rea.get(f"{OBJECTS}/open/a.bin").content == CONTENT


def test_an_upload_that_is_ended_is_gone(shelves: Shelves) -> None:
    location = begin(shelves.wes)
    send(shelves.wes, location, 0, CONTENT[:10])
    assert shelves.wes.delete(location, headers=TUS).status_code == 204
    assert shelves.files() == []
    for answer in (
        shelves.wes.head(location, headers=TUS),
        send(shelves.wes, location, 10, b"x"),
        shelves.wes.delete(location, headers=TUS),
    ):
        assert answer.status_code == 404
    done = begin(shelves.wes)
    send(shelves.wes, done, 0, CONTENT)
    assert shelves.wes.delete(done, headers=TUS).status_code == 204
    assert shelves.rea.get(f"{OBJECTS}/open/a.bin").content == CONTENT


def test_an_upload_that_expired_is_swept_and_an_object_never(shelves: Shelves) -> None:
    old, done, new = begin(shelves.wes), begin(shelves.wes), begin(shelves.wes)
    send(shelves.wes, done, 0, CONTENT)
    for location in (old, new):
        send(shelves.wes, location, 0, CONTENT[:10])
    with shelves.rt.begin(OPERATOR) as uow:
        ids = [location.rpartition("/")[2] for location in (old, done)]
        uow.execute("UPDATE object_upload SET expires_at = %s WHERE id = ANY (%s)", (uow.now, ids))
    sweep(shelves.rt)
    assert shelves.wes.head(old, headers=TUS).status_code == 404
    assert offset_of(shelves.wes, new) == 10
    assert shelves.rea.get(f"{OBJECTS}/open/a.bin").content == CONTENT
    assert len(shelves.files()) == 2
    with shelves.rt.begin(OPERATOR) as uow:
        told = uow.rows("SELECT facts FROM audit_event WHERE code = 'objects.upload_ended'")
    assert [json.loads(row["facts"])["reason"] for row in told] == ["expired"]


def test_one_actor_has_only_so_much_open(shelves: Shelves) -> None:
    """What has not come counts, and what has come does not: nobody keeps a disk from others by announcing."""
    limits = objects.UploadLimits(open_uploads=3, unsent_bytes=100)
    root, rt = shelves.rt.settings.lake, shelves.rt
    wes, sue = (rt.authenticate(shelves.tokens[name]) for name in ("wes", "sue"))
    with rt.begin(wes) as uow:
        one, _ = (objects.begin_upload(uow, root, "shelf", "open/x", 40, limits=limits) for _ in range(2))
        with pytest.raises(objects.UploadLimitReached, match="80 bytes that have not come, and may announce 100"):
            objects.begin_upload(uow, root, "shelf", "open/x", 21, limits=limits)
    objects.append_to_upload(lambda: rt.begin(wes), root, one.id, 0, [b"x" * 39])
    with rt.begin(wes) as uow:
        objects.begin_upload(uow, root, "shelf", "open/x", 59, limits=limits)
        with pytest.raises(objects.UploadLimitReached, match="3 uploads"):
            objects.begin_upload(uow, root, "shelf", "open/x", 0, limits=limits)
    free = shutil.disk_usage(root).free
    with rt.begin(sue) as uow:
        objects.begin_upload(uow, root, "shelf", "open/x", 100, limits=limits)
        with pytest.raises(objects.StorageFull):
            objects.begin_upload(uow, root, "shelf", "open/x", free, limits=objects.UploadLimits(largest_bytes=2**60))
        small = objects.UploadLimits(share_of_free=200 / free)
        with pytest.raises(objects.UploadLimitReached):
            objects.begin_upload(uow, root, "shelf", "open/x", 110, limits=small)


def test_an_upload_that_nothing_comes_of_ends_soon_and_none_lasts_for_ever(shelves: Shelves) -> None:
    limits = objects.UploadLimits()
    begun, sent = begin(shelves.wes), begin(shelves.wes)
    send(shelves.wes, sent, 0, CONTENT[:10])
    with shelves.rt.begin(OPERATOR) as uow:
        rows = uow.rows("SELECT id, expires_at - created_at AS life FROM object_upload")
        lives = {row["id"]: row["life"] for row in rows}
        uow.execute(
            "UPDATE object_upload SET created_at = created_at - %s", (limits.longest_life - timedelta(hours=2),)
        )
    assert lives[begun.rpartition("/")[2]] == limits.unbegun_life
    assert limits.life <= lives[sent.rpartition("/")[2]] < limits.life + timedelta(minutes=5)
    send(shelves.wes, sent, 10, CONTENT[10:20])
    with shelves.rt.begin(OPERATOR) as uow:
        row = uow.row("SELECT expires_at - created_at AS life FROM object_upload WHERE offset_bytes = 20")
    assert row is not None
    assert row["life"] == limits.longest_life


def test_a_method_that_the_line_does_not_know_comes_in_a_header(shelves: Shelves) -> None:
    location = begin(shelves.wes)

    def posted(method: str, *, by: str = "POST", **headers: str) -> httpx.Response:
        said = TUS | {"X-HTTP-Method-Override": method} | headers
        return shelves.wes.request(by, location, headers=said, content=CONTENT if "Upload-Offset" in headers else None)

    piece = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    for wrong in (posted("PUT"), posted("DELETE", by="GET"), posted("DELETE", by="PATCH", **piece)):
        assert (wrong.status_code, wrong.json()["code"]) == (400, "web.bad_method_override")
        assert wrong.headers["tus-resumable"] == "1.0.0"
    assert posted("HEAD").headers["upload-offset"] == "0"
    assert posted("PATCH", **piece).status_code == 204
    assert shelves.rea.get(f"{OBJECTS}/open/a.bin").content == CONTENT
    assert posted("delete").status_code == 204
    assert shelves.wes.head(location, headers=TUS).status_code == 404
    removed = shelves.wes.post(f"{OBJECTS}/open/a.bin", headers={"X-HTTP-Method-Override": "DELETE"})
    assert removed.status_code == 405, "elsewhere the header means nothing"


@pytest.mark.parametrize("checksum", [False, True])
def test_the_protocols_own_client_library_gets_on_with_us(shelves: Shelves, checksum: bool) -> None:
    client = TusClient(f"{shelves.address}{UPLOADS}", headers={"Authorization": f"Bearer {shelves.tokens['wes']}"})
    said = {"bucket": "shelf", "key": "open/ä.bin", "filetype": "application/pdf"}
    uploader = client.uploader(
        file_stream=io.BytesIO(CONTENT), chunk_size=30_000, metadata=said, upload_checksum=checksum
    )
    uploader.upload_chunk()
    again = client.uploader(
        file_stream=io.BytesIO(CONTENT), chunk_size=30_000, url=uploader.url, upload_checksum=checksum
    )
    assert again.offset == 30_000
    again.upload()
    assert shelves.rea.get(f"{OBJECTS}/open/%C3%A4.bin").content == CONTENT


def wait_until(is_so: object, seconds: float = 20) -> None:
    assert callable(is_so)
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)
