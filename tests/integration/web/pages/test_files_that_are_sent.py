"""From a file to its table, as pages: with a plain form, piece by piece after a cut, and by nobody who may not."""

import base64
import re
import time

import httpx
import pytest

from pergamon import crawl, lake, objects
from pergamon.web.pages.file_form import form_with_file
from pergamon.web.pages.genuine import FormNotReadable
from tests.reference.browsing import Browser
from tests.reference.portal import OPERATOR, Portal

from .conftest import Visit

CONTENT = b"ward,beds\ncardiology,12\nsurgery,30\n"
PLACE = "clinic/incoming/"
PIECE = "application/offset+octet-stream"
TUS = {"Tus-Resumable": "1.0.0"}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def open_to_files(portal: Portal) -> Portal:
    open_files(portal)
    return portal


def open_files(portal: Portal) -> None:
    """Hana may put files into one folder, which a crawler looks after; the operator lets nobody else."""
    own = "project:clinic-data/owner"
    with portal.rt.begin(OPERATOR) as uow:
        rules = (
            lake.AccessRuleSpec(prefix="clinic", ReadRoles=(own,)),
            lake.AccessRuleSpec(prefix="incoming", ReadWriteRoles=(own,)),
        )
        lake.put_bucket(uow, "clinic", lake.BucketSpec(access_rules=rules))
        spec = crawl.CrawlerSpec(bucket="clinic", prefixes=("incoming",), database="clinic_db")
        crawl.put_crawler(uow, "uploads", spec, {})


def crawled(portal: Portal) -> None:
    """What a worker does, until nothing is left to do."""
    place = portal.rt.crawl_place("worker")
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if crawl.follow(place) or crawl.crawl_step(place):
            continue
        with portal.by() as uow:
            status = crawl.crawler_status(uow, "uploads")
        if status.is_idle and status.files and not status.files.get("pending", 0):
            return
        time.sleep(0.1)


def sent(browser: Browser, path: str, method: str = "POST", **asked: object) -> httpx.Response:
    """A request as a browser sends it, with a body of whatever kind."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = {"Origin": browser.address, "Cookie": cookies, "Accept": "text/html"}
    headers |= asked.pop("headers", {})  # type: ignore[call-overload]
    return httpx.request(method, f"{browser.address}{path}", headers=headers, timeout=30, **asked)  # type: ignore[arg-type]


def token_of(browser: Browser) -> str:
    return str(browser.form("/", "/sign-out")["form_token"])


def test_a_plain_form_sends_a_file_that_becomes_an_asset(open_to_files: Portal, visit: Visit) -> None:
    hana = visit("hana")
    page = hana.get("/publish").text
    assert f'value="{PLACE}"' in page
    assert 'enctype="multipart/form-data"' in page
    fields = {"form_token": token_of(hana), "place": PLACE, "folder": "wards"}
    answer = sent(hana, "/publish", data=fields, files={"file": ("beds <b>.csv", CONTENT, "text/csv")})
    assert answer.status_code == 303, answer.text
    to = answer.headers["location"]
    assert to == "/publish/clinic/file/incoming/wards/beds%20%3Cb%3E.csv"
    assert "not looked into yet" in hana.get(to).text
    crawled(open_to_files)
    told = hana.get(to).text
    assert "in its table" in told
    assert "2 rows" in told
    assert "<b>.csv" not in told
    events = hana.get(to.replace("/file/", "/events/"), Accept="text/event-stream").text
    assert events.endswith("event: state\ndata: added\n\n")
    assert "<code>beds</code>" in told, "its columns and their types"
    assert re.search(r"long|int", told)
    assets = re.findall(r'href="(/assets/[^"]+)"', told)
    assert {hana.get(path).status_code for path in assets} == {200}, "no link leads nowhere"
    assert visit("rena").get(to).status_code == 404


def begun(browser: Browser, key: str, size: int, **headers: str) -> httpx.Response:
    """An upload in pieces, announced as the page's script does."""
    pairs = {"bucket": "clinic", "key": key}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())
    told = {"Upload-Length": str(size), "Upload-Metadata": metadata, **TUS, "X-Form-Token": token_of(browser)} | headers
    return sent(browser, "/uploads", headers=told)


