"""A text that is kept for one's colleagues, and the rows of a result, turned to from wherever one is."""

import html
import re

from tests.reference.portal import Portal

from .conftest import Visit
from .test_pictures_of_results import address
from .test_the_way_to_rows import run


def test_a_text_is_kept_for_the_members_of_a_project_and_for_nobody_else(portal: Portal, visit: Visit) -> None:
    rena, remy, eve = visit("rena"), visit("remy"), visit("eve")
    assert ">members of heart-study<" in rena.get("/query").text
    assert "members of" not in eve.get("/query").text, "she belongs to none"
    kept = {"name": "forty-two", "sql": "SELECT 42", "project": "heart-study"}
    assert rena.send("/query", "/saved-queries", **kept).status_code == 303
    own = rena.get("/query?saved=forty-two").text
    assert 'value="forty-two"' in own, "it is written anew under its name"
    assert '<option value="heart-study" selected' in own
    shared = remy.get("/query?saved=forty-two&owner=person:rena").text
    assert "SELECT 42" in shared
    assert 'value="forty-two"' not in shared, "what he keeps is his own"
    assert eve.get("/query?saved=forty-two&owner=person:rena").status_code == 404
    refused = eve.send("/query", "/saved-queries", **kept)
    assert refused.status_code == 422
    assert "SELECT 42" in refused.text, "what was written is still there"


def test_what_one_ran_is_turned_through_and_searched_and_never_what_others_ran(portal: Portal, visit: Visit) -> None:
    with portal.by() as uow:
        for name in ("rena", "remy"):
            uow.execute(
                "INSERT INTO query_history (id, workgroup, actor, status, submitted_at, deadline_at, tables, "
                "snapshots, sql_sha256, sql_text) SELECT 'query_' || %(name)s || n, 'default', 'person:' || %(name)s, "
                "'done', now() - n / 2 * interval '1 s', now(), '{}', '{}', '', 'SELECT ' || n || ' AS ' || %(name)s "
                "|| '_N' FROM generate_series(1, 120) n",
                {"name": name},
            )
    rena, seen = visit("rena"), list[str]()
    path: str | None = "/queries"
    while path is not None:
        page = rena.get(path).text
        seen += re.findall(r'href="/query/query_rena(\d+)"', page)
        assert "remy" not in page.split("<main")[1]
        path = next((html.unescape(link) for link in re.findall(r'href="(/queries\?[^"]*after=[^"]*)"', page)), None)
    assert len(seen) == len(set(seen)) == 120, "each once, also those of one moment"
    found = rena.get("/queries?text=select+7_AS+".replace("_", "+"), **{"X-Fragment": "1"}).text
    assert ("<html" in found, re.findall(r"query_(\w+)\"", found)) == (False, ["rena7"])
    assert "In nothing that you ran." in rena.get("/queries?text=remy_n").text


def test_rows_are_turned_to_by_their_number(visit: Visit) -> None:
    rena = visit("rena")
    page = address(run(rena, "SELECT range * 3 AS n FROM range(250)").text)
    third = rena.get(f"{page}?number=101").text
    assert "101 to 200 of 250" in third
    assert ">300</td>" in third
    assert {f"{page}?row={row}" for row in (0, 200)} <= {link for link in third.split('"') if link.startswith(page)}
    assert "250 to 250 of 250" in rena.get(f"{page}?number=999").text, "there is none behind the last"
    part = rena.get(f"{page}?row=200", **{"X-Fragment": "1"}).text
    assert ">600</td>" in part
    assert "<html" not in part
    assert "<textarea" not in part
    assert visit("remy").get(f"{page}?row=0", **{"X-Fragment": "1"}).status_code == 404
