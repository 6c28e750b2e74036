"""Objects by HTTP: in and out, whole and in part, under conditions, by whom; and what no address may reach."""

import base64
import hashlib
import shutil
import socket
import time
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import httpx
import pytest

from pergamon.runtime import Runtime
from tests.reference.shelves import OBJECTS, Shelves, shelves_in

CONTENT = bytes(range(256)) * 4
SHA256 = hashlib.sha256(CONTENT).digest()
DIGEST = f"sha-256=:{base64.b64encode(SHA256).decode()}:"


@pytest.fixture
def shelves(rt: Runtime) -> Iterator[Shelves]:
    with shelves_in(rt) as shelves:
        yield shelves


@pytest.fixture
def kept(shelves: Shelves) -> dict[str, str]:
    """`open/a.bin`, as it was told when it was put."""
    answer = shelves.wes.put(f"{OBJECTS}/open/a.bin", content=CONTENT)
    assert answer.status_code == 201, answer.text
    told: dict[str, str] = answer.json()
    return told


def test_what_is_put_is_what_is_got(shelves: Shelves, kept: dict[str, str]) -> None:
    assert (kept["key"], kept["size_bytes"], kept["sha256"]) == ("open/a.bin", 1024, SHA256.hex())
    assert (kept["owner"], kept["content_type"]) == ("person:wes", "application/octet-stream")
    got = shelves.rea.get(f"{OBJECTS}/open/a.bin")
    assert (got.status_code, got.content) == (200, CONTENT)
    assert got.headers["etag"] == f'"{SHA256.hex()}"'
    assert got.headers["content-digest"] == got.headers["repr-digest"] == DIGEST
    assert got.headers["x-pergamon-version"] == kept["version"]
    head = shelves.rea.head(f"{OBJECTS}/open/a.bin")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "1024")
    assert head.headers["etag"] == got.headers["etag"]


def test_an_empty_content_is_a_content(shelves: Shelves) -> None:
    assert shelves.wes.put(f"{OBJECTS}/open/empty", content=b"").status_code == 201
    got = shelves.rea.get(f"{OBJECTS}/open/empty")
    assert (got.status_code, got.content, got.headers["content-length"]) == (200, b"", "0")
    part = shelves.rea.get(f"{OBJECTS}/open/empty", headers={"Range": "bytes=0-"})
    assert (part.status_code, part.headers["content-range"]) == (416, "bytes */0")


RANGES = [
    ("bytes=0-0", 206, 0, 0),
    ("bytes=0-", 206, 0, 1023),
    ("bytes=1000-", 206, 1000, 1023),
    ("bytes=1000-9999999999999999999", 206, 1000, 1023),
    ("bytes=-1", 206, 1023, 1023),
    ("bytes=-5000", 206, 0, 1023),
    ("bytes= 10 - 20", 200, 0, 1023),
    ("BYTES=10-20", 206, 10, 20),
    ("bytes=1023-1023", 206, 1023, 1023),
    ("bytes=1024-", 416, 0, 0),
    ("bytes=1024-2000", 416, 0, 0),
    ("bytes=-0", 416, 0, 0),
    ("bytes=20-10", 200, 0, 1023),
    ("bytes=0-1,5-6", 200, 0, 1023),
    ("bytes=", 200, 0, 1023),
    ("bytes=-", 200, 0, 1023),
    ("rows=0-1", 200, 0, 1023),
    ("bytes=0-99999999999999999999999", 200, 0, 1023),
    ("bytes=a-b", 200, 0, 1023),
]


def test_one_range_is_served_and_what_is_none_is_answered_whole(shelves: Shelves, kept: dict[str, str]) -> None:
    for asked, status, first, last in RANGES:
        got = shelves.rea.get(f"{OBJECTS}/open/a.bin", headers={"Range": asked})
        assert got.status_code == status, asked
        if status == 416:
            assert got.headers["content-range"] == "bytes */1024"
            assert got.json()["code"] == "web.range_not_satisfiable"
            continue
        assert got.content == CONTENT[first : last + 1], asked
        assert got.headers.get("content-range") == (f"bytes {first}-{last}/1024" if status == 206 else None)
        assert ("content-digest" in got.headers) is (status == 200)
        assert got.headers["repr-digest"] == DIGEST


OTHER = '"0000"'
OLD, NEW = "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 2100 23:59:59 GMT"


