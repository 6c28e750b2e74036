"""How much each project keeps: counted once, and told to its members and to who operates the platform alone."""

import pytest

from pergamon import catalog, identity, lake, objects
from pergamon.catalog import ProjectStorage, UnknownProject

from .conftest import World

SENDER = "sender"


@pytest.fixture
def filled(world: World) -> World:
    """Two tables, one that is gone; objects below a folder and a folder in it, two versions of one; one elsewhere."""
    world.found("heart_db.a", "id", size_bytes=1_000, files=2)
    world.found("heart_db.b", "id", size_bytes=None, files=None)
    world.found("heart_db.gone", "id", size_bytes=50_000)
    with world.rt.begin(world.service) as uow:
        catalog.table_dropped(uow, lake.TableId("heart_db", "gone"))
    with world.by() as uow:
        rule = lake.AccessRuleSpec(prefix="", ReadWriteSuperRoles=(SENDER,))
        lake.put_bucket(uow, "sent", lake.BucketSpec(access_rules=(rule,)))
        identity.put_role(uow, SENDER, identity.RoleSpec(), {})
        spec = identity.PrincipalSpec(kind="person", display_name="Sender", roles=frozenset({SENDER}))
        identity.put_principal(uow, "person:sender", spec, {})
        objects.govern_prefixes(uow, "crawler:one", "sent", ["heart/"], "heart_db")
        objects.govern_prefixes(uow, "crawler:two", "sent", ["heart/visits/"], "heart_db")
        objects.govern_prefixes(uow, "crawler:other", "sent", ["lung/"], "lung_db")
    sender = world.person("sender")
    for key, content in (
        ("heart/a.csv", b"12345"),
        ("heart/a.csv", b"123"),
        ("heart/visits/b.csv", b"1234567"),
        ("heart/removed.csv", b"1"),
        ("heart-other/c.csv", b"1"),
        ("lung/d.csv", b"1"),
    ):
        world.rt.put_object(sender, "sent", key, [content])
    with world.rt.begin(sender) as uow:
        objects.remove_object(uow, "sent", "heart/removed.csv")
    return world


def test_everything_is_counted_once_and_only_what_is_there(filled: World) -> None:
    heart = ProjectStorage("heart", tables=2, files=2, table_bytes=1_000, objects=2, object_bytes=10, older_bytes=6)
    with filled.by() as uow:
        assert catalog.list_storage(uow) == [heart, ProjectStorage("quiet")]
        assert catalog.list_storage(uow, after="heart", limit=1) == [ProjectStorage("quiet")]
        assert catalog.list_storage(uow, limit=1) == [heart]


def test_members_and_operators_are_told_and_who_merely_sees_the_project_is_not(filled: World) -> None:
    with filled.by() as uow:
        identity.put_policy(uow, "operate", identity.PolicySpec(actions=frozenset({"platform.operate"})), {})
        identity.put_role(uow, "keeper", identity.RoleSpec(policies=frozenset({"operate"})), {})
        spec = identity.PrincipalSpec(kind="person", display_name="Kim", roles=frozenset({"keeper"}))
        identity.put_principal(uow, "person:kim", spec, {})
    for name, told in {"connie": ["heart"], "uma": [], "bea": [], "kim": ["heart", "quiet"]}.items():
        with filled.by(name) as uow:
            assert [one.project for one in catalog.list_storage(uow)] == told, name
    with filled.by("connie") as uow:
        storage = catalog.read_storage(uow, "heart")
    assert storage is not None
    assert storage.table_bytes == 1_000
    with filled.by("uma") as uow:
        assert catalog.read_storage(uow, "heart") is None, "its unit's owner sees the project, not what is unpublished"
    with pytest.raises(UnknownProject), filled.by("bea") as uow:
        catalog.read_storage(uow, "heart")
