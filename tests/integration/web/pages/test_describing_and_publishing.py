"""An asset's page for who describes it: what is said is kept as a version, forms that are demanded stand before a
publication, and who may not is neither offered it nor let."""

import pytest

from pergamon import catalog
from tests.reference.browsing import Fields
from tests.reference.portal import OPERATOR, Portal

from .conftest import Visit
from .test_texts_that_would_be_scripts import EVIL, MARKUP, harmless

ETHICS = {
    "title": "Ethics",
    "fields": {
        "board": {"type": "enum", "title": "Board", "choices": ["Bern", "Basel"], "required": True},
        "approved": {"type": "date", "title": "Approved on"},
        "people": {"type": "integer", "title": "People in it", "minimum": 1},
        "minors": {"type": "boolean", "title": "Minors among them"},
    },
}


def demand_ethics(portal: Portal) -> None:
    """What the hospital's data is published with."""
    with portal.rt.begin(OPERATOR) as uow:
        catalog.put_form(uow, "ethics", catalog.FormSpec.model_validate(ETHICS), {})
        rule = catalog.RuleSpec(forms=("ethics",), projects=("clinic-data",))
        catalog.put_rule(uow, "ethics-first", rule, {})


@pytest.fixture
def page(portal: Portal) -> str:
    demand_ethics(portal)
    return f"/assets/{portal.assets['patients']}/edit"


WRITTEN: Fields = {
    "title": "Patients", "description": "Everybody who came.", "tags": "specialty=all\nwave = 2", "terms": ["ward"],
    "conditions": "Nobody is sought.", "purposes": "research, public-health", "longest_days": "90",
    "column.0.description": "The hospital's number.", "column.0.mask": "hmac-sha-256", "column.0.identifies": "true",
    "contact.0.name": "Hana Holder", "contact.0.email": "hana@example.org",
    "says.ethics.board": "Bern", "says.ethics.people": "300", "says.ethics.minors": "false",
}  # fmt: skip


def test_what_is_written_is_kept_and_others_see_it_when_it_is_published(
    portal: Portal, visit: Visit, page: str
) -> None:
    hana, asset = visit("hana"), portal.assets["patients"]
    portal_page = page.removesuffix("/edit")
    assert page in hana.get(portal_page).text
    assert "ethics.board" in hana.get(page).text, "what is missing is said before"
    incomplete = hana.send(page, page, **{**WRITTEN, "says.ethics.board": "", "publish": "true"})
    assert (incomplete.status_code, "ethics.board" in incomplete.text) == (422, True)
    assert "Everybody who came." in incomplete.text, "the form keeps what was written"
    assert "Kept, as a new version" in hana.follow(hana.send(page, page, **WRITTEN)).text
    assert "Everybody who came." not in visit("rena").get(portal_page).text
    with portal.by("hana") as uow:
        content = catalog.read_asset(uow, asset).version.content
    assert (content.title, content.tags, content.terms) == ("Patients", {"specialty": "all", "wave": "2"}, ("ward",))
    assert content.forms == {"ethics": {"board": "Bern", "people": 300, "minors": False}}
    assert content.column_descriptions == {"patient": "The hospital's number."}
    conditions = content.conditions
    assert (conditions.purposes, conditions.longest_days) == (("research", "public-health"), 90)
    assert (conditions.masks, conditions.identifiers) == ({"patient": "hmac-sha-256"}, ("patient",))
    assert content.contacts[0].email == "hana@example.org"
    unchanged = hana.follow(hana.send(page, page, publish="true")).text
    assert "Published: others find it now" in unchanged
    with portal.by("hana") as uow:
        view = catalog.read_asset(uow, asset)
    assert (view.version.content, view.asset.has_draft) == (content, False), "a form sent as it stands changes nothing"
    assert "Everybody who came." in visit("rena").get(portal_page).text
    hana.send(page, page, **{"tags": "", "says.ethics.people": "", "title": "", "column.0.mask": ""})
    with portal.by("hana") as uow:
        content = catalog.read_asset(uow, asset).version.content
    assert (content.title, content.tags, content.conditions.masks) == (None, {}, {})
    assert content.forms["ethics"].get("people") is None
    assert hana.send(page, page.replace("/edit", "/unpublish")).status_code == 303
    assert visit("rena").get(portal_page).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"tags": "no equals sign"}, {"tags": "a=1\na=2"}, {"classification": "Not A Slug"}, {"terms": ["no-such"]},
        {"column.0.mask": "shout"}, {"column.0.mask": "truncate-to-year"}, {"contact.0.email": "nobody"},
        {"contact.0.role": "alone"}, {"longest_days": "0"}, {"says.ethics.people": "many"}, {"expected_version": "99"},
        {"says.ethics.board": "Paris"}, {"column.0.nothing": "1"}, {"column.x.mask": ""}, {"says.x": "1"},
    ],
)  # fmt: skip
def test_what_cannot_stand_there_is_told_at_the_form(portal: Portal, visit: Visit, page: str, wrong: Fields) -> None:
    answer = visit("hana").send(page, page, **wrong)
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    with portal.by("hana") as uow:
        assert catalog.read_asset(uow, portal.assets["patients"]).asset.working_version == 1


@pytest.mark.parametrize("name", ["rena", "olga", "eve"])
def test_who_may_not_describe_it_is_not_offered_it_and_refused(
    portal: Portal, visit: Visit, page: str, name: str
) -> None:
    browser, shown = visit(name), page.removesuffix("/edit")
    assert page not in browser.get(shown).text
    token = str(browser.form("/", "/sign-out")["form_token"])
    fields: Fields = {"form_token": token, "expected_version": "1"}
    assert browser.get(page).status_code == 403
    for path in (page, f"{shown}/publish"):
        assert browser.post(path, fields).status_code == 403, path
    assert browser.post(f"{shown}/unpublish", {"form_token": token}).status_code == 403
    with portal.by("hana") as uow:
        catalog.unpublish_asset(uow, portal.assets["patients"])
    for path in (page, shown):
        assert browser.get(path).status_code == 404
    assert browser.post(page, fields).status_code == 404
    assert not list(portal.rt.settings.logs.glob("incident_*"))


def test_texts_that_were_written_are_texts(portal: Portal, visit: Visit, page: str) -> None:
    hana = visit("hana")
    texts: Fields = {
        "title": EVIL, "description": MARKUP, "readme": EVIL + MARKUP, "conditions": MARKUP,
        "tags": f"{EVIL.replace('=', '')}={EVIL}", "column.0.description": MARKUP, "contact.0.name": EVIL,
        "says.ethics.board": EVIL,
    }  # fmt: skip
    assert harmless(hana.send(page, page, **texts).text), "a form that could not be kept"
    hana.follow(hana.send(page, page, **(texts | {"says.ethics.board": "Bern"})))
    assert harmless(hana.get(page).text)