READ_CONDITIONS: list[tuple[dict[str, str], int]] = [
        ({"If-None-Match": "ETAG"}, 304),
        ({"If-None-Match": "W/ETAG"}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": f"{OTHER}, ETAG"}, 304),
        ({"If-None-Match": OTHER}, 200),
        ({"If-None-Match": OTHER, "If-Modified-Since": NEW}, 200),
        ({"If-Modified-Since": NEW}, 304),
        ({"If-Modified-Since": OLD}, 200),
        ({"If-Modified-Since": "not a date"}, 200),
        ({"If-Match": "ETAG"}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": "W/ETAG"}, 412),
        ({"If-Match": OTHER}, 412),
        ({"If-Match": "ETAG", "If-Unmodified-Since": OLD}, 200),
        ({"If-Unmodified-Since": OLD}, 412),
        ({"If-Unmodified-Since": NEW}, 200),
        ({"If-Match": "ETAG", "If-None-Match": "ETAG"}, 304),
        ({"If-Match": '"unended'}, 400),
        ({"Range": "bytes=0-9", "If-Range": "ETAG"}, 206),
        ({"Range": "bytes=0-9", "If-Range": "W/ETAG"}, 200),
        ({"Range": "bytes=0-9", "If-Range": OTHER}, 200),
        ({"Range": "bytes=0-9", "If-Range": "MODIFIED"}, 206),
        ({"Range": "bytes=0-9", "If-Range": OLD}, 200),
        ({"Range": "bytes=0-9", "If-Range": NEW}, 200),
        ({"Range": "bytes=0-9", "If-None-Match": "ETAG"}, 304),
        ({"Range": "bytes=5000-", "If-Range": OTHER}, 200),
]  # fmt: skip


def test_a_get_under_conditions(shelves: Shelves, kept: dict[str, str]) -> None:
    modified = shelves.rea.head(f"{OBJECTS}/open/a.bin").headers["last-modified"]
    for headers, status in READ_CONDITIONS:
        sent = {
            name: value.replace("ETAG", f'"{SHA256.hex()}"').replace("MODIFIED", modified)
            for name, value in headers.items()
        }
        got = shelves.rea.get(f"{OBJECTS}/open/a.bin", headers=sent)
        assert got.status_code == status, headers
        if status == 304:
            assert got.content == b""
            assert got.headers["etag"] == f'"{SHA256.hex()}"'
        if "Range" not in headers:
            assert shelves.rea.head(f"{OBJECTS}/open/a.bin", headers=sent).status_code == status, headers


PUTS: list[tuple[dict[str, str], int]] = [
        ({"If-None-Match": "*"}, 412),
        ({"If-Match": "ETAG"}, 201),
        ({"If-Match": OTHER}, 412),
        ({"Content-Digest": DIGEST}, 400),
        ({"Content-Digest": "sha-256=:AAAA:"}, 400),
        ({"Content-Digest": "md5=:AAAA:"}, 400),
        ({"Content-Encoding": "gzip"}, 415),
        ({"Content-Range": "bytes 0-2/10"}, 415),
        ({"Content-Type": "not a type"}, 400),
        ({"Content-Type": "text/html"}, 201),
        ({"X-Pergamon-Tags": "a=1&b=%C3%A4"}, 201),
        ({"X-Pergamon-Tags": "a=1&a=2"}, 400),
        ({"X-Pergamon-Tags": "a"}, 400),
        ({"X-Pergamon-Tags": "a=%ff"}, 400),
        ({"X-Pergamon-Tags": "=1"}, 400),
]  # fmt: skip


def test_a_put_that_is_refused_changes_nothing(shelves: Shelves) -> None:
    for headers, status in PUTS:
        shelves.wes.put(f"{OBJECTS}/open/a.bin", content=CONTENT)
        files = shelves.files()
        sent = {name: value.replace("ETAG", f'"{SHA256.hex()}"') for name, value in headers.items()}
        answer = shelves.wes.put(f"{OBJECTS}/open/a.bin", content=b"other", headers=sent)
        assert answer.status_code == status, (headers, answer.text)
        got = shelves.rea.get(f"{OBJECTS}/open/a.bin").content
        assert got == (b"other" if status == 201 else CONTENT)
        assert len(shelves.files()) == len(files) + (status == 201)


def test_a_digest_that_fits_is_taken(shelves: Shelves) -> None:
    for name in ("Content-Digest", "Repr-Digest"):
        answer = shelves.wes.put(f"{OBJECTS}/open/{name}", content=CONTENT, headers={name: DIGEST})
        assert answer.status_code == 201, answer.text
    both = {"Content-Digest": DIGEST, "Repr-Digest": DIGEST.replace("sha-256=:", "sha-256=:AA")}
    assert shelves.wes.put(f"{OBJECTS}/open/both", content=CONTENT, headers=both).status_code == 400


def test_a_download_is_an_attachment_in_a_sandbox_whatever_it_says_it_is(shelves: Shelves) -> None:
    key = 'open/<script> "x" ä.html'
    page = b"<script>fetch('/api/v1/me')</script>"
    shelves.wes.put(f"{OBJECTS}/{quote(key)}", content=page, headers={"Content-Type": "text/html"})
    got = shelves.rea.get(f"{OBJECTS}/{quote(key)}")
    assert got.content == page
    assert got.headers["content-type"] == "text/html"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in got.headers["content-security-policy"]
    assert got.headers["content-disposition"] == (
        "attachment; filename=\"_script___x___.html\"; filename*=UTF-8''%3Cscript%3E%20%22x%22%20%C3%A4.html"
    )


WRITES = [
    ("wes", "open/x", 201), ("sue", "open/x", 201), ("rea", "open/x", 403), ("out", "open/x", 404),
    ("wes", "own/x", 201), ("sue", "own/x", 404), ("rea", "own/x", 404), ("out", "own/x", 404),
    ("wes", "other/x", 404), ("wes", "opening/x", 404),
]  # fmt: skip


def test_who_may_put(shelves: Shelves) -> None:
    for who, key, status in WRITES:
        client: httpx.Client = getattr(shelves, who)
        files = shelves.files()
        assert client.put(f"{OBJECTS}/{key}", content=b"x").status_code == status, (who, key)
        assert len(shelves.files()) == len(files) + (status == 201)


READS = [
    ("wes", 200, 204, 403), ("rea", 200, 403, 403), ("sue", 200, 204, 204), ("out", 404, 404, 404),
]  # fmt: skip


def test_who_may_get_tag_and_delete(shelves: Shelves) -> None:
    for who, get, delete, destroy in READS:
        shelves.wes.put(f"{OBJECTS}/open/a.bin", content=CONTENT)
        client: httpx.Client = getattr(shelves, who)
        assert client.get(f"{OBJECTS}/open/a.bin").status_code == get, who
        assert client.head(f"{OBJECTS}/open/a.bin").status_code == get
        assert client.get("/api/v1/buckets/shelf/tags/open/a.bin").status_code == get
        assert client.get("/api/v1/buckets/shelf/versions/open/a.bin").status_code == get
        assert client.delete(f"{OBJECTS}/open/a.bin").status_code == delete
        assert shelves.wes.get(f"{OBJECTS}/open/a.bin").status_code == (404 if delete == 204 else 200)
        shelves.wes.put(f"{OBJECTS}/open/a.bin", content=CONTENT)
        for_good = client.delete(f"{OBJECTS}/open/a.bin", params={"for_good": "true"}).status_code
        assert for_good == destroy, who
        versions = shelves.wes.get("/api/v1/buckets/shelf/versions/open/a.bin").status_code
        assert versions == (404 if destroy == 204 else 200)


def test_versions_stay_until_they_go_for_good(shelves: Shelves, kept: dict[str, str]) -> None:
    second = shelves.wes.put(f"{OBJECTS}/open/a.bin", content=b"second").json()["version"]
    old = shelves.rea.get(f"{OBJECTS}/open/a.bin", params={"version": kept["version"]})
    assert old.content == CONTENT
    assert shelves.rea.get(f"{OBJECTS}/open/a.bin").content == b"second"
    deleted = shelves.wes.delete(f"{OBJECTS}/open/a.bin")
    told = shelves.rea.get("/api/v1/buckets/shelf/versions/open/a.bin").json()["versions"]
    assert [(one["version"], one["is_deletion"], one["is_current"]) for one in told] == [
        (deleted.headers["x-pergamon-version"], True, True),
        (second, False, False),
        (kept["version"], False, False),
    ]
    for wrong in ("ver_0", "x", "ver_" + "0" * 32):
        status = shelves.rea.get(f"{OBJECTS}/open/a.bin", params={"version": wrong}).status_code
        assert status == (404 if len(wrong) == 36 else 422)


def test_tags_are_given_and_taken_whole(shelves: Shelves, kept: dict[str, str]) -> None:
    path = "/api/v1/buckets/shelf/tags/open/a.bin"
    assert shelves.wes.put(path, json={"tags": {"a": "1", "b": "ä"}}).json() == {"tags": {"a": "1", "b": "ä"}}
    assert shelves.wes.put(path, json={"tags": {"c": ""}}).json() == {"tags": {"c": ""}}
    assert shelves.rea.get(path).json() == {"tags": {"c": ""}}
    assert shelves.rea.put(path, json={"tags": {}}).status_code == 403
    assert shelves.wes.put(path, json={"tags": {"": "x"}}).status_code == 400


def test_a_listing_in_pages_tells_everything_once(shelves: Shelves) -> None:
    keys = [f"open/{folder}/{n}" for folder in "ab" for n in range(5)] + ["open/z", "own/1"]
    for key in keys:
        shelves.wes.put(f"{OBJECTS}/{key}", content=b"x")

    def pages(client: httpx.Client, **params: str) -> tuple[list[str], list[str]]:
        found, folders, after = [], [], {}
        while True:
            page = client.get(OBJECTS, params={"limit": "3", **params, **after}).json()
            assert len(page["objects"]) + len(page["prefixes"]) <= 3
            found += [one["key"] for one in page["objects"]]
            folders += page["prefixes"]
            if page["next"] is None:
                return found, folders
            after = {"after": page["next"]}

    assert pages(shelves.wes) == (sorted(keys), [])
    assert pages(shelves.rea) == (sorted(keys)[:-1], [])
    assert pages(shelves.wes, delimiter="/") == ([], ["open/", "own/"])
    assert pages(shelves.rea, delimiter="/", prefix="open/") == (["open/z"], ["open/a/", "open/b/"])
    assert shelves.out.get(OBJECTS).status_code == 404
    assert shelves.wes.get(OBJECTS, params={"limit": "0"}).status_code == 422
    assert shelves.wes.get(OBJECTS, params={"after": "x"}).status_code == 400
    assert shelves.wes.get(OBJECTS, params={"prefix": "\x00"}).status_code == 400


def test_buckets_that_one_may_see_something_in(shelves: Shelves) -> None:
    assert shelves.wes.get("/api/v1/buckets").json() == {"buckets": ["shelf"]}
    assert shelves.out.get("/api/v1/buckets").json() == {"buckets": []}


KEYS = [
    "open/a b",
    "open/50%",
    "open/a?b#c",
    "open/ä/🏥",
    "open/'\"",
    "open/a+b",
    "open/%2F",
    "open/..x",
    "open/a&b=c;d",
]


def test_a_key_is_the_same_by_whatever_way_it_is_written(shelves: Shelves) -> None:
    for key in KEYS:
        address = f"{OBJECTS}/{quote(key, safe='/')}"
        assert shelves.wes.put(address, content=key.encode()).json()["key"] == key
        assert shelves.rea.get(address).content == key.encode()
        assert shelves.rea.get(f"{OBJECTS}/{quote(key, safe='')}").content == key.encode()
    listed = [one["key"] for one in shelves.rea.get(OBJECTS).json()["objects"]]
    assert listed == sorted(KEYS, key=str.encode)


RAW = [
    ("/api/v1/buckets/shelf/objects/open/%ff", 400),
    ("/api/v1/buckets/shelf/objects/open/%c3", 400),
    ("/api/v1/buckets/shelf/objects/open/%", 400),
    ("/api/v1/buckets/shelf/objects/open/%zz", 400),
    ("/api/v1/buckets/shelf/objects/open/a%00b", 400),
    ("/api/v1/buckets/shelf/objects/open/a%0ab", 404),
    ("/api/v1/buckets/shelf/objects/open/..%2f..%2fx", 400),
    ("/api/v1/buckets/shelf/objects/open/../x", 400),
    ("/api/v1/buckets/shelf/objects/open/%2e%2e/x", 400),
    ("/api/v1/buckets/shelf/objects/open//x", 400),
    ("/api/v1/buckets/shelf/objects/%2fopen/x", 400),
    ("/api/v1/buckets/shelf/objects/open/x%2f", 400),
    ("/api/v1/buckets/shelf/objects/open%5cx", 400),
    ("/api/v1/buckets/shelf/objects/", 422),
    ("/api/v1/buckets/shelf/objects/" + "x" * 1025, 400),
    ("/api/v1/buckets/shelf%2fobjects%2fopen/objects/x", 400),
    ("/api/v1/buckets/cellar%2f..%2fshelf/objects/open/x", 404),
    ("/api/v1/buckets/..%2fshelf/objects/open/x", 404),
    ("/api/v1/buckets/shelf%00/objects/open/x", 422),
    ("/api/v1/buckets/SHELF/objects/open/x", 422),
    ("/api/v1/buckets/none/objects/open/x", 404),
    ("//api/v1/buckets/shelf/objects/open/x", 404),
    ("/api/v1/buckets/shelf/objects/open/%25%32%66", 201),
]  # fmt: skip


def test_an_address_that_is_odd_reaches_nothing_else(shelves: Shelves) -> None:
    """Sent as it stands: clients tidy addresses up."""
    token = f"Authorization: Bearer {shelves.tokens['wes']}"
    for path, status in RAW:
        files = shelves.files()
        answer = raw_request(shelves, f"PUT {path} HTTP/1.1", token, "Content-Length: 1", body=b"x")
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()), (path, answer[:200])
        assert len(shelves.files()) == len(files) + (status == 201)


def raw_request(shelves: Shelves, *lines: str, body: bytes = b"") -> bytes:
    parts = urlsplit(shelves.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as sock:
        sock.sendall("\r\n".join([*lines, "Host: x", "Connection: close", "", ""]).encode() + body)
        answer = b""
        while part := sock.recv(65536):
            answer += part
    return answer


def test_a_refused_put_is_answered_before_its_body(shelves: Shelves) -> None:
    parts = urlsplit(shelves.address)
    for who, expected in (("rea", b"HTTP/1.1 403 "), ("out", b"HTTP/1.1 404 "), ("wes", b"HTTP/1.1 100 ")):
        lines = [f"PUT {OBJECTS}/open/x HTTP/1.1", f"Authorization: Bearer {shelves.tokens[who]}", "Host: x"]
        lines += ["Expect: 100-continue", "Content-Length: 1000000", "", ""]
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as sock:
            sock.sendall("\r\n".join(lines).encode())
            assert sock.recv(65536).startswith(expected)


def test_a_client_that_goes_away_leaves_nothing(shelves: Shelves) -> None:
    parts = urlsplit(shelves.address)
    lines = [f"PUT {OBJECTS}/open/x HTTP/1.1", f"Authorization: Bearer {shelves.tokens['wes']}", "Host: x"]
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as sock:
        sock.sendall("\r\n".join([*lines, "Content-Length: 1000000", "", ""]).encode() + b"x" * 500_000)
        wait_until(lambda: shelves.files() != [])
    wait_until(lambda: shelves.files() == [])
    assert shelves.wes.get(f"{OBJECTS}/open/x").status_code == 404


def wait_until(is_so: object, seconds: float = 20) -> None:
    assert callable(is_so)
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_uploads_take_turns(shelves: Shelves) -> None:
    shelves.app.state.transfers.each = 0
    answer = shelves.wes.put(f"{OBJECTS}/open/x", content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (503, "web.transfers_busy")
    assert answer.headers["retry-after"] == "2"


def test_a_disk_without_room_is_told_of_before_the_body_is_read(
    shelves: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database may live on the same disk: an upload may not be what fills it."""
    lines = [f"PUT {OBJECTS}/open/x HTTP/1.1", f"Authorization: Bearer {shelves.tokens['wes']}"]
    told = raw_request(shelves, *lines, "Expect: 100-continue", f"Content-Length: {2**50}")
    assert told.startswith(b"HTTP/1.1 507 ")
    assert b"objects.storage_full" in told

    def without_length() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1024

    free = shutil.disk_usage(shelves.rt.settings.lake)._replace(free=256 * 1024**2 + 50_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    answer = shelves.wes.put(f"{OBJECTS}/open/x", content=without_length())
    assert (answer.status_code, answer.json()["code"]) == (507, "objects.storage_full")
    assert shelves.out.put(f"{OBJECTS}/open/x", content=without_length()).status_code == 404
    assert shelves.files() == []


def test_a_content_that_goes_while_it_is_read_is_read_to_its_end(shelves: Shelves) -> None:
    content = b"x" * 30_000_000
    shelves.wes.put(f"{OBJECTS}/open/big", content=content)
    with shelves.rea.stream("GET", f"{OBJECTS}/open/big") as got:
        pieces = got.iter_bytes(65536)
        seen = len(next(pieces))
        assert shelves.sue.delete(f"{OBJECTS}/open/big", params={"for_good": "true"}).status_code == 204
        for path in shelves.rt.settings.lake.rglob("ver_*"):
            path.unlink()
        assert seen + sum(len(piece) for piece in pieces) == len(content)
