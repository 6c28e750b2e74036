"""From the search to rows, as pages: what is found, asked, decided, given, queried, taken back; and who sees what."""

import re
import time

import httpx
import pytest

from tests.reference.browsing import Browser
from tests.reference.portal import Portal

from .conftest import Visit

BY_WARD = "SELECT ward, count(*) AS stays FROM heart_study_sub.encounters GROUP BY ward ORDER BY ward"


def asked(rena: Browser, asset: str, **more: str | list[str]) -> str:
    """The path of the request that was made."""
    page = f"/assets/{asset}/request"
    told = {"reason": "How long do people stay?", "purpose": "research", "accept": "true"} | more
    answer = rena.send(page, page, **told)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def approved(hana: Browser, request: str, **more: str | list[str]) -> httpx.Response:
    return hana.send(request, f"{request}/approve", **({"note": "The board has agreed."} | more))


def run(browser: Browser, sql: str) -> httpx.Response:
    """The page on which a statement has ended."""
    answer = browser.send("/query", "/query", sql=sql)
    if answer.status_code != 303:
        return answer
    until = time.monotonic() + 20
    while True:
        page = browser.get(answer.headers["location"])
        if "data-under-way" not in page.text or time.monotonic() > until:
            return page
        time.sleep(0.1)


def test_from_the_search_to_rows_and_back(portal: Portal, visit: Visit) -> None:
    rena, hana, asset = visit("rena"), visit("hana"), portal.assets["encounters"]
    found = rena.get("/catalog?text=hospital+stays")
    assert f'href="/assets/{asset}"' in found.text
    page = rena.get(f"/assets/{asset}")
    assert "Request access" in page.text
    assert "a pseudonym, another in each project" in page.text, "what one will get is said before one asks"
    request = asked(rena, asset, days="30", columns=["patient", "days", "ward"])
    said = rena.get(request)
    assert "Your request has been sent." in said.text
    assert "Your request has been sent." not in rena.get(request).text, "said once"
    assert "Waits for the owners of the asset" in said.text
    assert "/approve" not in said.text, "nobody is offered what is refused"
    assert "waiting for a decision" in rena.get(f"/assets/{asset}").text
    assert "waiting for a decision" in rena.get("/").text

    assert "Waiting for you" in hana.get("/").text
    shown = hana.post(f"{request}/preview", hana.form(request, f"{request}/approve"))
    assert "of 900 rows" in shown.text
    assert "not given" in shown.text
    assert approved(hana, request).status_code == 303
    assert "Waiting for you" not in hana.get("/").text

    assert "heart_study_sub.encounters" in rena.get(f"/assets/{asset}").text
    editor = rena.get("/query?table=heart_study_sub.encounters")
    assert "SELECT * FROM heart_study_sub.encounters LIMIT 100" in editor.text
    assert 'data-name="cost"' not in editor.text, "a column that was not asked for is not beside the editor"
    result = run(rena, BY_WARD)
    assert "cardiology" in result.text
    query = re.findall(r"/query/(query_\w+)/download", result.text)[0]
    file = rena.get(f"/query/{query}/download?form=csv")
    assert file.headers["content-disposition"] == f'attachment; filename="{query}.csv"'
    assert file.text.startswith("ward,stays\r\n") or file.text.startswith("ward,stays\n")
    assert BY_WARD in rena.get("/queries").text.replace("&#39;", "'")

    grant = re.findall(r"/grants/(grant_\w+)/revoke", hana.get(request).text)[0]
    assert "/revoke" not in rena.get(request).text
    answer = hana.send(request, f"/grants/{grant}/revoke", reason="The study has ended.")
    assert "The study has ended." in hana.follow(answer).text
    assert "no such table" in run(rena, BY_WARD).text
    assert "A right that these rows rest on has ended" in rena.get(f"/query/{query}").text


