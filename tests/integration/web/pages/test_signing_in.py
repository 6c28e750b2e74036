"""Who gets in, with which session, and how it ends."""

import httpx
import pytest

from pergamon.web.pages.genuine import fits, form_token
from pergamon.web.pages.next_page import local_path
from tests.reference.browsing import ACCEPT, Browser
from tests.reference.served import bearer

from .conftest import SESSION, Visit


def test_a_session_begins_with_the_password_and_ends_with_the_sign_out(visit: Visit) -> None:
    rena = visit()
    assert rena.get("/").headers["location"] == "/sign-in"
    answer = rena.sign_in("rena")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    (cookie,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith(SESSION)]
    for word in ("HttpOnly", "SameSite=lax", "Secure", "Path=/"):
        assert word in cookie
    assert "Domain" not in cookie
    home = rena.get("/")
    assert (home.status_code, "rena" in home.text) == (200, True)
    kept = dict(rena.cookies)
    assert rena.follow(rena.send("/", "/sign-out")).status_code == 200
    assert SESSION not in rena.cookies
    rena.cookies = kept
    assert rena.get("/").status_code == 303, "the session itself has ended, not only the cookie"


def test_a_session_that_somebody_planted_is_worth_nothing_after_the_sign_in(visit: Visit) -> None:
    eve, rena = visit("eve"), visit()
    planted = eve.cookies[SESSION]
    rena.cookies[SESSION] = planted
    rena.sign_in("rena")
    assert rena.cookies[SESSION] != planted
    assert eve.get("/").status_code == 303, "what the browser came with has ended"
    first = rena.cookies[SESSION]
    rena.sign_in("rena")
    assert rena.cookies[SESSION] != first
    rena.cookies[SESSION] = first
    assert rena.get("/").status_code == 303


def test_signing_out_everywhere_ends_every_session_of_the_person_and_of_nobody_else(visit: Visit) -> None:
    here, there, other = visit("rena"), visit("rena"), visit("hana")
    here.send("/", "/sign-out-everywhere")
    assert there.get("/").status_code == 303
    assert other.get("/").status_code == 200


@pytest.mark.parametrize(("name", "password"), [("rena", "wrong"), ("nobody", "wrong"), ("wrong", "wrong")])
def test_a_refusal_says_nothing_and_keeps_no_password(visit: Visit, name: str, password: str) -> None:
    answer = visit().sign_in(name, password)
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert 'value="wrong"' not in answer.text.replace(f'name="person" type="text" value="{name}"', "")


def test_the_sixth_failure_has_to_wait_here_and_at_the_api(visit: Visit, address: str) -> None:
    eve = visit()
    assert [eve.sign_in("rena", "wrong").status_code for _ in range(5)] == [401] * 5
    answer = eve.sign_in("rena")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    login = {"person": "rena", "password": "wrong"}
    assert httpx.post(f"{address}/api/v1/login", json=login).status_code == 429


def test_the_session_opens_no_route_of_the_api_and_a_token_needs_no_cookie(visit: Visit, address: str) -> None:
    rena = visit("rena")
    assert rena.get("/api/v1/me").status_code == 401
    token = rena.cookies[SESSION]
    assert httpx.get(f"{address}/api/v1/me", headers=bearer(token)).json()["id"] == "person:rena"


LEADS_ELSEWHERE = [
    "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
    "/%09/evil.example", "http:evil.example", " //evil.example", "/\t/evil.example", "", "catalog",
    "/x\r\nSet-Cookie: a=b", "/" + "x" * 3000, "///evil.example", "/\u2044evil.example",
]  # fmt: skip


@pytest.mark.parametrize("path", LEADS_ELSEWHERE)
def test_signing_in_leads_to_a_page_here_and_nowhere_else(path: str) -> None:
    assert local_path(path) in ("/", path if path == "/%09/evil.example" else "/")


def test_after_the_sign_in_one_is_where_one_wanted_to_go(visit: Visit) -> None:
    rena = visit()
    asked = rena.get("/styles?a=1&b=2")
    assert asked.headers["location"] == "/sign-in?next=/styles%3Fa%3D1%26b%3D2"
    answer = rena.send(asked.headers["location"], "/sign-in", person="rena", password="correct horse battery")
    assert answer.headers["location"] == "/styles?a=1&b=2"
    for path in LEADS_ELSEWHERE[:4]:
        eve = visit()
        form = eve.form("/sign-in", "/sign-in") | {"person": "rena", "password": "correct horse battery", "next": path}
        answer = eve.post("/sign-in", form)
        assert answer.status_code in (303, 422)
        if answer.status_code == 303:
            assert httpx.URL(address_of(eve)).join(answer.headers["location"]).host == "127.0.0.1", path


def address_of(browser: Browser) -> str:
    return browser.address


def test_a_form_token_is_of_one_session_and_never_the_same_twice() -> None:
    one, other = form_token("a" * 40), form_token("a" * 40)
    assert one != other
    assert fits(one, "a" * 40)
    assert fits(other, "a" * 40)
    for wrong in (form_token("b" * 40), one[:-4], "", "AAAA", "\xff", one[:43] + one[:43], "=" * 88):
        assert not fits(wrong, "a" * 40)


def test_a_program_without_a_token_is_told_in_json(address: str) -> None:
    answer = httpx.get(f"{address}/", headers={"Accept": "*/*"})
    assert (answer.status_code, answer.json()["code"]) == (401, "identity.unauthenticated")
    page = httpx.get(f"{address}/", headers={"Accept": ACCEPT})
    assert page.headers["location"] == "/sign-in"
