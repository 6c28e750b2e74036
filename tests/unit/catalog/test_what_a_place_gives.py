"""Which roles a place gives on an asset and on a project: the truth table of the catalog's rights."""

import pytest

from pergamon.catalog import PROJECT_ROLES, DataSourceSpec, Place, project_resource, resource_at
from pergamon.kernel import Actor, ActorKind
from pergamon.policy import Action, decide

PLACE = Place("heart", "clinic/cardiology", "hospital", frozenset({"everyone"}), frozenset({"unit:clinic/owner"}))
ROLES = {role: f"project:heart/{role}" for role in PROJECT_ROLES} | {"unit": "unit:clinic/owner", "stranger": "x"}
FIND, CURATE, PUBLISH = Action.ASSET_FIND, Action.ASSET_CURATE, Action.ASSET_PUBLISH
SEE, MANAGE = Action.PROJECT_SEE, Action.PROJECT_MANAGE

ALLOWED: dict[str, dict[str, set[Action]]] = {
    "published": {
        "owner": {FIND, CURATE, PUBLISH},
        "contributor": {FIND, CURATE},
        "consumer": {FIND},
        "steward": {FIND, CURATE, PUBLISH},
        "unit": {FIND, PUBLISH},
        "stranger": {FIND},
    },
    "unpublished": {
        "owner": {FIND, CURATE, PUBLISH},
        "contributor": {FIND, CURATE},
        "consumer": {FIND},
        "steward": {FIND, CURATE, PUBLISH},
        "unit": set(),
        "stranger": set(),
    },
    "project": {
        "owner": {SEE, MANAGE},
        "contributor": {SEE},
        "consumer": {SEE},
        "steward": {SEE},
        "unit": {SEE, MANAGE},
        "stranger": set(),
    },
}


@pytest.mark.parametrize("who", ROLES)
@pytest.mark.parametrize("thing", ALLOWED)
def test_who_may_do_what(thing: str, who: str) -> None:
    actor = Actor("person:p", ActorKind.PERSON, frozenset({ROLES[who], "everyone"}))
    if thing == "project":
        resource, actions = project_resource(PLACE), (SEE, MANAGE)
    else:
        resource = resource_at(PLACE, "asset_1", is_published=thing == "published")
        actions = (FIND, CURATE, PUBLISH)
    assert {action for action in actions if decide(actor, action, resource).allowed} == ALLOWED[thing][who]


def test_without_a_unit_only_the_project_finds_what_it_publishes() -> None:
    lost = Place("heart", "", "", frozenset(), frozenset())
    resource = resource_at(lost, "asset_1", is_published=True)
    assert resource.readers == frozenset(f"project:heart/{role}" for role in PROJECT_ROLES)


@pytest.mark.parametrize(
    ("database", "table", "taken"),
    [
        ("a_db", "labs", True),
        ("a_db", "lab_2024", True),
        ("a_db", "tmp_labs", False),
        ("a_db", "patients", False),
        ("b_db", "labs", False),
        ("a_db", "x_secret", False),
    ],
)
def test_which_tables_a_data_source_takes(database: str, table: str, taken: bool) -> None:
    spec = DataSourceSpec(project="p", databases=("a_db",), include=("lab*", "x_*"), exclude=("tmp_*", "*_secret"))
    assert spec.takes(database, table) is taken
