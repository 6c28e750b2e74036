"""What lands from a real source: values as they were, changes in their order, and nothing invented."""

import datetime as dt
import json
import threading
import time
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from pergamon import replicate
from pergamon.kernel import sha256_hex
from tests.integration.replicate.conftest import EVERYTHING, Replication

NOTE = "(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 2000))"
"""64,000 characters that do not compress: stored out of line (TOAST)."""

EVERY_TYPE = """
CREATE TYPE hda.mood AS ENUM ('calm', 'in pain');
CREATE DOMAIN hda.heart_rate AS integer CHECK (VALUE > 0);
CREATE TABLE hda.everything (
    id bigint PRIMARY KEY, flag boolean, small smallint, number integer, single real, double double precision,
    price numeric(10, 2), exact numeric, huge numeric(60, 5), name text, code varchar(20), padded char(6), raw bytea,
    day date, at timestamp, at_zone timestamptz, clock time, span interval, uuid uuid, doc jsonb, doc_text json,
    mood hda.mood, rate hda.heart_rate, address inet, numbers integer[], names text[], prices numeric(8, 3)[],
    exacts numeric[], ids uuid[], days date[], moods hda.mood[], shifted integer[], cost money
)
"""
EVERY_VALUE = r"""
INSERT INTO hda.everything VALUES (
    1, true, -7, 2147483647, 1.5, 'NaN', 12345678.90, 0.1234567890123456789012345678901234567890,
    1234567890123456789012345678901234567890.12345, 'Zoë 漢字 "quoted" \ {brace}', 'a,b', 'ab', '\x00ff10',
    '2024-02-29', '0001-01-01 00:00:00', '2024-02-29 23:59:59.123456+05:30', '13:14:15.5', '1 day 02:00:00',
    '6f9619ff-8b86-d011-b42d-00c04fc964ff', '{"b": [1, null], "a": "ü"}', '{"as":  "written"}', 'in pain', 72,
    '10.0.0.1/24', '{1,NULL,3}', ARRAY['plain', 'with "quote"', 'comma, and \ backslash', NULL, 'NULL', '', '{}'],
    '{1.5,NULL}', '{0.00000000000000000001}', '{6f9619ff-8b86-d011-b42d-00c04fc964ff}', '{2024-02-29}',
    '{calm,"in pain"}', '[5:6]={8,9}', 1234.5
), (2, NULL, NULL, NULL, NULL, '-Infinity', NULL, NULL, NULL, '', '', '', '', '9999-12-31',
    '9999-12-31 23:59:59.999999',
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{}', '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL)
"""


def test_every_type_lands_the_same_by_full_load_and_by_change_capture(replication: Replication) -> None:
    source = replication.source
    source.execute(EVERY_TYPE, EVERY_VALUE)
    replication.deploy()
    replication.run()
    source.execute("UPDATE hda.everything SET id = id + 10")
    replication.run()
    loaded, changed = replication.landed("everything")[:2], replication.changes("everything")
    assert [row["Op"] for row in loaded + changed] == ["I", "I", "U", "U"]
    strip = ("Op", "_position", "_unchanged", "_previous_key", "id")
    texts = [[repr(value) for name, value in row.items() if name not in strip] for row in loaded + changed]
    assert texts[0] == texts[2]  # as text: NaN is not equal to itself
    assert texts[1] == texts[3]
    first = loaded[0]
    assert first["price"] == Decimal("12345678.90")
    assert first["exact"] == "0.1234567890123456789012345678901234567890"
    assert first["huge"] == "1234567890123456789012345678901234567890.12345"
    assert first["name"] == 'Zoë 漢字 "quoted" \\ {brace}'
    assert first["padded"] == "ab    "
    assert first["raw"] == b"\x00\xff\x10"
    assert first["at_zone"] == dt.datetime(2024, 2, 29, 18, 29, 59, 123456, tzinfo=dt.UTC)
    assert first["at"] == dt.datetime(1, 1, 1)  # noqa: DTZ001 - the source's column has no zone either
    assert first["span"] == "P1DT2H"
    assert first["doc_text"] == '{"as":  "written"}'
    assert first["numbers"] == [1, None, 3]
    assert first["names"] == ["plain", 'with "quote"', "comma, and \\ backslash", None, "NULL", "", "{}"]
    assert first["prices"] == [Decimal("1.500"), None]
    assert first["moods"] == '{calm,"in pain"}'
    assert first["shifted"] == [8, 9]
    assert first["rate"] == "72"
    load, change = replication.manifests("everything")
    assert load["columns"] == change["columns"]
    schemas = [pq.read_schema(replication.landing / manifest["path"]) for manifest in (load, change)]
    assert schemas[0] == schemas[1]


