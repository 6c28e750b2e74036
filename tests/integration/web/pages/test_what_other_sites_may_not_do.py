"""Forms that other sites send, texts that would be scripts, fields that no page offers, and what browsers are told."""

import re

import httpx
import pytest

from pergamon.runtime import Runtime
from pergamon.web import create_app
from pergamon.web.pages.genuine import require_genuine
from pergamon.web.pages.headers import PAGE_HEADERS
from pergamon.web.permissions import PAGE_PERMISSIONS, is_page
from tests.reference.browsing import Browser

from .conftest import Visit

CHANGING = [asked for asked in PAGE_PERMISSIONS if asked[0] not in ("GET", "HEAD")]
FORMS = [path for method, path in CHANGING if not path.startswith("/uploads")]
"""What has fields; pieces of files have headers: `test_files_that_are_sent.py`."""
FILLED = {
    "upload_id": "upl_" + "1" * 32,
    "request_id": "request_" + "1" * 32,
    "grant_id": "grant_" + "1" * 32,
    "asset": "asset_" + "1" * 32,
    "bucket": "clinic",
}


def filled(path: str) -> str:
    return re.sub(r"{(\w+)(:path)?}", lambda found: FILLED.get(found.group(1), "x"), path)


def sent(browser: Browser, method: str, path: str, **headers: str) -> httpx.Response:
    token = str(browser.form("/", "/sign-out")["form_token"])
    return browser.post(path, {"form_token": token}, method, X_Form_Token=token, **headers)


def test_every_form_is_refused_that_another_site_sends(visit: Visit) -> None:
    rena = visit("rena")
    for method, path in CHANGING:
        for origin in ("https://evil.example", "null", "", f"{rena.address}.evil.example", "http://127.0.0.1:1"):
            answer = sent(rena, method, filled(path), Origin=origin)
            assert answer.status_code == 403, (path, origin)
            assert "web.form_not_genuine" in answer.text
    assert rena.get("/").status_code == 200, "not even the sign-out was done"


def test_every_form_is_refused_without_the_token_of_this_session(visit: Visit) -> None:
    rena, eve = visit("rena"), visit("eve")
    strange = eve.form("/", "/sign-out")["form_token"]
    for method, path in CHANGING:
        for fields in ({"a": "b"}, {"form_token": ""}, {"form_token": strange}, {"form_token": [strange, strange]}):
            assert rena.post(filled(path), fields, method).status_code == 403, (path, fields)  # type: ignore[arg-type]
    assert rena.get("/").status_code == 200


def test_no_route_that_changes_something_forgets_to_ask(rt: Runtime) -> None:
    for route in create_app(rt).router.routes:
        for inner in getattr(getattr(route, "original_router", None), "routes", [route]):
            if inner.methods - {"GET", "HEAD"} and is_page(inner.path):
                assert any(part.call is require_genuine for part in inner.dependant.dependencies), inner.path


def test_a_field_that_no_page_offers_is_refused(visit: Visit) -> None:
    rena = visit("rena")
    token = rena.form("/", "/sign-out")["form_token"]
    for path in map(filled, FORMS):
        answer = rena.post(path, {"form_token": token, "is_admin": "true"})
        assert answer.status_code in (404, 422), (path, answer.status_code)
        assert "is_admin" not in answer.text
    assert rena.get("/").status_code == 200


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("application/json", "b"),
        ("multipart/form-data; boundary=x", "b"),
        ("text/plain", "b"),
        ("application/x-www-form-urlencoded", "a zero \x00 byte"),
    ],
)
def test_what_is_no_form_is_told_so(visit: Visit, kind: str, value: str) -> None:
    answer = visit("rena").post("/preferences", {"theme": value}, Content_Type=kind)
    assert (answer.status_code, "web.form_not_readable" in answer.text) == (400, True)


def test_every_page_tells_the_browser_what_not_to_do(visit: Visit) -> None:
    rena = visit("rena")
    for browser, path in ((rena, "/"), (rena, "/nowhere"), (visit(), "/sign-in"), (visit(), "/")):
        answer = browser.get(path)
        told = {name: answer.headers.get(name) for name in PAGE_HEADERS}
        assert told == PAGE_HEADERS, path
    policy = PAGE_HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_no_page_has_a_script_or_a_style_in_it(visit: Visit) -> None:
    rena = visit("rena")
    for path in [path for method, path in PAGE_PERMISSIONS if method == "GET" and "{" not in path]:
        text = rena.get(path).text
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:", text), path


def test_files_are_kept_for_a_year_and_only_those_that_are_there_are_public(visit: Visit) -> None:
    nobody = visit()
    paths = re.findall(r'(?:href|src)="(/static/[^"]+)"', nobody.get("/sign-in").text)
    assert len(paths) >= 3
    for path in paths:
        answer = nobody.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert re.search(r"\.[0-9a-f]{12}\.", path)
    for path in ("/static/app.css", "/static/app.000000000000.css", "/static/..%2fapp.py", "/static/%2e%2e/app.py"):
        assert nobody.get(path).status_code == 303, path
        assert visit("rena").get(path).status_code == 404, path
