"""Uploaded files become tables that are read as they should be; what changes, comes, goes or is broken is followed."""

from dataclasses import replace

import pyarrow as pa
import pytest

from pergamon import catalog, identity, lake, lineage, objects, query

from .conftest import HOLDER, World


def test_a_file_at_the_prefix_is_a_table_of_its_own(world: World) -> None:
    world.deploy()
    world.put_csv("in/Patients 2024.csv", "id,name", "1,Änne", "2,Bo")
    world.put_parquet("in/visits.parquet", id=[7], day=["mo"])
    world.crawl()
    assert world.tables() == ["patients_2024", "visits"]
    assert world.rows("patients_2024") == [{"id": 1, "name": "Änne"}, {"id": 2, "name": "Bo"}]
    assert world.rows("visits") == [{"id": 7, "day": "mo"}]
    assert set(world.states().values()) == {"added"}


def test_a_folder_is_one_table_and_its_parquet_is_not_rewritten(world: World) -> None:
    world.deploy()
    for number in range(5):
        world.put_parquet(f"in/visits/{number}.parquet", id=[number])
    world.put_csv("in/visits/last.csv", "id", "9")
    world.crawl()
    assert world.tables() == ["visits"]
    assert world.column("visits") == [0, 1, 2, 3, 4, 9]
    assert len(world.reader.written) == 1
    assert world.snapshots("visits") == 1


def test_an_unchanged_version_is_never_read_again(world: World) -> None:
    world.deploy()
    world.put_parquet("in/visits/a.parquet", id=[1])
    world.crawl()
    world.put_parquet("in/visits/b.parquet", id=[2])
    world.deploy(description="changed, so everything is listed again")
    world.crawl()
    assert world.reader.inspected == ["in/visits/a.parquet", "in/visits/b.parquet"]
    assert world.column("visits") == [1, 2]


def test_a_replaced_object_replaces_its_rows_and_a_removed_one_takes_them_away(world: World) -> None:
    world.deploy()
    world.put_parquet("in/visits/a.parquet", id=[1, 2])
    world.put_csv("in/visits/b.csv", "id", "3")
    world.crawl()
    world.put_parquet("in/visits/a.parquet", id=[1, 5])
    world.put_csv("in/visits/b.csv", "id", "4")
    world.crawl()
    assert world.column("visits") == [1, 4, 5]
    assert world.snapshots("visits") == 2
    world.remove("in/visits/a.parquet")
    world.crawl()
    assert world.column("visits") == [4]
    world.remove("in/visits/b.csv")
    world.crawl()
    assert world.rows("visits") == []
    world.put_csv("in/visits/b.csv", "id", "8")
    world.crawl()
    assert world.column("visits") == [8]


def test_columns_may_be_new_missing_reordered_and_wider(world: World) -> None:
    world.deploy()
    world.put_parquet("in/visits/a.parquet", id=pa.array([1], pa.int32()), name=["a"])
    world.crawl()
    world.put_parquet("in/visits/b.parquet", ward=["w"], name=["b"], id=pa.array([2**40]))
    world.crawl()
    world.put_parquet("in/visits/c.parquet", id=[3])
    world.crawl()
    assert world.tables() == ["visits"]
    assert world.rows("visits") == [
        {"id": 1, "name": "a", "ward": None},
        {"id": 3, "name": None, "ward": None},
        {"id": 2**40, "name": "b", "ward": "w"},
    ]
    assert world.reader.written == []


def test_a_type_that_iceberg_cannot_widen_is_written_anew_without_losing_a_row(world: World) -> None:
    world.deploy()
    world.put_parquet("in/visits/a.parquet", id=[1, 2], code=[7, 8])
    world.crawl()
    world.put_csv("in/visits/b.csv", "id,code", "3,x9")
    world.crawl()
    assert world.rows("visits", "id") == [
        {"id": 1, "code": "7"},
        {"id": 2, "code": "8"},
        {"id": 3, "code": "x9"},
    ]
    assert world.snapshots("visits") == 2
    world.put_parquet("in/visits/a.parquet", id=[5], code=[9])
    world.crawl()
    assert [(row["id"], row["code"]) for row in world.rows("visits", "id")] == [(3, "x9"), (5, "9")]


