"""Masks with arguments, as an owner writes them into the conditions and an approver puts them on a grant: what was
written comes back, and what does not fit is told beside its field."""

import pytest

from pergamon import access, catalog
from tests.reference.browsing import Fields
from tests.reference.portal import Portal

from .conftest import Visit

PATIENT, BORN = 0, 1
"""Columns of `patients`."""


def written(portal: Portal) -> catalog.AccessConditions:
    with portal.by("hana") as uow:
        return catalog.read_asset(uow, portal.assets["patients"]).version.content.conditions


def test_an_owner_writes_them_and_they_come_back(portal: Portal, visit: Visit) -> None:
    hana, page = visit("hana"), f"/assets/{portal.assets['patients']}/edit"
    form = hana.form(page, page)
    assert "column.1.width" in form
    assert "column.2.width" not in form, "sex is no number and no date"
    hana.follow(hana.send(page, page, **{"column.1.mask": "age-band", "column.1.width": "5"}))
    assert written(portal).masks == {"born": "age-band(5)"}
    moved: Fields = {"column.1.mask": "shift-date", "column.1.days": "30", "column.1.anchor": "patient"}
    hana.follow(hana.send(page, page, **moved))
    assert written(portal).masks == {"born": "shift-date(30, patient)"}
    form = hana.form(page, page)
    assert {name: form[name] for name in moved} == moved
    hana.follow(hana.send(page, page, title="Patients"))
    assert written(portal).masks == {"born": "shift-date(30, patient)"}, "a form sent as it stands changes no mask"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"column.1.mask": "age-band"}, "a width of 2 to 100"),
        ({"column.1.mask": "age-band", "column.1.width": "1"}, "a width of 2 to 100"),
        ({"column.1.mask": "age-band", "column.1.width": "9); drop"}, "a width of 2 to 100"),
        ({"column.1.mask": "shift-date", "column.1.anchor": "patient"}, "1 to 3650 days"),
        ({"column.1.mask": "shift-date", "column.1.days": "30"}, "the column that says whose date it is"),
        ({"column.1.mask": "shift-date", "column.1.days": "30", "column.1.anchor": "nobody"}, "whose date it is"),
        ({"column.1.mask": "sha-256-global"}, "does not apply to column born"),
    ],
)
def test_what_does_not_fit_is_told_beside_its_field(portal: Portal, visit: Visit, wrong: Fields, told: str) -> None:
    hana, page = visit("hana"), f"/assets/{portal.assets['patients']}/edit"
    sent = hana.send(page, page, title="Kept", **wrong)
    fault = sent.text.partition('id="e-column.1.mask"')[2].partition("</p>")[0]
    assert (sent.status_code, told in fault, 'value="Kept"' in sent.text) == (422, True, True), fault
    assert sent.text.count('class="fault"') == 1
    assert written(portal).masks == {}


def test_an_approver_puts_them_on_what_is_given(portal: Portal, visit: Visit) -> None:
    request, hana = portal.ask(table="patients", purpose=None, accept=False), visit("hana")
    page = f"/requests/{request.id}"
    wrong = hana.send(page, f"{page}/approve", **{"note": "Yes.", "column.1.mask": "age-band", "column.1.width": "0"})
    assert (wrong.status_code, 'id="e-column.1.mask"' in wrong.text) == (422, True)
    assert "Yes." in wrong.text
    masks: Fields = {"column.1.mask": "age-band", "column.1.width": "10", "column.0.mask": "mask-to-fixed-value"}
    seen = hana.post(f"{page}/preview", hana.form(page, f"{page}/approve") | masks)
    assert "in bands" in seen.text[seen.text.index('id="given"') :], "the preview gives what is written"
    approved = hana.send(page, f"{page}/approve", note="Yes.", columns=["patient", "born"], **masks)
    assert approved.status_code == 303, approved.text
    with portal.by("rena") as uow:
        (grant,) = access.grants_as_told(access.list_grants(uow, project="heart-study"), uow)
    assert {one["name"]: one["mask"] for one in grant["columns"]} == {
        "patient": "mask-to-fixed-value",
        "born": "age-band(10)",
    }
