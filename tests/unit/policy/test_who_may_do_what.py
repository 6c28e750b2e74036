"""The policy as truth tables, and decide() held against visible()."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pergamon.kernel import Actor, ActorKind, Invalid
from pergamon.policy import (
    AccessRule,
    Action,
    Resource,
    decide,
    normal_prefix,
    prefix_covers,
    resource_for_path,
    visible,
)
from pergamon.policy.actions import GROUP_OF
from pergamon.policy.decide import policies_text

PERSON = Actor("person:ada", ActorKind.PERSON, frozenset({"data-user"}))
OPERATOR = Actor("operator:root", ActorKind.OPERATOR, frozenset({"data-user"}))
SERVICE = Actor("service:worker", ActorKind.SERVICE, frozenset({"file-processor"}))
TABLE = Resource("table", "curated_db.vitals", readers=frozenset({"data-user"}), writers=frozenset({"file-processor"}))


@pytest.mark.parametrize(
    ("actor", "action", "held", "allowed"),
    [
        (PERSON, Action.TABLE_READ, (), True),
        (PERSON, Action.TABLE_WRITE, (), False),
        (PERSON, Action.OBJECT_DESTROY, (), False),
        (PERSON, Action.QUERY_RUN, (), False),
        (PERSON, Action.QUERY_RUN, ("query.run",), True),
        (PERSON, Action.DEPLOY_APPLY, ("query.run",), False),
        (PERSON, Action.AUDIT_READ, ("audit.read",), True),
        (PERSON, Action.CATALOG_SERVE, ("catalog.serve",), False),
        (SERVICE, Action.CATALOG_SERVE, ("catalog.serve",), True),
        (SERVICE, Action.TABLE_WRITE, (), True),
        (SERVICE, Action.TABLE_READ, (), False),
        (OPERATOR, Action.DEPLOY_APPLY, (), True),
        (OPERATOR, Action.AUDIT_VERIFY, (), True),
        (OPERATOR, Action.QUERY_RUN, (), False),
        (OPERATOR, Action.TABLE_READ, (), False),
        (OPERATOR, Action.TABLE_WRITE, (), False),
        (PERSON, Action.ASSET_FIND, (), True),
        (PERSON, Action.ASSET_CURATE, (), False),
        (PERSON, Action.ASSET_CURATE, ("catalog.manage",), True),
        (PERSON, Action.TABLE_WRITE, ("catalog.manage",), False),
        (SERVICE, Action.ASSET_CURATE, (), True),
        (SERVICE, Action.ASSET_PUBLISH, (), False),
        (SERVICE, Action.ASSET_FIND, (), False),
        (OPERATOR, Action.ASSET_PUBLISH, (), True),
        (OPERATOR, Action.OBJECT_READ, (), False),
    ],
)
def test_a_right_comes_from_a_role_or_an_access_rule_and_from_nothing_else(
    actor: Actor, action: Action, held: tuple[str, ...], allowed: bool
) -> None:
    assert decide(actor, action, TABLE, actions=held).allowed is allowed


ASSET = Resource("asset", "heart", frozenset({"any"}), writers=frozenset({"member"}), supers=frozenset({"owner"}))
MEMBER = Actor("person:mia", ActorKind.PERSON, frozenset({"member"}))
OWNER = Actor("person:ola", ActorKind.PERSON, frozenset({"owner"}))
OWNING_OPERATOR = Actor("operator:root", ActorKind.OPERATOR, frozenset({"owner", "member"}))
GIVING = (Action.ACCESS_DECIDE, Action.ACCESS_REVOKE)


@pytest.mark.parametrize("held", [(), ("catalog.manage", "access.ask", "access.decide", "access.revoke")])
@pytest.mark.parametrize(
    ("actor", "asks", "gives"),
    [(MEMBER, True, False), (OWNER, False, True), (PERSON, False, False), (OWNING_OPERATOR, False, False)],
)
def test_members_ask_and_owners_give_and_the_operator_does_neither(
    actor: Actor, asks: bool, gives: bool, held: tuple[str, ...]
) -> None:
    """Whatever a role's policies or looking after the catalog allow: they give no right on data to others."""
    assert decide(actor, Action.ACCESS_ASK, ASSET, actions=held).allowed is asks
    assert [decide(actor, action, ASSET, actions=held).allowed for action in GIVING] == [gives, gives]
    assert bool(visible(actor, Action.ACCESS_ASK, [ASSET], actions=held)) is asks
    assert [bool(visible(actor, action, [ASSET], actions=held)) for action in GIVING] == [gives, gives]