def test_a_manifest_says_what_its_file_is(replication: Replication) -> None:
    replication.source.execute(
        "CREATE TABLE hda.patients (id int PRIMARY KEY, name text)",
        "INSERT INTO hda.patients VALUES (1, 'a'), (2, 'b')",
    )
    replication.deploy()
    replication.run()
    (load,) = replication.manifests("patients")
    file = replication.landing / load["path"]
    assert load["file"] == "LOAD00000001.parquet" == file.name
    assert load["sha256"] == sha256_hex(file.read_bytes())
    assert load["size_bytes"] == file.stat().st_size
    assert (load["rows"], load["full_load_complete"], load["full_load_files"]) == (2, True, 1)
    assert load["position"]["first"] == load["position"]["last"]
    assert load["position"]["last"].endswith(".0000000000")
    assert load["replica_identity_columns"] == ["id"]
    assert [column["name"] for column in load["columns"]] == pq.read_schema(file).names
    assert replication.registered() == ["staging/landing/hda/patients/LOAD00000001.parquet"]
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("identity", ["DEFAULT", "FULL"])
def test_an_unchanged_long_note_is_never_lost(replication: Replication, identity: str) -> None:
    """PostgreSQL does not send an unchanged TOASTed value: it is filled from the old row, or named as unchanged."""
    source = replication.source
    source.execute(
        "CREATE TABLE hda.notes (id int PRIMARY KEY, seen int, note text)",
        "ALTER TABLE hda.notes ALTER note SET STORAGE EXTERNAL",
        f"ALTER TABLE hda.notes REPLICA IDENTITY {identity}",
        f"INSERT INTO hda.notes VALUES (1, 0, {NOTE}), (2, 0, {NOTE})",
    )
    replication.deploy()
    replication.run()
    source.execute("UPDATE hda.notes SET seen = 1 WHERE id = 1", "UPDATE hda.notes SET id = 3 WHERE id = 2")
    source.execute("UPDATE hda.notes SET note = 'short' WHERE id = 1")
    replication.run()
    seen, moved, shortened = replication.changes("notes")
    if identity == "FULL":
        assert len(seen["note"]) == len(moved["note"]) == 64_000
        assert seen["_unchanged"] == moved["_unchanged"] == []
    else:
        assert seen["note"] is moved["note"] is None
        assert seen["_unchanged"] == moved["_unchanged"] == ["note"]
    assert seen["_previous_key"] is None
    assert json.loads(moved["_previous_key"]) == {"id": "2"}
    assert (shortened["note"], shortened["_unchanged"]) == ("short", [])
    assert set(replication.replayed("notes")) == {"1", "3"}
    assert len(replication.replayed("notes")["3"]["note"]) == 64_000


def test_keys_swapped_in_one_transaction_keep_their_rows(replication: Replication) -> None:
    source = replication.source
    source.execute(
        "CREATE TABLE hda.beds (id int PRIMARY KEY DEFERRABLE, name text)",
        "ALTER TABLE hda.beds DROP CONSTRAINT beds_pkey, ADD PRIMARY KEY (id)",
        "INSERT INTO hda.beds VALUES (1, 'one'), (2, 'two')",
    )
    replication.deploy()
    replication.run()
    source.execute(
        "UPDATE hda.beds SET id = 0 WHERE id = 1",
        "UPDATE hda.beds SET id = 1 WHERE id = 2",
        "UPDATE hda.beds SET id = 2 WHERE id = 0",
    )
    replication.run()
    assert {key: row["name"] for key, row in replication.replayed("beds").items()} == {"1": "two", "2": "one"}
    positions = [row["_position"] for row in replication.changes("beds")]
    assert positions == sorted(positions)
    assert len({position.split(".")[0] for position in positions}) == 1


