"""Who may find, describe and publish what: each door of the catalog, with people in every role."""

from collections.abc import Callable
from typing import Any

import pytest

from pergamon import catalog
from pergamon.catalog.model import FormsIncomplete, NotPublished, VersionMovedOn
from pergamon.kernel import AccessDenied, NotFound, PergamonError
from pergamon.store import UnitOfWork
from tests.integration.catalog.conftest import World

Act = Callable[[UnitOfWork, str], Any]


def _edit(uow: UnitOfWork, asset_id: str) -> None:
    catalog.edit_asset(uow, asset_id, catalog.AssetEdit(title="A title"), expected_version=1)


ACTS: dict[str, Act] = {
    "find": catalog.read_asset,
    "edit": _edit,
    "publish": catalog.publish_asset,
    "unpublish": catalog.unpublish_asset,
}
EXPECTED = {
    # of a published asset; then of one that is not
    "olga": {"find": "yes", "edit": "yes", "publish": "yes", "unpublish": "yes"},
    "carl": {"find": "yes", "edit": "yes", "publish": "denied", "unpublish": "denied"},
    "steff": {"find": "yes", "edit": "yes", "publish": "yes", "unpublish": "yes"},
    "connie": {"find": "yes", "edit": "denied", "publish": "denied", "unpublish": "denied"},
    "uma": {"find": "yes", "edit": "denied", "publish": "denied", "unpublish": "yes"},
    "bea": {"find": "yes", "edit": "denied", "publish": "denied", "unpublish": "denied"},
}
EXPECTED_UNPUBLISHED = {
    "olga": {"find": "yes", "edit": "yes", "publish": "yes", "unpublish": "not published"},
    "carl": {"find": "yes", "edit": "yes", "publish": "denied", "unpublish": "denied"},
    "steff": {"find": "yes", "edit": "yes", "publish": "yes", "unpublish": "not published"},
    "connie": {"find": "yes", "edit": "denied", "publish": "denied", "unpublish": "denied"},
    "uma": dict.fromkeys(ACTS, "not found"),
    "bea": dict.fromkeys(ACTS, "not found"),
}


def _outcome(world: World, person: str, act: str, asset_id: str) -> str:
    try:
        with world.by(person) as uow:
            ACTS[act](uow, asset_id)
    except NotFound:
        return "not found"
    except AccessDenied:
        return "denied"
    except NotPublished:
        return "not published"
    return "yes"


@pytest.mark.parametrize("person", EXPECTED)
def test_who_may_do_what_to_an_asset(world: World, person: str) -> None:
    for act in ACTS:
        (published,) = world.found(f"heart_db.{person}_{act}_a", "id")
        (hidden,) = world.found(f"heart_db.{person}_{act}_b", "id")
        with world.by("olga") as uow:
            catalog.unpublish_asset(uow, hidden)
        assert _outcome(world, person, act, published) == EXPECTED[person][act], (act, "published")
        assert _outcome(world, person, act, hidden) == EXPECTED_UNPUBLISHED[person][act], (act, "hidden")


def test_a_refusal_stands_in_the_trail_and_says_the_same_as_nothing(world: World) -> None:
    (asset_id,) = world.found("heart_db.patients", "id")
    with world.by("olga") as uow:
        catalog.unpublish_asset(uow, asset_id)
    told = []
    for name in (asset_id, "asset_" + "0" * 32, "heart_db.patients", "heart_db.nothing"):
        with pytest.raises(NotFound) as refused, world.by("bea") as uow:
            catalog.read_asset(uow, name)
        told.append((refused.value.code, refused.value.message, refused.value.hint))
    assert len(set(told)) == 1
    with world.by() as uow:
        rows = uow.rows("SELECT subject FROM audit_event WHERE code = 'audit.act_denied' ORDER BY id")
    assert {row["subject"] for row in rows} >= {f"asset:{asset_id}", "asset:(not a name)"}


