"""From a grant to rows: what a query of the project's members returns, and what it does when a right ends meanwhile."""

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from pergamon import access, audit, catalog, identity, keys, query
from pergamon.kernel import PergamonError
from pergamon.lake import DatabaseSpec, put_database
from pergamon.query import QueryCancelled, QueryStopped, UnknownQueryTable
from tests.reference.governed_lake import append

from .conftest import COLUMNS, World

ROWS = [
    {"id": 1, "name": "Änne", "born": date(1987, 5, 3), "site": "north", "age": 38},
    {"id": 2, "name": "Bo", "born": date(1990, 1, 1), "site": "south", "age": 35},
    {"id": 3, "name": None, "born": None, "site": "north", "age": None},
]
MINUTES = "SELECT count(*) FROM study_sub.patients p, range(1000000) a, range(1000000) b WHERE (a.range * b.range) = -1"


@pytest.fixture
def lake(world: World) -> Iterator[World]:
    append(world.rt, "heart_db.patients", pa.Table.from_pylist(ROWS, schema=COLUMNS))
    with world.by() as uow:
        everyone = query.WorkgroupSpec(users=frozenset({"everyone"}))
        query.put_workgroup(uow, "default", everyone, {})
        identity.put_policy(uow, "queries", identity.PolicySpec(actions=frozenset({"query.run"})), {})
        identity.put_role(uow, "everyone", identity.RoleSpec(policies=frozenset({"queries"})), {})
    yield world
    world.rt.close_query_engine()


def rows(world: World, sql: str, name: str = "cyd") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.rt.run_query(world.person(name), sql).table.to_pylist()
    return found


def test_columns_rows_and_masks_are_as_granted(lake: World) -> None:
    masks = {"name": "show-last-4", "born": "truncate-to-year"}
    lake.list_with(masks=masks, rows="site = attribute('site')")
    lake.granted(columns=("id", "name", "born", "site"))
    found = rows(lake, "SELECT * FROM study_sub.patients ORDER BY id")
    assert found == [
        {"id": 1, "name": "Änne", "born": date(1987, 1, 1), "site": "north"},
        {"id": 3, "name": None, "born": None, "site": "north"},
    ]
    assert rows(lake, "SELECT count(*) AS n FROM study_sub.patients", "bob") == [{"n": 0}], "bob has no site"
    with pytest.raises(query.QueryInvalid, match="no such column: age"):
        rows(lake, "SELECT age FROM study_sub.patients")


def test_who_read_a_table_is_found_by_each_of_its_names(lake: World) -> None:
    lake.granted(columns=("id", "site"))
    rows(lake, "SELECT count(*) AS n FROM study_sub.patients", "bob")
    with pytest.raises(UnknownQueryTable):
        rows(lake, "SELECT * FROM heart_db.patients", "bob")

    def found(subject: str) -> set[tuple[str, str]]:
        with lake.by() as uow:
            return {(entry.actor, entry.code) for entry in audit.read_trail(uow, subject=subject)}

    read = {("person:bob", "query.started"), ("person:bob", "query.ran")}
    for name in ("table:study_sub.patients", "table:heart_db.patients", f"asset:{lake.asset}"):
        assert read | {("person:olga", "access.grant_issued")} <= found(name), name
    assert ("person:bob", "audit.act_denied") in found("table:heart_db.patients")
    assert not read & found("table:heart_db.nothing")


def test_a_grant_with_masks_of_its_own_changes_nothing_of_another(lake: World) -> None:
    """All names with their last four; in the north the whole name, or none of it."""
    lake.list_with(masks={"name": "show-last-4"})
    lake.granted(columns=("id", "name"))
    before = rows(lake, "SELECT id, name FROM study_sub.patients ORDER BY id")
    request = lake.ask(columns=("id", "name"), rows="site = 'north'")
    with lake.by("olga") as uow:
        hidden = {"name": "mask-to-fixed-value"}
        access.approve_request(uow, request.id, note="yes", masks=hidden, own_masks=True)
    after = rows(lake, "SELECT id, name FROM study_sub.patients ORDER BY id")
    north = {row["id"] for row in ROWS if row["site"] == "north"}
    expected = [row | {"name": row["name"] and "XXXXXXXX"} if row["id"] in north else row for row in before]
    assert after == expected != before


@pytest.mark.parametrize("sql", ["SELECT * FROM heart_db.patients", "SELECT * FROM study_sub.other"])
def test_a_grant_gives_nothing_under_another_name(lake: World, sql: str) -> None:
    lake.granted()
    with pytest.raises(UnknownQueryTable):
        rows(lake, sql)