def test_a_folder_with_several_schemas_becomes_several_tables(world: World) -> None:
    world.deploy()
    for number in range(3):
        world.put_parquet(f"in/mixed/visits{number}.parquet", id=[number], day=["mo"])
    world.put_parquet("in/mixed/wards.parquet", ward=["w"], beds=[3])
    world.put_parquet("in/mixed/drugs.parquet", atc=["A"], dose=[1.5])
    world.crawl()
    assert world.tables() == ["mixed", "mixed_drugs", "mixed_wards"]
    assert world.column("mixed") == [0, 1, 2]
    assert world.rows("mixed_wards") == [{"ward": "w", "beds": 3}]


def test_hive_folders_become_columns_and_parquet_stays_in_place(world: World) -> None:
    world.deploy()
    world.put_parquet("in/visits/year=2023/site=a%20b/1.parquet", id=[1])
    world.put_parquet("in/visits/year=2024/site=c/1.parquet", id=[2])
    world.put_csv("in/visits/year=2024/site=__HIVE_DEFAULT_PARTITION__/1.csv", "id", "3")
    world.crawl()
    assert world.rows("visits", "id") == [
        {"id": 1, "year": 2023, "site": "a b"},
        {"id": 2, "year": 2024, "site": "c"},
        {"id": 3, "year": 2024, "site": None},
    ]
    assert len(world.reader.written) == 1
    world.put_parquet("in/visits/year=unknown/site=c/1.parquet", id=[4])
    world.crawl()
    assert [(row["id"], row["year"]) for row in world.rows("visits", "id")] == [
        (1, "2023"),
        (2, "2024"),
        (3, "2024"),
        (4, "unknown"),
    ]


def test_what_cannot_be_read_is_set_aside_with_the_reason_and_the_rest_goes_on(world: World) -> None:
    world.deploy()
    world.put("in/visits/bad.csv", b"broken")
    world.put_csv("in/visits/good.csv", "id", "1")
    world.crawl()
    assert world.column("visits") == [1]
    assert world.states() == {"in/visits/bad.csv": "quarantined", "in/visits/good.csv": "added"}
    assert "no whole file" in world.reason("in/visits/bad.csv")
    assert [event["subject"] for event in world.events("crawl.file_quarantined")] == ["object:assets/in/visits/bad.csv"]
    world.put_csv("in/visits/bad.csv", "id", "2")
    world.crawl()
    assert world.column("visits") == [1, 2]


def test_an_unreadable_new_version_leaves_the_rows_of_the_one_before(world: World) -> None:
    world.deploy()
    world.put_csv("in/visits/a.csv", "id", "1")
    world.crawl()
    world.put("in/visits/a.csv", b"broken")
    world.crawl()
    assert world.column("visits") == [1]
    world.put_csv("in/visits/b.csv", "id", "x")  # the column becomes text: everything is written anew
    world.crawl()
    assert world.column("visits") == ["1", "x"]
    world.remove("in/visits/a.csv")
    world.crawl()
    assert world.column("visits") == ["x"]


def test_a_column_that_files_hold_and_folders_name_is_the_files_own(world: World) -> None:
    world.deploy()
    world.put_parquet("in/visits/year=2023/1.parquet", id=[1])
    world.crawl()
    world.put_parquet("in/visits/year=2024/1.parquet", id=[2, 3], year=[2024, 1999])
    world.crawl()
    assert [(row["id"], row["year"]) for row in world.rows("visits", "id")] == [(1, 2023), (2, 2024), (3, 1999)]
    world.put_parquet("in/visits/year=2025/1.parquet", id=[4])
    world.crawl()
    assert [(row["id"], row["year"]) for row in world.rows("visits", "year, id")][-1] == (4, 2025)


