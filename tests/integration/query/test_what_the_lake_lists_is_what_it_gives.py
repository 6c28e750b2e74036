"""Tables are listed by databases and decided one by one; over the lake's rules both give the same."""

import pytest

from pergamon import lake, query
from pergamon.kernel import Actor, ActorKind, NotFound
from pergamon.query.visible_tables import readable_table
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork

RULES = (
    {"prefix": "/", "read_roles": ["all"]},
    {"prefix": "/data/", "read_write_roles": ["writer"]},
    {"prefix": "/data/raw_db/", "read_roles": ["raw"]},
    {"prefix": "/data/raw_db/a/", "read_roles": ["a"]},
    {"prefix": "/data/raw_db/a/parts/", "read_roles": ["deeper"]},
    {"prefix": "/data/raw", "read_roles": ["near"]},
    {"prefix": "/data/other_db/", "read_roles": ["tagged"], "tags": {"kind": "x"}},
    {"prefix": "/data/other_db/b/", "read_write_super_roles": ["owner"]},
)
TABLES = tuple(f"{database}.{table}" for database in ("raw_db", "other_db", "far_db") for table in ("a", "aa", "b"))
ROLES = (*"all writer raw a deeper near tagged owner nobody".split(), "")  # noqa: SIM905


def _readable(uow: UnitOfWork, catalog: query.LakeCatalog, name: str) -> bool:
    try:
        readable_table(uow, catalog, query.TableName(*name.split(".")))
    except NotFound:
        return False
    return True


@pytest.mark.parametrize("kind", [ActorKind.PERSON, ActorKind.OPERATOR])
def test_every_role_is_listed_what_it_may_read(rt: Runtime, operator: Actor, kind: ActorKind) -> None:
    with rt.begin(operator) as uow:
        rules = lake.BucketSpec.model_validate({"access_rules": RULES})
        lake.put_bucket(uow, "ruled", rules)
        lake.put_bucket(uow, "free", lake.BucketSpec())
        for database, bucket in (("raw_db", "ruled"), ("other_db", "ruled"), ("far_db", "free")):
            lake.put_database(uow, database, lake.DatabaseSpec(bucket=bucket, prefix="data"))
        for name in TABLES:
            uow.execute(
                "INSERT INTO lake_table (key, database, name, location, metadata_location, created_at, changed_at) "
                "VALUES (%s, %s, %s, %s, '', now(), now())",
                (name, *name.split("."), name),
            )
    listed = {}
    for role in ROLES:
        with rt.begin(Actor("person:x", kind, frozenset({role}))) as uow:
            listed[role] = [str(name) for name in query.visible_tables(uow, rt.query_catalog)]
            assert listed[role] == sorted(name for name in TABLES if _readable(uow, rt.query_catalog, name))
    if kind is ActorKind.PERSON:
        assert listed["a"] == ["raw_db.a"]
        assert listed["owner"] == ["other_db.b"]
        assert listed["raw"] == ["raw_db.a", "raw_db.aa", "raw_db.b"]
        assert listed["all"] == sorted(name for name in TABLES if not name.startswith("far_db"))
        assert (listed["deeper"], listed["tagged"], listed["near"], listed[""]) == ([], [], [], [])
    else:
        assert not any(listed.values())