@pytest.mark.parametrize("name", ["dan", "olga", "eve"])
def test_who_does_not_use_the_project_finds_no_table(lake: World, name: str) -> None:
    lake.granted()
    assert len(rows(lake, "SELECT * FROM study_sub.patients")) == len(ROWS)
    with pytest.raises(UnknownQueryTable):
        rows(lake, "SELECT * FROM study_sub.patients", name)


def test_pseudonyms_are_one_within_a_project_and_none_tells_the_name(lake: World) -> None:
    lake.list_with(masks={"name": "hmac-sha-256"})
    lake.granted()
    sql = "SELECT name FROM study_sub.patients WHERE id = 1"
    first, again = rows(lake, sql), rows(lake, sql, "bob")
    assert first == again
    assert len(first[0]["name"]) == 64
    assert rows(lake, "SELECT id FROM study_sub.patients WHERE name = 'Änne'") == []


def test_pseudonyms_and_shifts_join_an_owners_tables_and_not_those_of_who_brings_a_list_of_names(lake: World) -> None:
    """Eve lists a table of the names that she knows, under the same masks, to read off who is who (ADR 0029)."""
    with lake.by() as uow:
        members = {"unit": "research", "members": {"owner": ["person:eve"]}}
        catalog.put_project(uow, "list-of-names", catalog.ProjectSpec.model_validate(members), {})
        put_database(uow, "names_db", DatabaseSpec(bucket="raw", prefix="names"))
        source = catalog.DataSourceSpec(project="list-of-names", databases=("names_db",), publish_automatically=True)
        catalog.put_data_source(uow, "names", source, {})
    masks = {"name": "hmac-sha-256", "born": "shift-date(3650, name)"}
    for table, owner in (("heart_db.patients", "olga"), ("heart_db.visits", "olga"), ("names_db.known", "eve")):
        if table != "heart_db.patients":
            lake.asset = lake.table(table)
            append(lake.rt, table, pa.Table.from_pylist(ROWS, schema=COLUMNS))
        lake.list_with(owner, masks=masks)
        lake.granted(owner)
    told = {
        table: rows(lake, f"SELECT name, born FROM study_sub.{table} WHERE id = 1")[0]
        for table in ("patients", "visits", "known")
    }
    assert told["patients"] == told["visits"]
    assert told["patients"]["name"] != told["known"]["name"]
    assert told["patients"]["born"] != told["known"]["born"]


def test_without_the_key_that_was_used_nobody_gets_another_pseudonym(lake: World) -> None:
    lake.list_with(masks={"name": "hmac-sha-256"})
    lake.granted()
    sql = "SELECT name FROM study_sub.patients WHERE id = 1"
    first = rows(lake, sql)
    directory = lake.rt.settings.home / "keys"
    kept = directory.rename(directory.with_name("kept"))
    with pytest.raises(keys.MasterKeyMissing):
        rows(lake, sql)
    assert not directory.exists(), "no new key was made"
    keys.derived_key(lake.rt.settings.home, "mask:study/heart")
    with pytest.raises(keys.MasterKeyChanged):
        rows(lake, sql)
    (directory / "master.key").unlink()
    directory.rmdir()
    kept.rename(directory)
    assert rows(lake, sql) == first


def test_what_ends_between_two_queries_is_not_found_the_second_time(lake: World) -> None:
    grant = lake.granted(days=1)
    assert len(rows(lake, "SELECT * FROM study_sub.patients")) == len(ROWS)
    lake.later(days=1)
    with pytest.raises(UnknownQueryTable):
        rows(lake, "SELECT * FROM study_sub.patients")
    assert grant.valid_until is not None


@pytest.mark.parametrize("how", ["revoked", "expired", "narrowed", "left"])
def test_a_right_that_ends_while_a_query_runs_ends_it_within_a_second(lake: World, how: str) -> None:
    grant = lake.granted(days=10)
    ended: list[PergamonError] = []
    seconds: list[float] = []

    def run() -> None:
        try:
            rows(lake, MINUTES)
        except PergamonError as error:
            seconds.append(time.monotonic())
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    _wait_until_it_runs(lake)
    began = time.monotonic()
    match how:
        case "revoked":
            with lake.by("olga") as uow:
                access.revoke_grant(uow, grant.id, "the study is over")
        case "expired":
            lake.later(days=10)
        case "narrowed":
            with lake.by() as uow:
                uow.execute("UPDATE access_grant SET rights = jsonb_set(rights, '{columns}', '{\"1\": null}')")
        case _:
            with lake.by() as uow:
                uow.execute("DELETE FROM team_member WHERE principal_id = 'person:cyd'")
    thread.join(30)
    assert [type(error) for error in ended] == [QueryStopped]
    assert seconds[0] - began < 5, "a second, on a machine that does nothing else"
    assert [fact["error_code"] for fact in lake.events("query.failed")] == ["query.stopped"]
    assert lake.events("audit.act_denied")