def test_truncate_lands_as_a_row_of_its_own(replication: Replication) -> None:
    replication.source.execute("CREATE TABLE hda.a (id int PRIMARY KEY)", "INSERT INTO hda.a VALUES (1), (2)")
    replication.deploy()
    replication.run()
    replication.source.execute("INSERT INTO hda.a VALUES (3)", "TRUNCATE hda.a", "INSERT INTO hda.a VALUES (4)")
    replication.run()
    assert [(row["Op"], row["id"]) for row in replication.changes("a")] == [("I", 3), ("T", None), ("I", 4)]
    assert set(replication.replayed("a")) == {"4"}


def test_a_table_without_a_key_lands_its_inserts_and_the_source_can_still_update_it(replication: Replication) -> None:
    """In an ordinary publication PostgreSQL would refuse the hospital's own UPDATE on such a table."""
    replication.source.execute("CREATE TABLE hda.log (line text)", "INSERT INTO hda.log VALUES ('old')")
    replication.deploy()
    outcome = replication.run()
    assert any("hda.log has no key" in warning for warning in outcome.warnings)
    replication.source.execute("INSERT INTO hda.log VALUES ('new')", "UPDATE hda.log SET line = 'changed'")
    replication.run()
    assert [(row["Op"], row["line"]) for row in replication.changes("log")] == [("I", "new")]
    assert replication.manifests("log")[0]["replica_identity_columns"] == []


def test_a_table_without_a_key_but_with_full_identity_lands_every_change(replication: Replication) -> None:
    replication.source.execute(
        "CREATE TABLE hda.log (line text, n int)",
        "ALTER TABLE hda.log REPLICA IDENTITY FULL",
        "INSERT INTO hda.log VALUES ('old', 1)",
    )
    replication.deploy()
    replication.run()
    replication.source.execute("UPDATE hda.log SET n = 2", "DELETE FROM hda.log")
    replication.run()
    update, delete = replication.changes("log")
    assert json.loads(update["_previous_key"]) == {"line": "old", "n": "1"}
    assert (delete["Op"], delete["line"], delete["n"]) == ("D", "old", 2)


def test_a_column_added_while_running_begins_a_new_file(replication: Replication) -> None:
    source = replication.source
    source.execute("CREATE TABLE hda.p (id int PRIMARY KEY, name text)")
    replication.deploy()
    stop = threading.Event()
    runner = threading.Thread(target=lambda: replication.run(until_caught_up=False, should_stop=stop.is_set))
    runner.start()
    try:
        _wait_for_state(replication, replicate.TaskState.RUNNING)
        source.execute("INSERT INTO hda.p VALUES (1, 'before')")
        source.execute("ALTER TABLE hda.p ADD COLUMN born date", "INSERT INTO hda.p VALUES (2, 'after', '2000-01-01')")
        _wait_until(lambda: len(replication.changes("p")) == 2)
    finally:
        stop.set()
        runner.join()
    _load, before, after = replication.manifests("p")
    assert "born" not in replication.schema_of(before)
    assert "born" in replication.schema_of(after)
    assert replication.status().state is replicate.TaskState.STOPPED


def test_a_big_transaction_is_streamed_and_what_a_savepoint_took_back_is_left_out(replication: Replication) -> None:
    source = replication.source
    source.execute("CREATE TABLE hda.p (id int PRIMARY KEY, name text)")
    replication.deploy(max_file_rows=4000)
    replication.run()
    source.execute(
        "INSERT INTO hda.p SELECT g, repeat('x', 50) FROM generate_series(1, 5000) g",
        "SAVEPOINT a",
        "INSERT INTO hda.p SELECT g, 'taken back' FROM generate_series(5001, 9000) g",
        "ALTER TABLE hda.p ADD COLUMN gone int",
        "ROLLBACK TO a",
        "INSERT INTO hda.p SELECT g, 'kept' FROM generate_series(9001, 12000) g",
    )
    with pytest.raises(ZeroDivisionError):
        _roll_back(source)
    replication.run()
    changes = replication.changes("p")
    assert [row["id"] for row in changes] == [*range(1, 5001), *range(9001, 12001)]
    assert [int(row["_position"].split(".")[1]) for row in changes] == list(range(1, 8001))
    assert len(replication.manifests("p")) == 3  # the full load, and two files of one transaction
    assert not list((replication.landing / ".tasks").glob("*/*.messages"))