def test_a_request_is_sent_back_changed_and_rejected(portal: Portal, visit: Visit) -> None:
    rena, hana, asset = visit("rena"), visit("stella"), portal.assets["encounters"]
    request = asked(rena, asset)
    hana.send(request, f"{request}/ask-for-changes", note="Which years?")
    page = rena.get(request)
    assert "Which years?" in page.text
    assert f'href="{request}/amend"' in page.text
    form = rena.get(f"{request}/amend")
    assert "How long do people stay?" in form.text, "the form says what was asked"
    answer = rena.send(
        f"{request}/amend", f"{request}/amend", reason="Since 2025", purpose="research", rows="days > 3", accept="true"
    )
    assert answer.status_code == 303, answer.text
    assert "days &gt; 3" in hana.get(request).text
    hana.send(request, f"{request}/comment", note="Thank you.")
    hana.send(request, f"{request}/reject", note="Not for this study.")
    page = rena.get(request)
    for text in ("Thank you.", "Not for this study.", "rejected"):
        assert text in page.text
    assert "/amend" not in page.text


def test_what_is_wrong_with_a_request_is_told_at_the_form_which_keeps_what_was_written(
    portal: Portal, visit: Visit
) -> None:
    rena, page = visit("rena"), f"/assets/{portal.assets['encounters']}/request"
    wrong: list[dict[str, str | list[str]]] = [
        {"reason": "My own words", "purpose": "research"},
        {"reason": "My own words", "purpose": "to-sell", "accept": "true"},
        {"reason": "My own words", "purpose": "research", "accept": "true", "days": "9999"},
        {"reason": "My own words", "purpose": "research", "accept": "true", "rows": "nonsense ~~ 1"},
        {"reason": "My own words", "purpose": "research", "accept": "true", "columns": ["no_such_column"]},
    ]
    for fields in wrong:
        answer = rena.send(page, page, **fields)
        assert (answer.status_code, "My own words" in answer.text) == (422, True), fields
        assert 'role="alert"' in answer.text
    assert "There are none." in rena.get("/requests").text


def test_a_table_that_one_may_not_use_is_answered_as_one_that_is_not_there(visit: Visit) -> None:
    rena = visit("rena")
    for sql in ("SELECT * FROM clinic_db.patients", "SELECT * FROM clinic_db.nothing"):
        answer = run(rena, sql)
        assert answer.status_code == 422
        assert "There is no such table among those you may use" in answer.text
        assert sql in answer.text, "what was written is still there"
    assert "clinic_db" not in rena.get("/query").text
    assert rena.get("/query/tables/clinic_db/patients").status_code == 404


def test_queries_are_kept_and_removed_and_are_ones_own(visit: Visit) -> None:
    rena, eve = visit("rena"), visit("eve")
    page = run(rena, "SELECT 41 + 1 AS answer")
    query = re.findall(r"/query/(query_\w+)/download", page.text)[0]
    for path in (f"/query/{query}", f"/query/{query}/download", f"/query/{query}/events"):
        assert eve.get(path).status_code == 404
    assert rena.send("/query", "/saved-queries", name="forty-two", sql="SELECT 42").status_code == 303
    assert "SELECT 42" in rena.get("/query?saved=forty-two").text
    assert eve.get("/query?saved=forty-two&owner=person:rena").status_code == 404
    answer = rena.send("/queries", "/saved-queries/forty-two/remove")
    assert answer.status_code == 303
    assert "forty-two" not in rena.get("/queries").text.replace("saved-queries/forty-two", "")


def test_what_is_under_way_is_told_until_it_has_ended(visit: Visit) -> None:
    rena = visit("rena")
    answer = rena.send("/query", "/query", sql="SELECT count(*) FROM range(40000000) a WHERE a.range % 7 = 3")
    told = rena.get(f"{answer.headers['location']}/events", Accept="text/event-stream")
    assert told.headers["content-type"].startswith("text/event-stream")
    assert told.text.endswith("event: state\ndata: done\n\n")