def test_of_an_isolated_table_no_process_with_a_users_text_opens_a_raw_file(
    lake: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks = {"name": "show-last-4", "born": "age-band(10)"}
    lake.list_with(masks=masks, rows="site = 'north'", isolated=True)
    lake.granted()
    sandbox, jobs = lake.rt.query_engine, list[dict[str, Any]]()
    handed_over = sandbox._job

    def seen(job: query.QueryJob) -> bytes:
        jobs.append(json.loads(handed_over(job)))
        return handed_over(job)

    monkeypatch.setattr(sandbox, "_job", seen)
    sql = "SELECT a.id, a.name, b.born FROM study_sub.patients a JOIN study_sub.patients b USING (id) ORDER BY id"
    assert rows(lake, sql) == [
        {"id": 1, "name": "Änne", "born": date(1980, 1, 1)},
        {"id": 3, "name": None, "born": None},
    ]
    trusted, untrusted = jobs
    assert (trusted["sql"], untrusted["sql"]) == ('SELECT * FROM "study_sub"."patients"', sql)
    apart = lake.rt.settings.lake / ".apart"
    assert [name for name in untrusted["files"] if not name.startswith(str(apart))] == []
    assert list(apart.iterdir()) == []


def test_what_a_killed_query_left_behind_goes_with_the_next_one(lake: World) -> None:
    lake.list_with(isolated=True)
    lake.granted()
    left = lake.rt.settings.lake / ".apart" / "query_killed"
    left.mkdir(parents=True)
    (left / "rows.parquet").write_bytes(b"")
    os.utime(left, (0, 0))
    assert len(rows(lake, "SELECT * FROM study_sub.patients")) == len(ROWS)
    assert not left.exists()


def test_ones_own_query_is_cancelled_and_nobody_elses(lake: World) -> None:
    lake.granted()
    ended: list[type] = []

    def run() -> None:
        try:
            rows(lake, MINUTES)
        except PergamonError as error:
            ended.append(type(error))

    thread = threading.Thread(target=run)
    thread.start()
    query_id = _wait_until_it_runs(lake)
    with pytest.raises(query.UnknownQuery), lake.by("bob") as uow:
        query.cancel_query(uow, query_id)
    with lake.by("cyd") as uow:
        query.cancel_query(uow, query_id)
    thread.join(30)
    assert ended == [QueryCancelled]
    with pytest.raises(query.QueryNotRunning), lake.by("cyd") as uow:
        query.cancel_query(uow, query_id)


def _wait_until_it_runs(world: World) -> str:
    for _ in range(600):
        with world.by("cyd") as uow:
            running = [entry.id for entry in query.own_queries(uow) if entry.status == "running"]
        if running:
            time.sleep(0.5)  # until the engine has it
            return running[0]
        time.sleep(0.05)
    raise AssertionError("it never ran")


HOMES = pa.schema([("id", pa.int64()), ("home", pa.struct([("street", pa.string()), ("city", pa.string())]))])
LIVED = [{"id": 1, "home": {"street": "Elm 1", "city": "Oslo"}}, {"id": 2, "home": None}]


def test_what_comes_into_a_column_after_it_was_granted_is_given_to_nobody(lake: World) -> None:
    """A field of a struct is masked by its name; one that the table gets later is in no grant."""
    lake.asset = lake.table("heart_db.homes", HOMES)
    append(lake.rt, "heart_db.homes", pa.Table.from_pylist(LIVED, schema=HOMES))
    lake.list_with(masks={"home.city": "mask-alphanum"})
    grant = lake.granted()
    everything = "SELECT * FROM study_sub.homes ORDER BY id"
    expected = [{"id": 1, "home": {"street": "Elm 1", "city": "xxxx"}}, {"id": 2, "home": None}]
    assert rows(lake, everything) == expected
    with lake.by("ada") as uow:
        told = {one["name"]: one["mask"] for one in access.grant_as_told(grant, uow)["columns"]}
    assert told == {"id": None, "home": None, "home.street": None, "home.city": "mask-alphanum"}
    with lake.by() as uow:  # as if the street had come into the table after that
        uow.execute("UPDATE access_grant SET rights = rights #- '{columns,3}'")
    assert rows(lake, everything) == [{"id": 1, "home": {"city": "xxxx"}}, {"id": 2, "home": None}]
    with pytest.raises(query.QueryInvalid):
        rows(lake, "SELECT home.street FROM study_sub.homes")
    with lake.by("cyd") as uow:
        found = query.describe_table(uow, lake.rt.query_catalog, query.TableName("study_sub", "homes"))
    assert [(column.name, column.type) for column in found.columns] == [
        ("id", "long"),
        ("home", "struct<4: city: optional string>"),
    ]