def test_others_see_the_listing_until_it_is_published_again(world: World) -> None:
    (asset_id,) = world.found("heart_db.patients", "id", "sex")
    edit = catalog.AssetEdit.model_validate(
        {"title": "Patients", "column_descriptions": {"sex": "As in the register"}, "tags": {"source": "register"}}
    )
    with world.by("carl") as uow:
        assert catalog.edit_asset(uow, asset_id, edit, expected_version=1).asset.working_version == 2
    with world.by("bea") as uow:
        assert catalog.read_asset(uow, asset_id).as_json()["title"] == "heart_db.patients"
        assert [version.version for version in catalog.list_versions(uow, asset_id)] == [1]
        with pytest.raises(NotFound):
            catalog.read_asset(uow, asset_id, version=2)
    assert world.documents(asset_id)[asset_id].title == "heart_db.patients"
    with world.by("steff") as uow:
        catalog.publish_asset(uow, asset_id)
    with world.by("bea") as uow:
        seen = catalog.read_asset(uow, "heart_db.patients").as_json()
        assert (seen["title"], seen["columns"][1]["description"]) == ("Patients", "As in the register")
        assert "working_version" not in seen
    assert world.documents(asset_id)[asset_id].tags == ("source=register",)
    with world.by("olga") as uow:
        told = {change.field: change.after for change in catalog.version_differences(uow, asset_id, 1, 2)}
    assert told == {"title": "Patients", "column_descriptions.sex": "As in the register", "tags.source": "register"}


def test_a_machine_lists_new_columns_and_never_a_persons_draft(world: World) -> None:
    (asset_id,) = world.found("heart_db.patients", "id")
    with world.by("carl") as uow:
        catalog.edit_asset(uow, asset_id, catalog.AssetEdit(title="Not ready"), expected_version=1)
    world.found("heart_db.patients", "id", "sex")
    with world.by("bea") as uow:
        seen = catalog.read_asset(uow, asset_id).as_json()
    assert [column["name"] for column in seen["columns"]] == ["id", "sex"]
    assert seen["title"] == "heart_db.patients"
    with world.by("carl") as uow:
        draft = catalog.read_asset(uow, asset_id).as_json()
    assert (draft["title"], draft["version"], draft["published_version"]) == ("Not ready", 4, 3)


def test_what_a_person_unpublished_no_machine_publishes_again(world: World) -> None:
    (asset_id,) = world.found("heart_db.patients", "id")
    with world.by("olga") as uow:
        catalog.unpublish_asset(uow, asset_id)
    world.found("heart_db.patients", "id", "sex")
    assert not world.documents(asset_id)[asset_id].is_published
    with world.by("olga") as uow:
        catalog.publish_asset(uow, asset_id)
    world.found("heart_db.patients", "id", "sex", "age")
    assert world.documents(asset_id)[asset_id].version == 3


def test_an_edit_on_an_older_version_is_refused_and_changes_nothing(world: World) -> None:
    (asset_id,) = world.found("heart_db.patients", "id")
    with world.by("carl") as uow:
        catalog.edit_asset(uow, asset_id, catalog.AssetEdit(title="First"), expected_version=1)
    with pytest.raises(VersionMovedOn), world.by("steff") as uow:
        catalog.edit_asset(uow, asset_id, catalog.AssetEdit(title="Second"), expected_version=1)
    with world.by("carl") as uow:
        assert catalog.read_asset(uow, asset_id).version.content.title == "First"


def test_what_rules_demand_is_named_field_by_field_before_publishing(world: World) -> None:
    form = {
        "fields": {
            "legal_basis": {"type": "enum", "choices": ["consent", "law"], "required": True},
            "persons": {"type": "integer", "minimum": 0, "required": True},
            "remark": {"type": "text"},
        }
    }
    with world.by() as uow:
        catalog.put_form(uow, "ehds", catalog.FormSpec.model_validate(form), {})
        rule = catalog.RuleSpec(forms=("ehds",), units=("clinic",))
        catalog.put_rule(uow, "ehds-everywhere", rule, {})
    (asset_id,) = world.found("heart_db.patients", "id")
    assert not world.documents(asset_id)[asset_id].is_published
    with pytest.raises(FormsIncomplete) as refused, world.by("olga") as uow:
        catalog.publish_asset(uow, asset_id)
    assert "ehds.legal_basis, ehds.persons" in refused.value.message
    edit = catalog.AssetEdit(forms={"ehds": {"legal_basis": "because", "persons": -1}})
    with pytest.raises(PergamonError) as wrong, world.by("carl") as uow:
        catalog.edit_asset(uow, asset_id, edit, expected_version=1)
    assert "one of consent, law" in wrong.value.message
    assert "because" not in wrong.value.message
    with world.by("carl") as uow:
        edit = catalog.AssetEdit(forms={"ehds": {"legal_basis": "law", "persons": 12}})
        catalog.edit_asset(uow, asset_id, edit, expected_version=1)
    world.found("heart_db.patients", "id", rows=11)  # the data source publishes what is complete now
    assert world.documents(asset_id)[asset_id].is_published