def _roll_back(source: object) -> None:
    import psycopg

    with psycopg.connect(source.conninfo) as connection:  # type: ignore[attr-defined]
        connection.execute("INSERT INTO hda.p SELECT g, repeat('z', 90) FROM generate_series(100001, 105000) g")
        raise ZeroDivisionError


def test_rules_name_what_lands_and_headers_fill_added_columns(replication: Replication) -> None:
    replication.source.execute(
        "CREATE TABLE hda.patients (id int PRIMARY KEY, name text, secret text)",
        "CREATE TABLE hda.skipped (id int PRIMARY KEY)",
        "INSERT INTO hda.patients VALUES (1, 'a', 's')",
    )
    column = {"schema-name": "%", "table-name": "%"}

    def rule(number: int, action: str, **more: object) -> dict[str, object]:
        given = {"rule-type": "transformation", "rule-id": str(number), "rule-target": "column", "rule-action": action}
        return {**given, "object-locator": {**column, "column-name": "%"}, **more}

    def added(number: int, name: str, header: str, kind: str = "string") -> dict[str, object]:
        data_type = {"type": kind, "length": 50} if kind == "string" else {"type": kind, "precision": 6}
        return rule(number, "add-column", value=name, expression=f"${header}", **{"data-type": data_type}) | {
            "object-locator": column
        }

    exclude = {**EVERYTHING, "rule-id": "2", "rule-action": "exclude"}
    exclude["object-locator"] = {"schema-name": "hda", "table-name": "skip%"}
    replication.deploy(
        EVERYTHING,
        exclude,
        rule(3, "remove-column", **{"object-locator": {**column, "column-name": "secret"}}),
        rule(4, "convert-uppercase"),
        added(5, "CDC_OPERATION", "AR_H_OPERATION"),
        added(6, "CDC_TIMESTAMP_SEQ", "AR_H_CHANGE_SEQ"),
        added(7, "CDC_AT", "AR_H_COMMIT_TIMESTAMP", "datetime"),
        added(8, "CDC_POSITION", "AR_H_STREAM_POSITION"),
    )
    replication.run()
    replication.source.execute("UPDATE hda.patients SET id = 2", "DELETE FROM hda.patients")
    replication.run()
    load, update, delete = replication.landed("patients")
    assert list(load) == [
        "Op", "ID", "NAME", "CDC_OPERATION", "CDC_TIMESTAMP_SEQ", "CDC_AT", "CDC_POSITION", "_position", "_unchanged",
        "_previous_key",
    ]  # fmt: skip
    assert load["CDC_OPERATION"] is load["CDC_TIMESTAMP_SEQ"] is None
    assert load["CDC_AT"].tzinfo is not None
    assert (update["CDC_OPERATION"], delete["CDC_OPERATION"]) == ("UPDATE", "DELETE")
    assert len(update["CDC_TIMESTAMP_SEQ"]) == 35
    assert update["CDC_TIMESTAMP_SEQ"] < delete["CDC_TIMESTAMP_SEQ"]
    assert update["CDC_POSITION"] == update["_position"]
    assert json.loads(update["_previous_key"]) == {"ID": "1"}
    assert not (replication.landing / "hda" / "skipped").exists()