@pytest.mark.parametrize("name", ["rena", "hana", "stella", "olga", "eve", "remy"])
def test_every_page_as_each_person(portal: Portal, visit: Visit, name: str) -> None:
    """What somebody may not see is answered as not there; everything else is a page, in both languages."""
    request = portal.ask().id
    portal.approve(request)
    asset, bare = portal.assets["encounters"], portal.assets["patients"]
    sees_request = name in {"rena", "remy", "hana", "stella"}
    pages = {
        "/": 200, "/catalog": 200, "/catalog?text=hospital&sort=quality&project=clinic-data": 200, "/requests": 200,
        "/requests?tab=waiting": 200, "/requests?tab=approved": 200, "/grants": 200, "/grants?state=revoked": 200,
        "/query": 200, "/queries": 200, "/styles": 200, f"/assets/{asset}": 200, f"/assets/{asset}/quality": 200,
        f"/assets/{asset}/lineage": 200, f"/assets/{asset}/versions": 200, f"/assets/{asset}/request": 200,
        f"/assets/{bare}": 200, "/assets/clinic_db.lab_results/lineage": 200,
        f"/requests/{request}": 200 if sees_request else 404,
        "/assets/asset_00000000000000000000000000000000": 404, "/assets/no.such": 404, "/nowhere": 404,
        "/projects": 200, "/projects/heart-study": 200 if name in {"rena", "remy"} else 404, "/projects/no-such": 404,
        "/audit": 200 if name == "olga" else 403, "/audit/export": 200 if name == "olga" else 403,
        "/requests?tab=nonsense": 422, "/catalog?sort=nonsense": 422,
    }  # fmt: skip
    for language in ("en", "de"):
        browser = visit(name, language)
        for path, status in pages.items():
            answer = browser.get(path)
            assert answer.status_code == status, (name, path, answer.status_code)
            assert f'<html lang="{language}"' in answer.text or path == "/audit/export", path
    assert not list(portal.rt.settings.logs.glob("incident_*"))


def test_what_is_not_open_to_somebody_is_in_no_count_and_no_suggestion(portal: Portal, visit: Visit) -> None:
    with portal.by("hana") as uow:
        from pergamon import catalog

        catalog.unpublish_asset(uow, portal.assets["lab_results"])
    portal.follow()
    seen, hidden = visit("hana").get("/catalog").text, visit("rena").get("/catalog").text
    assert "3 assets" in seen
    assert "2 assets" in hidden
    assert "Laborat" in seen
    assert "Laborat" not in hidden
    assert "Laborat" not in visit("rena").get("/catalog?text=laborator").text.replace('value="laborator"', "")
    assert "lab_results" not in visit("rena").get("/assets/clinic_db.encounters/lineage").text


def test_an_auditor_searches_the_trail_and_verifies_it(portal: Portal, visit: Visit) -> None:
    request = portal.ask().id
    eve, olga = visit("eve"), visit("olga")
    eve.get(f"/requests/{request}")
    found = olga.get("/audit?by=rena").text
    assert f"request:{request}" in found
    assert "<code>access.request_made</code>" in found
    denied = olga.get("/audit?by=eve&denials=true").text
    assert "access.see" in denied
    assert "<code>access.request_made</code>" not in olga.get("/audit?by=eve").text
    assert "Nothing of that kind" in olga.get("/audit?since=2001-01-01&until=2001-12-31").text
    assert "<code>access.request_made</code>" in olga.get("/audit?until=9999-12-31").text, "no day is after that one"
    assert olga.get("/audit?since=2001-99-99").status_code == 422
    first = olga.get("/audit")
    more = re.findall(r'href="(/audit\?after=[^"]+)"', first.text)
    assert more, "there is a second page"
    assert set(re.findall(r'id="(evt_\w+)"', olga.get(more[0]).text)).isdisjoint(
        re.findall(r'id="(evt_\w+)"', first.text)
    )
    assert "The chain holds." in olga.send("/audit", "/audit/verify").text
    lines = olga.get("/audit/export?by=rena").text.splitlines()
    assert all('"actor": "person:rena"' in line for line in lines)
    token = eve.form("/", "/sign-out")["form_token"]
    assert eve.post("/audit/verify", {"form_token": token}).status_code == 403