def test_a_product_bundles_what_is_published_and_shows_what_the_reader_may_find(world: World) -> None:
    (one,) = world.found("heart_db.one", "id")
    (two,) = world.found("heart_db.two", "id")
    with world.by("carl") as uow:
        product = catalog.make_product(uow, "heart", "cohort", catalog.AssetEdit(title="Cohort", assets=(one, two)))
    with world.by("olga") as uow:
        catalog.unpublish_asset(uow, two)
    with pytest.raises(PergamonError, match="not published"), world.by("olga") as uow:
        catalog.publish_asset(uow, product.asset.id)
    with world.by("olga") as uow:
        catalog.publish_asset(uow, two)
        catalog.publish_asset(uow, product.asset.id)
        catalog.unpublish_asset(uow, two)
    with world.by("bea") as uow:
        assert [asset["id"] for asset in catalog.read_asset(uow, "cohort").as_json()["assets"]] == [one]
    assert world.documents(product.asset.id)[product.asset.id].asset_type == "data-product"


def test_a_term_in_use_does_not_tell_of_assets_that_may_not_be_found(world: World) -> None:
    """Nor how many there are: who removes terms of a unit does not see what its projects have not published."""
    ids = [asset for name in ("a", "b") for asset in world.found(f"heart_db.{name}", "id")]
    spec = catalog.TermSpec(title="Blood pressure", definition="Of the arm")
    with world.by("olga") as uow:
        catalog.suggest_term(uow, "bp", spec, unit="cardiology")
    with world.by("uma") as uow:
        catalog.approve_term(uow, "bp")
    for asset_id in ids:
        with world.by("olga") as uow:
            catalog.edit_asset(uow, asset_id, catalog.AssetEdit(terms=("bp",)), expected_version=1)
            catalog.unpublish_asset(uow, asset_id)
    with pytest.raises(PergamonError) as refused, world.by("uma") as uow:
        catalog.remove_term(uow, "bp")
    assert refused.value.message == "the term stands on assets: that you may not find"
    with world.by("olga") as uow:
        catalog.publish_asset(uow, ids[0])
    with pytest.raises(PergamonError) as refused, world.by("uma") as uow:
        catalog.remove_term(uow, "bp")
    assert refused.value.message == "the term stands on assets: `heart_db.a`"


def test_a_draft_that_an_approved_term_speaks_of_shows_neither_its_name_nor_its_words(world: World) -> None:
    (asset_id,) = world.found("heart_db.a", "id")
    draft = catalog.TermSpec(title="Secret trial")
    with world.by("olga") as uow:
        catalog.suggest_term(uow, "secret", draft, unit="cardiology")
        spec = catalog.TermSpec(title="Pulse", relations={"is-a": ("secret",)})
        catalog.suggest_term(uow, "pulse", spec, unit="cardiology")
    with world.by("uma") as uow:
        catalog.approve_term(uow, "pulse")
    with world.by("olga") as uow:
        catalog.edit_asset(uow, asset_id, catalog.AssetEdit(terms=("pulse",)), expected_version=1)
        catalog.publish_asset(uow, asset_id)
        assert catalog.read_term(uow, "pulse").as_json()["relations"] == {"is-a": ["secret"]}
    with world.by("bea") as uow:
        assert catalog.read_term(uow, "pulse").as_json()["relations"] == {}
        assert [term.as_json()["relations"] for term in catalog.list_terms(uow) if term.name == "pulse"] == [{}]
    assert world.documents(asset_id)[asset_id].term_words == ()
    with world.by("uma") as uow:
        changes = "SELECT sequence FROM catalog_change WHERE asset_id = %s"
        before = uow.rows(changes, (asset_id,))
        catalog.approve_term(uow, "secret")
        assert uow.rows(changes, (asset_id,)) != before, "search hears of it"
    assert world.documents(asset_id)[asset_id].term_words == ("Secret trial",)
