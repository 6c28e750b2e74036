"""Buckets, databases and tables: declared, created, changed, read, dropped."""

from pathlib import Path

import pyarrow as pa
import pytest

from pergamon import lake
from pergamon.kernel import Actor
from pergamon.policy import Resource
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork

TABLE = lake.TableId("raw_db", "patients")
COLUMNS = pa.schema([("id", pa.int32()), ("name", pa.string())])
BUCKET = lake.BucketSpec(
    access_rules=(
        lake.AccessRuleSpec(prefix="", read_write_super_roles=("data-admin",)),
        lake.AccessRuleSpec(prefix="data/", read_roles=("data-user",)),
        lake.AccessRuleSpec(prefix="database/", read_roles=("stranger",)),
    )
)


def declare(uow: UnitOfWork) -> None:
    lake.put_bucket(uow, "raw", BUCKET, {"owner": "it"})
    lake.put_database(uow, "raw_db", lake.DatabaseSpec(bucket="raw", prefix="data"))


def test_what_is_put_is_read_back_as_it_was(rt: Runtime, operator: Actor) -> None:
    with rt.begin(operator) as uow:
        declare(uow)
    with rt.begin(operator) as uow:
        assert lake.read_buckets(uow) == {"raw": BUCKET}
        assert lake.read_bucket_tags(uow) == {"raw": {"owner": "it"}}
        assert lake.read_databases(uow) == {"raw_db": lake.DatabaseSpec(bucket="raw", prefix="data")}
        codes = [row["code"] for row in uow.rows("SELECT code FROM audit_event ORDER BY code")]
    assert codes == ["lake.bucket_put", "lake.database_put"]


def test_what_is_stood_on_is_not_dropped(rt: Runtime, operator: Actor) -> None:
    with rt.begin(operator) as uow:
        declare(uow)
        lake.create_table(uow, rt.settings.lake, TABLE, COLUMNS)
        with pytest.raises(lake.InUse):
            lake.drop_bucket(uow, "raw")
        with pytest.raises(lake.InUse):
            lake.drop_database(uow, "raw_db")
        with pytest.raises(lake.InUse):
            lake.put_database(uow, "raw_db", lake.DatabaseSpec(bucket="raw", prefix="elsewhere"))
        lake.drop_table(uow, TABLE)
        lake.drop_database(uow, "raw_db")
        lake.drop_bucket(uow, "raw")
    with rt.begin(operator) as uow:
        assert (lake.read_buckets(uow), lake.read_databases(uow)) == ({}, {})
        with pytest.raises(lake.UnknownBucket):
            lake.drop_bucket(uow, "raw")
        with pytest.raises(lake.UnknownDatabase):
            lake.drop_database(uow, "raw_db")
        with pytest.raises(lake.UnknownBucket):
            lake.put_database(uow, "raw_db", lake.DatabaseSpec(bucket="raw"))


def test_a_new_table_is_v2_merge_on_read_private_and_at_its_place(rt: Runtime, operator: Actor) -> None:
    with rt.begin(operator) as uow:
        declare(uow)
        record = lake.create_table(uow, rt.settings.lake, TABLE, COLUMNS, identifiers=["id"])
        metadata = lake.load_table(uow, TABLE)
        files = lake.table_files(uow, TABLE)
    assert record.location == f"file://{rt.settings.lake}/raw/data/raw_db/patients"
    assert metadata.format_version == 2
    assert metadata.properties["write.merge.mode"] == "merge-on-read"
    assert "format-version" not in metadata.properties
    assert files.paths == (files.metadata,)
    assert Path(files.metadata).stat().st_mode & 0o777 == 0o600
    assert Path(files.metadata).parent.stat().st_mode & 0o777 == 0o700


def test_a_table_is_created_once_and_again_only_after_a_drop(rt: Runtime, operator: Actor) -> None:
    with rt.begin(operator) as uow:
        declare(uow)
        lake.create_table(uow, rt.settings.lake, TABLE, COLUMNS)
        with pytest.raises(lake.TableExists):
            lake.create_table(uow, rt.settings.lake, TABLE, COLUMNS)
        lake.drop_table(uow, TABLE)
        with pytest.raises(lake.UnknownTable):
            lake.load_table(uow, TABLE)
        lake.create_table(uow, rt.settings.lake, TABLE, COLUMNS)
        assert [str(record.id) for record in lake.list_tables(uow, "raw_db")] == ["raw_db.patients"]
        assert lake.list_tables(uow, "other_db") == []


@pytest.mark.parametrize("name", ["write.data.path", "write.metadata.path", "format-version"])
def test_a_property_that_leads_out_of_the_table_is_refused(rt: Runtime, operator: Actor, name: str) -> None:
    with rt.begin(operator) as uow:
        declare(uow)
        with pytest.raises(lake.BadSchema):
            lake.create_table(uow, rt.settings.lake, TABLE, COLUMNS, properties={name: "/tmp/x"})


def test_a_table_in_an_unknown_database_is_refused(rt: Runtime, operator: Actor) -> None:
    with rt.begin(operator) as uow, pytest.raises(lake.UnknownDatabase):
        lake.create_table(uow, rt.settings.lake, TABLE, COLUMNS)


def test_a_schema_that_comes_back_is_used_again(rt: Runtime, operator: Actor) -> None:
    """The same schema under two ids makes Java readers fail for ever."""
    with rt.begin(operator) as uow:
        declare(uow)
        lake.create_table(uow, rt.settings.lake, TABLE, COLUMNS)
        unchanged = lake.evolve_table(uow, TABLE, widen={1: pa.int32()})
        assert len(unchanged.schemas) == 1
        first = lake.evolve_table(uow, TABLE, add=[pa.field("note", pa.string())])
        second = lake.evolve_table(uow, TABLE, drop=[first.schema().find_field("note").field_id])
        assert second.current_schema_id == 0
        assert [schema.schema_id for schema in second.schemas] == [0, 1]
        third = lake.evolve_table(uow, TABLE, add=[pa.field("note", pa.string())])
        assert third.schema().find_field("note").field_id == 4


def test_who_may_reach_a_table_is_what_its_buckets_rules_say(rt: Runtime, operator: Actor) -> None:
    with rt.begin(operator) as uow:
        declare(uow)
        lake.create_table(uow, rt.settings.lake, TABLE, COLUMNS)
        assert lake.table_resource(uow, TABLE) == Resource(
            kind="table",
            id="raw_db.patients",
            readers=frozenset({"data-admin", "data-user"}),
            writers=frozenset({"data-admin"}),
            supers=frozenset({"data-admin"}),
        )
        assert [resource.id for resource in lake.table_resources(uow)] == ["raw_db.patients"]


def test_metadata_that_is_gone_or_cut_is_a_clear_error(rt: Runtime, operator: Actor) -> None:
    with rt.begin(operator) as uow:
        declare(uow)
        lake.create_table(uow, rt.settings.lake, TABLE, COLUMNS)
        path = Path(lake.table_files(uow, TABLE).metadata)
        path.write_text(path.read_text()[:50])
        with pytest.raises(lake.MetadataMissing):
            lake.load_table(uow, TABLE)
        path.unlink()
        with pytest.raises(lake.MetadataMissing):
            lake.load_table(uow, TABLE)