def test_catalog_and_lineage_know_of_it_in_the_same_unit_of_work(world: World) -> None:
    source = catalog.DataSourceSpec(project="heart", databases=("assets_db",), publish_automatically=True)
    with world.rt.begin(world.operator) as uow:
        catalog.put_domain(uow, "hospital", catalog.DomainSpec.model_validate({"units": {"clinic": {}}}), {})
        catalog.put_project(uow, "heart", catalog.ProjectSpec(unit="clinic"), {})
        catalog.put_data_source(uow, "heart-tables", source, {})
    world.deploy()
    world.put_csv("in/visits/a.csv", "id,name", "1,x")
    world.crawl()
    with world.rt.begin(world.operator) as uow:
        (asset,) = catalog.list_assets(uow)
        assert (asset.asset.name, asset.asset.is_published) == ("assets_db.visits", True)
        graph = lineage.upstream(uow, lineage.Dataset.parse("assets_db.visits"), set, depth=1)
    assert {(str(edge.input), edge.input_field, edge.output_field) for edge in graph.edges} >= {
        ("pergamon://assets/in/visits/", "id", "id"),
        ("pergamon://assets/in/visits/", "name", "name"),
    }


def test_a_type_that_does_not_hold_every_value_becomes_text_and_no_row_is_lost(world: World) -> None:
    world.deploy()
    world.put_parquet("in/visits/a.parquet", id=[1, 2], value=[2**60 + 1, 3])
    world.crawl()
    world.put_parquet("in/visits/b.parquet", id=[3], value=[0.5])
    world.crawl()
    assert [(row["id"], row["value"]) for row in world.rows("visits", "id")] == [
        (1, "1152921504606846977"),
        (2, "3"),
        (3, "0.5"),
    ]
    assert set(world.states().values()) == {"added"}
    assert world.snapshots("visits") == 2


def test_a_governed_query_reads_files_in_place_and_raw_reads_follow_the_table(world: World) -> None:
    world.deploy()
    in_place = world.put_parquet("in/visits/year=2024/a.parquet", id=[1, 2])
    world.put_csv("in/visits/year=2025/b.csv", "id", "3")
    world.crawl()
    users = query.WorkgroupSpec(users=frozenset({"holder"}), admins=frozenset(), limits=query.QueryLimits())
    with world.rt.begin(world.operator) as uow:
        identity.put_policy(uow, "asking", identity.PolicySpec(actions=frozenset({"query.run"})), {})
        identity.put_role(uow, "holder", identity.RoleSpec(policies=frozenset({"asking"})), {})
        query.put_workgroup(uow, "default", users, {})
        spec = identity.PrincipalSpec(kind="person", display_name="H", roles=frozenset({"holder"}))
        identity.put_principal(uow, HOLDER.id, spec, {})
        holder = identity.principal_actor(uow, HOLDER.id)
    result = world.rt.run_query(holder, "SELECT year, count(*) AS n FROM assets_db.visits GROUP BY year ORDER BY year")
    assert result.table.to_pylist() == [{"year": 2024, "n": 2}, {"year": 2025, "n": 1}]
    with world.rt.begin(world.operator) as uow:
        assert objects.referring_tables(uow, in_place) == [lake.TableId("assets_db", "visits")]
    world.remove("in/visits/year=2024/a.parquet")
    world.crawl()
    with world.rt.begin(world.operator) as uow:
        assert objects.referring_tables(uow, in_place) == []


def test_superseding_what_one_may_not_read_does_not_open_the_version_before(world: World) -> None:
    """Another holder may write the files and not read the table: its rules give the rows to somebody else."""
    other = replace(HOLDER, id="person:other")
    with world.rt.begin(world.operator) as uow:
        reading = lake.AccessRuleSpec(ReadRoles=("researcher",))
        lake.put_bucket(uow, "curated", lake.BucketSpec(access_rules=(reading,)))
        lake.put_database(uow, "closed_db", lake.DatabaseSpec(bucket="curated", prefix="tables"))
    world.deploy("closed", prefixes=("closed",), database="closed_db")
    versions = [world.put_parquet("closed/a.parquet", id=[1]), world.put_csv("closed/b.csv", "id", "2")]
    world.crawl()
    world.put_parquet("closed/a.parquet", id=[3])
    world.remove("closed/b.csv")
    world.crawl()
    for key, version in zip(("closed/a.parquet", "closed/b.csv"), versions, strict=True):
        with pytest.raises(objects.RawClosed), world.rt.begin(other) as uow:
            objects.read_object(uow, "assets", key, version=version)
        with world.rt.begin(HOLDER) as uow:
            objects.remove_object(uow, "assets", key, version=version, for_good=True)