def test_an_array_of_several_dimensions_is_an_error_that_names_the_column(replication: Replication) -> None:
    """ADBC would flatten it without a word."""
    replication.source.execute(
        "CREATE TABLE hda.grid (id int PRIMARY KEY, cells int[])", "INSERT INTO hda.grid VALUES (1, '{{1,2},{3,4}}')"
    )
    replication.deploy()
    with pytest.raises(replicate.ValueNotRepresentable, match=r"grid\.cells"):
        replication.run()
    replication.source.execute("UPDATE hda.grid SET cells = '{1}'")
    replication.run()
    assert replication.landed("grid")[0]["cells"] == [1]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("date", "infinity"), ("date", "0044-03-15 BC"), ("timestamptz", "-infinity"), ("timestamp", "20000-01-01"),
     ("numeric(5,2)", "NaN")],
)  # fmt: skip
def test_a_value_that_the_lake_cannot_hold_stops_the_task_and_can_be_put_right(
    replication: Replication, kind: str, value: str
) -> None:
    replication.source.execute(f"CREATE TABLE hda.t (id int PRIMARY KEY, v {kind})")
    replication.deploy()
    replication.run()
    replication.source.execute(f"INSERT INTO hda.t VALUES (1, '{value}')")
    with pytest.raises(replicate.ValueNotRepresentable, match=r"t\.v") as caught:
        replication.run()
    assert value not in str(caught.value).split("(infinity")[0].replace("infinity,", "")
    assert replication.status().state is replicate.TaskState.FAILED
    with pytest.raises(replicate.ValueNotRepresentable, match=r"t\.v"):
        replication.run(reload=True)
    replication.source.execute("UPDATE hda.t SET v = NULL")
    replication.run(reload=True)
    assert replication.replayed("t") == {"1": {"id": 1, "v": None}}


def test_a_partitioned_table_lands_as_one_without_its_generated_columns(replication: Replication) -> None:
    replication.source.execute(
        "CREATE TABLE hda.vitals (id int, day date, twice int GENERATED ALWAYS AS (id * 2) STORED, "
        "PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
        "CREATE TABLE hda.vitals_old PARTITION OF hda.vitals FOR VALUES FROM ('2000-01-01') TO ('2020-01-01')",
        "CREATE TABLE hda.vitals_new PARTITION OF hda.vitals FOR VALUES FROM ('2020-01-01') TO ('2030-01-01')",
        "INSERT INTO hda.vitals VALUES (1, '2010-01-01')",
    )
    replication.deploy()
    replication.run()
    replication.source.execute(
        "INSERT INTO hda.vitals VALUES (2, '2025-01-01')", "UPDATE hda.vitals SET id = 3 WHERE id = 1"
    )
    replication.run()
    assert set(replication.replayed("vitals")) == {"2", "3"}
    assert "twice" not in replication.landed("vitals")[0]
    assert [path.name for path in (replication.landing / "hda").iterdir()] == ["vitals"]


def test_a_table_made_later_is_loaded_at_the_next_start(replication: Replication) -> None:
    replication.source.execute("CREATE TABLE hda.a (id int PRIMARY KEY)")
    replication.deploy()
    replication.run()
    replication.source.execute("CREATE TABLE hda.b (id int PRIMARY KEY)", "INSERT INTO hda.b VALUES (1)")
    replication.run()
    replication.source.execute("INSERT INTO hda.b VALUES (2)")
    replication.run()
    assert set(replication.replayed("b")) == {"1", "2"}


def test_two_tasks_may_not_land_in_one_folder(replication: Replication) -> None:
    replication.source.execute("CREATE TABLE hda.a (id int PRIMARY KEY)")
    replication.deploy(migration_type="full-load")
    replication.run()
    spec = replicate.ReplicationTaskSpec(
        source=replicate.SourceSpec(conninfo="{{secret:source}}"), rules=(EVERYTHING,), migration_type="full-load"
    )
    with replication.rt.begin(replication.operator) as uow:
        replicate.put_replication_task(uow, "other", spec, {})
    with pytest.raises(replicate.LandingNotOurs, match="hda/a holds files of the task hospital"):
        replication.rt.run_replication(replication.operator, "other")


def _wait_for_state(replication: Replication, state: replicate.TaskState) -> None:
    _wait_until(lambda: replication.status().state is state)


def _wait_until(holds: object, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