def test_an_upload_goes_on_after_a_cut(open_to_files: Portal, visit: Visit) -> None:
    hana, rena = visit("hana"), visit("rena")
    address = begun(hana, "incoming/late.csv", len(CONTENT)).headers["location"]
    headers = {"Content-Type": PIECE, "X-Form-Token": token_of(hana), **TUS}
    first = sent(hana, address, "PATCH", content=CONTENT[:10], headers=headers | {"Upload-Offset": "0"})
    assert (first.status_code, first.headers["upload-offset"]) == (204, "10")
    asked = sent(hana, address, "HEAD", headers=TUS)
    assert (asked.headers["upload-offset"], asked.headers["tus-resumable"]) == ("10", "1.0.0"), "where to go on"
    wrong = sent(hana, address, "PATCH", content=CONTENT[3:], headers=headers | {"Upload-Offset": "3"})
    assert wrong.status_code == 409
    others = headers | {"X-Form-Token": token_of(rena), "Upload-Offset": "10"}
    assert sent(rena, address, "HEAD", headers=TUS).status_code == 404
    assert sent(rena, address, "PATCH", content=CONTENT[10:], headers=others).status_code == 404
    assert sent(rena, address, "DELETE", headers=others).status_code == 404
    sent(hana, address, "PATCH", content=CONTENT[10:], headers=headers | {"Upload-Offset": "10"})
    assert "late.csv" in hana.get("/publish/clinic/file/incoming/late.csv").text
    with open_to_files.by("hana") as uow:
        kept = objects.read_object(uow, "clinic", "incoming/late.csv")
    assert kept.path is not None
    assert kept.path.read_bytes() == CONTENT
    given_up = begun(hana, "incoming/never.csv", 5).headers["location"]
    assert sent(hana, given_up, "DELETE", headers=headers).status_code == 204
    assert sent(hana, given_up, "HEAD", headers=TUS).status_code == 404


def test_neither_a_file_nor_a_piece_is_taken_from_elsewhere_or_without_a_token(
    open_to_files: Portal, visit: Visit
) -> None:
    hana, rena = visit("hana"), visit("rena")
    token, other, evil = token_of(hana), token_of(rena), {"Origin": "https://evil.example"}
    file = {"file": ("a.csv", CONTENT, "text/csv")}
    for tokens in ({}, {"form_token": other}):
        answer = sent(hana, "/publish", data={"place": PLACE, **tokens}, files=file)
        assert (answer.status_code, "web.form_not_genuine" in answer.text) == (403, True)
    good = {"place": PLACE, "form_token": token}
    assert sent(hana, "/publish", data=good, files=file, headers=evil).status_code == 403
    assert sent(hana, "/publish", data=good | {"is_admin": "1"}, files=file).status_code == 422
    assert sent(hana, "/publish", content=b"x" * 300_000).status_code == 400, "what is no file is bounded"
    assert begun(hana, "incoming/b.csv", 5, **{"X-Form-Token": other}).status_code == 403
    assert begun(hana, "incoming/b.csv", 5, **evil).status_code == 403
    path = begun(hana, "incoming/b.csv", 5).headers["location"]
    for headers in ({}, {"X-Form-Token": other}, {"X-Form-Token": token, **evil}):
        told = {"Content-Type": PIECE, "Upload-Offset": "0", **TUS, **headers}
        assert sent(hana, path, "PATCH", content=b"12345", headers=told).status_code == 403
        assert sent(hana, path, "DELETE", headers=told).status_code == 403
    assert sent(hana, path, "HEAD", headers=TUS).headers["upload-offset"] == "0"


def test_no_name_leads_out_of_its_folder(open_to_files: Portal, visit: Visit) -> None:
    hana = visit("hana")
    good = {"place": PLACE, "form_token": token_of(hana)}
    file = {"file": ("a.csv", CONTENT, "text/csv")}
    for folder in ("../../x", "a/../../..", "..", "a//b", "a/\x01"):
        assert sent(hana, "/publish", data=good | {"folder": folder}, files=file).status_code in (400, 422), folder
    for place in ("clinic/", "clinic/clinic/", "other/incoming/", "clinic/incoming/../clinic/"):
        assert sent(hana, "/publish", data=good | {"place": place}, files=file).status_code in (400, 403, 404), place
    evil = {"file": ("../../../clinic\\..\\passwd", CONTENT, "text/csv")}
    answer = sent(hana, "/publish", data=good, files=evil)
    assert answer.headers["location"] == "/publish/clinic/file/incoming/passwd", "a name is no path"
    for key in ("incoming/../clinic/a.csv", "../a.csv", "clinic/a.csv", "incoming//a.csv", "/etc/passwd"):
        assert begun(hana, key, 5).status_code in (400, 403, 404), key
    for path in ("/publish/clinic/file/incoming/..%2f..%2fx", "/publish/clinic/file/incoming/%zz"):
        assert hana.get(path).status_code == 400, path


