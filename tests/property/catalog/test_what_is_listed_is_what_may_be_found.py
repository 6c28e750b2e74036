"""Listing, reading and the readers of a search document are one rule: they agree in every world.

Units in trees, projects in them or in a unit that is gone, members in every role, assets in every state.
"""

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pergamon import catalog, identity, lake
from pergamon.kernel import Actor, ActorKind, NotFound
from pergamon.policy import Action, Resource, decide, visible
from pergamon.runtime import Runtime

ROLES = ["everyone", "researcher", "unit:a/owner", "unit:b/owner", "project:p/owner", "project:p/consumer", "x"]
ACTIONS = [Action.ASSET_FIND, Action.ASSET_CURATE, Action.ASSET_PUBLISH, Action.PROJECT_SEE, Action.PROJECT_MANAGE]

places = st.builds(
    catalog.Place,
    project=st.sampled_from(["p", "q", "r"]),
    unit=st.sampled_from(["", "a", "a/b"]),
    domain=st.just("d"),
    found_by=st.frozensets(st.sampled_from(ROLES), max_size=3),
    unit_owners=st.frozensets(st.sampled_from(["unit:a/owner", "unit:b/owner"])),
)
resources = st.one_of(
    st.builds(
        lambda place, is_published: catalog.resource_at(place, "asset_1", is_published=is_published),
        places,
        st.booleans(),
    ),
    st.builds(catalog.project_resource, places),
)
actors = st.builds(
    Actor, st.just("person:p"), st.sampled_from(ActorKind), st.frozensets(st.sampled_from(ROLES), max_size=4)
)


@given(
    st.lists(resources, max_size=8),
    actors,
    st.sampled_from(ACTIONS),
    st.frozensets(st.sampled_from(["catalog.manage", "query.run"])),
)
def test_visible_and_decide_agree(world: list[Resource], actor: Actor, action: Action, held: frozenset[str]) -> None:
    decided = [resource for resource in world if decide(actor, action, resource, actions=held).allowed]
    assert visible(actor, action, world, actions=held) == decided


@given(places, st.booleans())
def test_who_publishes_may_find_and_who_describes_may_find(place: catalog.Place, is_published: bool) -> None:
    resource = catalog.resource_at(place, "asset_1", is_published=is_published)
    assert resource.supers | resource.writers <= resource.readers


PEOPLE = [f"p{number}" for number in range(6)]


def _random_world(rt: Runtime, operator: Actor, dice: Random) -> dict[str, str]:
    """Returns: asset id -> its name."""
    units: dict[str, catalog.UnitSpec] = {}
    for top in ("north", "south"):
        below = {
            f"{top}-{name}": catalog.UnitSpec(owners=_some(dice), found_by=_finders(dice)) for name in ("one", "two")
        }
        units[top] = catalog.UnitSpec(owners=_some(dice), found_by=_finders(dice), units=below)
    with rt.begin(operator) as uow:
        identity.put_policy(uow, "keeping", identity.PolicySpec(actions=frozenset({"catalog.manage"})), {})
        for role, policies in (("researcher", ()), ("doctor", ()), ("keeper", ("keeping",))):
            identity.put_role(uow, role, identity.RoleSpec(policies=frozenset(policies)), {})
        for name in PEOPLE:
            roles = frozenset(dice.sample(["researcher", "doctor", "keeper"], dice.choice([0, 0, 1, 1, 2])))
            spec = identity.PrincipalSpec(kind="person", display_name=name, roles=roles)
            identity.put_principal(uow, f"person:{name}", spec, {})
        lake.put_bucket(uow, "raw", lake.BucketSpec())
        lake.put_database(uow, "some_db", lake.DatabaseSpec(bucket="raw", prefix="some"))
        catalog.put_domain(uow, "d", catalog.DomainSpec(units=units), {})
        for number in range(5):
            unit = dice.choice(["north", "south", "north-one", "north-two", "south-one", "south-two"])
            members = {role: _some(dice) for role in catalog.PROJECT_ROLES}
            project = catalog.ProjectSpec.model_validate({"unit": unit, "members": members})
            catalog.put_project(uow, f"project-{number}", project, {})
            source = catalog.DataSourceSpec(
                project=f"project-{number}",
                databases=("some_db",),
                include=(f"t{number}_*", "shared"),
                publish_automatically=dice.random() < 0.5,
            )
            catalog.put_data_source(uow, f"source-{number}", source, {})
    ids: dict[str, str] = {}
    tables = [f"t{number}_{letter}" for number in range(5) for letter in "abc"] + ["shared"]
    for name in tables:
        with rt.begin(operator) as uow:
            facts = catalog.TableFacts(columns=(catalog.Column(name="id", type="long"),))
            ids |= dict.fromkeys(catalog.table_changed(uow, lake.TableId("some_db", name), facts), f"some_db.{name}")
    for asset_id in ids:
        with rt.begin(operator) as uow:
            match dice.randrange(5):
                case 0:
                    catalog.publish_asset(uow, asset_id)
                    catalog.edit_asset(uow, asset_id, catalog.AssetEdit(title="Draft"), expected_version=1)
                case 1 if catalog.find_asset(uow, asset_id).is_published:
                    catalog.unpublish_asset(uow, asset_id)
                case 2 if ids[asset_id] != "some_db.shared":
                    catalog.table_dropped(uow, lake.TableId.parse(ids[asset_id]))
    if dice.random() < 0.5:
        with rt.begin(operator) as uow:
            catalog.put_domain(uow, "d", catalog.DomainSpec(units={"north": units["north"]}), {})
    return ids