def test_a_decision_hands_on_the_obligations_of_what_it_allows_and_of_nothing_else() -> None:
    table = Resource("table", "t", readers=frozenset({"data-user"}), obligations={"mask:name": "show-last-4"})
    assert decide(PERSON, Action.TABLE_READ, table).obligations == {"mask:name": "show-last-4"}
    assert decide(PERSON, Action.TABLE_WRITE, table).obligations == {}
    assert decide(PERSON, Action.TABLE_READ, TABLE).obligations == {}
    assert {table: 1}[table] == 1


def test_a_refusal_says_why_and_an_approval_names_its_policy() -> None:
    assert decide(PERSON, Action.TABLE_READ, TABLE).decided_by == ("access-rule-reads",)
    assert "nothing gives" in decide(PERSON, Action.TABLE_WRITE, TABLE).reason
    assert decide(OPERATOR, Action.TABLE_READ, TABLE).decided_by == ("operator-reads-no-data",)


ROLES = st.frozensets(st.sampled_from(["a", "b", "c", 'quo"te', "ünï"]), max_size=3)
ACTORS = st.builds(Actor, st.sampled_from(["x:1", 'x:"\\']), st.sampled_from(ActorKind), ROLES)
RESOURCES = st.builds(Resource, st.just("table"), st.text(max_size=6), ROLES, ROLES, ROLES)
HELD = st.frozensets(st.sampled_from([action.value for action in Action]))


@given(ACTORS, st.sampled_from(Action), st.lists(RESOURCES, max_size=3), HELD)
def test_what_an_actor_may_list_is_what_it_may_do(
    actor: Actor, action: Action, resources: list[Resource], held: frozenset[str]
) -> None:
    """visible() and decide() are one rule written twice; they must agree on every resource."""
    decided = [resource for resource in resources if decide(actor, action, resource, actions=held).allowed]
    assert visible(actor, action, resources, actions=held) == decided


def test_every_action_has_a_group_and_every_policy_a_name() -> None:
    assert set(GROUP_OF) == set(Action)
    assert policies_text().count("@id(") == policies_text().count("permit (") + policies_text().count("forbid (")


@pytest.mark.parametrize(
    ("written", "path", "covers"),
    [
        ("/", "anything/at/all", True),
        ("data/", "data/raw_db/patients", True),
        ("/data", "data", True),
        ("data/", "database/x", False),
        ("landing/hda", "landing/hda2/x", False),
    ],
)
def test_a_prefix_ends_at_a_folder(written: str, path: str, covers: bool) -> None:
    assert prefix_covers(normal_prefix(written), path) is covers


@pytest.mark.parametrize("written", ["data/../raw", "data/*", "a\\b", "a\nb", "./data"])
def test_a_prefix_that_could_mean_two_things_is_refused(written: str) -> None:
    with pytest.raises(Invalid):
        normal_prefix(written)


def test_a_super_role_writes_and_reads_and_a_writer_reads() -> None:
    rules = [
        AccessRule("", supers=frozenset({"admin"})),
        AccessRule("data/", readers=frozenset({"user"}), writers=frozenset({"etl"})),
        AccessRule("other/", readers=frozenset({"stranger"})),
    ]
    found = resource_for_path("table", "raw_db.t", "data/raw_db/t", rules)
    assert found.readers == {"admin", "etl", "user"}
    assert found.writers == {"admin", "etl"}
    assert found.supers == {"admin"}