def test_texts_of_files_are_texts(open_to_files: Portal, visit: Visit) -> None:
    hana = visit("hana")
    fields = {"form_token": token_of(hana), "place": PLACE, "folder": "evil"}
    content = f"{EVIL},b\n1,2\n3,4\n".encode()
    to = sent(hana, "/publish", data=fields, files={"file": (f"{EVIL[8:]}.csv", content, "")}).headers["location"]
    broken = {"file": (f"{EVIL[8:]}.parquet", b"PAR1 this is none PAR1", "")}
    aside = sent(hana, "/publish", data=fields, files=broken).headers["location"]
    crawled(open_to_files)
    told = hana.get(to).text
    assert "&lt;script&gt;alert(1)" in told, "a column's name is shown"
    (asset,) = set(re.findall(r'href="(/assets/[^"/]+)"', told))
    why = hana.get(aside).text
    assert "set aside" in why
    assert "/again/" not in why, "who may not run the crawler is not offered it"
    assert "Send it again, mended" in why
    for path in (to, aside, asset, f"{asset}/edit"):
        text = hana.get(path).text
        assert re.search(r"<script(?! type=\"module\" src=\"/static/)|<img src=x", text) is None, path
    answer = hana.send(aside, aside.replace("/file/", "/remove/"))
    assert "taken back" in hana.follow(answer).text
    assert hana.get(aside).status_code == 404
    again = to.replace("/file/", "/again/")
    assert hana.post(again, {"form_token": token_of(hana), "crawler": "uploads"}).status_code == 403


@pytest.mark.parametrize("name", ["rena", "olga", "eve", "stella"])
def test_who_may_write_nowhere_is_offered_nothing_and_refused(open_to_files: Portal, visit: Visit, name: str) -> None:
    browser = visit(name)
    assert "There is no folder that you may write to." in browser.get("/publish").text
    fields = {"form_token": token_of(browser), "place": PLACE}
    answer = sent(browser, "/publish", data=fields, files={"file": ("a.csv", CONTENT, "text/csv")})
    assert answer.status_code == 404
    assert begun(browser, "incoming/a.csv", 1).status_code == 404
    assert not list(open_to_files.rt.settings.logs.glob("incident_*"))


HEAD = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a/b\\c.csv"\r\nContent-Type: text/csv\r\n\r\n'


@pytest.mark.parametrize("step", [1, 2, 3, 7, 4096])
def test_a_form_with_a_file_is_read_however_it_is_cut(step: int) -> None:
    body = b"\r\n-\r\n--a\r\n--" + bytes(range(256)) * 3
    whole = HEAD + FILE + body + b"\r\n--b--\r\n"
    form = form_with_file(
        (whole[at : at + step] for at in range(0, len(whole), step)), 'multipart/form-data; boundary="b"'
    )
    assert (form.fields, form.file_name) == ([("x", "1")], "c.csv")
    assert b"".join(form.pieces) == body


@pytest.mark.parametrize(
    "whole", [b"", b"--b--\r\n", HEAD, HEAD + b"--b--\r\n", b"x" * 99_999, HEAD * 30 + FILE, HEAD[:-3] + b"y" * 99_999]
)
def test_what_is_no_form_with_a_file_is_told_so(whole: bytes) -> None:
    with pytest.raises(FormNotReadable):
        form_with_file(iter([whole]), "multipart/form-data; boundary=b")
    for rest in (b"cut", b"whole\r\n" + HEAD + b"--b--\r\n"):
        with pytest.raises(FormNotReadable):
            b"".join(form_with_file(iter([FILE + rest]), "multipart/form-data; boundary=b").pieces)