def _some(dice: Random) -> tuple[str, ...]:
    return tuple(f"person:{name}" for name in dice.sample(PEOPLE, dice.choice([0, 0, 1, 2])))


def _finders(dice: Random) -> tuple[str, ...] | None:
    return dice.choice([None, None, (), ("researcher",), ("doctor", "researcher"), ("project:project-1/consumer",)])


def _pages(rt: Runtime, actor: Actor, size: int) -> Iterator[catalog.AssetView]:
    after = ("", "")
    while True:
        with rt.begin(actor) as uow:
            found = catalog.list_assets(uow, after=after, limit=size)
        yield from found
        if len(found) < size:
            return
        after = (found[-1].asset.name, found[-1].asset.id)


def _reads(rt: Runtime, actor: Actor, asset_id: str) -> str | None:
    try:
        with rt.begin(actor) as uow:
            view = catalog.read_asset(uow, asset_id)
    except NotFound:
        return None
    return f"{view.version.version} {view.version.content.title}"


@pytest.mark.parametrize("seed", range(4))
def test_what_is_listed_is_read_and_is_what_search_may_show(rt: Runtime, operator: Actor, seed: int) -> None:
    ids = _random_world(rt, operator, Random(seed))  # noqa: S311 - dice, not secrets
    with rt.begin(operator) as uow:
        documents = {document.id: document for document in catalog.search_documents(uow, list(ids))}
        actors = [identity.principal_actor(uow, f"person:{name}") for name in PEOPLE]
    seen_at_all = 0
    for actor in [*actors, operator]:
        read = {asset_id: _reads(rt, actor, asset_id) for asset_id in ids}
        live = {asset_id: text for asset_id, text in read.items() if text is not None and asset_id in documents}
        listed = {
            view.asset.id: f"{view.version.version} {view.version.content.title}" for view in _pages(rt, actor, 3)
        }
        assert listed == live
        names = [(view.asset.name, view.asset.id) for view in _pages(rt, actor, 7)]
        assert names == sorted(names)
        with rt.begin(actor) as uow:
            held = identity.actions_of_roles(uow, actor.roles)
        sees_all = actor.kind is ActorKind.OPERATOR or "catalog.manage" in held
        searched = {name for name, document in documents.items() if sees_all or document.readers & actor.roles}
        assert searched == set(live)
        for asset_id in live:
            document = documents[asset_id]
            if document.is_published and f"{document.version} " not in (read[asset_id] or ""):
                assert "Draft" in (read[asset_id] or "")  # who sees more than the listing belongs to the project
        seen_at_all += len(live)
    assert seen_at_all > len(documents)
