"""Some rows of an asset, as who looks may read them; who was given it, and how much it is queried."""

import re

import pytest

from pergamon import query
from pergamon.kernel import AccessDenied
from tests.reference.portal import Portal

from .conftest import Visit


def column_of(page: str, name: str) -> list[str]:
    """What a column of the sample shows."""
    head, _, body = page[page.index('class="grid"') :].partition("</table>")[0].partition("</thead>")
    place = re.findall(r"<th[^>]*>([^<]+)</th>", head).index(name)
    return [re.findall(r"<td[^>]*>([^<]*)</td>", row)[place] for row in body.split("<tr>")[1:]]


def test_a_sample_is_what_one_may_read_of_it(portal: Portal, visit: Visit) -> None:
    address = f"/assets/{portal.assets['encounters']}/sample"
    rena, eve = visit("rena"), visit("eve")
    assert "Its rows are not yours to read" in rena.get(address).text
    own = column_of(visit("hana").send(address, address).text, "patient")
    assert len(own) == 20
    patients = {f"P{n:05}" for n in range(1, 301)}
    assert set(own) <= patients | {"empty"}
    portal.approve(portal.ask(rows="ward = 'surgery'").id)
    page = rena.send(address, address).text
    assert "heart_study_sub.encounters" in page
    assert column_of(page, "ward") == ["surgery"] * 20
    assert not set(column_of(page, "patient")) & patients, "pseudonyms"
    assert eve.get(address).status_code == 200, "eve finds it, and reads nothing"
    assert "grid" not in eve.get(address).text
    assert "grid" not in eve.post(address, {"form_token": eve.form("/", "/sign-out")["form_token"]}).text
    assert rena.get("/assets/no-such/sample").status_code == 404


def test_who_follows_a_link_to_a_sample_has_read_nothing(portal: Portal, visit: Visit) -> None:
    """A link on another site is followed by whoever is signed in; a form is sent from here alone."""
    address, hana = f"/assets/{portal.assets['encounters']}/sample", visit("hana")
    with portal.rt.begin(portal.rt.operator()) as uow:
        before = uow.rows("SELECT id FROM audit_event WHERE code = 'query.started'")
    assert "grid" not in hana.get(address).text
    assert hana.post(address, {"form_token": "made up"}).status_code == 403
    assert hana.post(address, hana.form(address, address), Origin="https://elsewhere.example").status_code == 403
    with portal.rt.begin(portal.rt.operator()) as uow:
        assert uow.rows("SELECT id FROM audit_event WHERE code = 'query.started'") == before


def test_who_gives_it_sees_how_much_it_is_queried_and_others_their_own_grants_alone(
    portal: Portal, visit: Visit
) -> None:
    address = f"/assets/{portal.assets['encounters']}/use"
    portal.approve(portal.ask(reason="How long do people stay?").id)
    assert "Nobody has queried it" in visit("hana").get(address).text
    for name, sql in (
        ("rena", "SELECT count(*) FROM heart_study_sub.encounters"),
        ("remy", "SELECT count(*) FROM heart_study_sub.encounters"),
        ("remy", "SELECT count(*) FROM heart_study_sub.encounters"),
        ("hana", "SELECT count(*) FROM clinic_db.patients"),
    ):
        portal.rt.run_query(portal.person(name), sql)
    page = visit("hana").get(address).text
    assert "Queries and people by week, at most 3 queries" in page
    assert "Queries: 3</title>" in page
    assert "People who queried: 2</title>" in page
    assert "How long do people stay?" in page
    page = visit("rena").get(address).text
    assert "How long do people stay?" in page
    assert "How much it is queried" not in page
    page = visit("eve").get(address).text
    assert "heart-study" not in page
    assert "No project that you may know of has it." in page
    with portal.by("hana") as uow:
        weeks = query.uses_of(uow, portal.assets["encounters"], weeks=2)
        assert [(one.queries, one.people) for one in weeks] == [(0, 0), (3, 2)]
        assert (weeks[1].week - weeks[0].week).days == 7
    for name in ("rena", "eve"):
        with portal.by(name) as uow, pytest.raises(AccessDenied):
            query.uses_of(uow, portal.assets["encounters"])
