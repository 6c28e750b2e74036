"""Reloads, columns that come and go, types that change, files that are bad: a clear error each, and nothing lost."""

import hashlib
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pergamon import pipeline
from pergamon.kernel import AccessDenied, Actor, ActorKind
from pergamon.pipeline.apply import StoredValueMissing, TableStopped
from pergamon.pipeline.columns import TypeCannotWiden
from pergamon.pipeline.tracker import BadManifest
from tests.reference.replay import SourceChange

from .conftest import HISTORY, STATE, Bench


def at(lsn: int, ordinal: int = 1) -> str:
    return f"{lsn:016X}.{ordinal:010d}"


def row(a: int, value: int = 0, note: str | None = "n", **more: object) -> dict[str, object]:
    return {"a": a, "b": "x", "value": value, "note": note, **more}


def values(bench: Bench) -> dict[int, object]:
    return {found["a"]: found["value"] for found in bench.rows()}


def test_a_later_full_load_replaces_the_state_and_changes_beyond_it_are_merged_again(bench: Bench) -> None:
    bench.landing.load(at(10, 0), [row(1), row(2)])
    bench.landing.changes([SourceChange("U", at(20), row(1, 20))])
    bench.landing.changes([SourceChange("I", at(40), row(4, 40))])
    bench.merge()
    bench.landing.load(at(30, 0), [row(1, 30), row(3, 30)], load_id="load-2")
    bench.merge()
    assert values(bench) == {1: 30, 3: 30, 4: 40}
    assert bench.file_states() == ["merged", "merged", "merged", "merged"]


def test_changes_that_a_full_load_holds_are_superseded_on_the_record(bench: Bench) -> None:
    bench.landing.changes([SourceChange("I", at(5), row(9, 5))])
    bench.landing.changes([SourceChange("I", at(9), row(8, 9)), SourceChange("U", at(11), row(1, 11))])
    bench.landing.load(at(10, 0), [row(1), row(8, 9), row(9, 5)])
    bench.merge()
    assert values(bench) == {1: 11, 8: 9, 9: 5}
    assert sorted(bench.file_states()) == ["merged", "merged", "superseded"]


def test_changes_wait_for_the_first_full_load(bench: Bench) -> None:
    first, second = bench.landing.load(at(10, 0), [row(1), row(2)], files=2)
    held = second.with_name(second.name + ".manifest.json")
    manifest = held.read_bytes()
    held.unlink()
    bench.landing.changes([SourceChange("U", at(11), row(1, 11))])
    assert bench.merge().waiting
    assert set(bench.file_states()) == {"registered"}
    held.write_bytes(manifest)
    assert not bench.merge().waiting
    assert values(bench) == {1: 11, 2: 0}
    assert first.exists()


def test_a_history_appends_a_later_full_load(bench: Bench) -> None:
    bench.landing.load(at(10, 0), [row(1)])
    bench.landing.changes([SourceChange("U", at(20), row(1, 20))])
    bench.merge(HISTORY)
    bench.landing.load(at(30, 0), [row(1, 30)], load_id="load-2")
    bench.merge(HISTORY)
    assert [(op, told["value"]) for op, _, told in bench.told()] == [("L", 0), ("U", 20), ("L", 30)]


def test_new_wider_and_dropped_columns_follow_the_source(bench: Bench) -> None:
    bench.landing.columns["value"] = pa.int32()
    bench.landing.load(at(10, 0), [row(1, 1), row(2, 2)])
    bench.landing.columns["value"] = pa.int64()
    bench.landing.columns["extra"] = pa.string()
    bench.landing.changes([SourceChange("U", at(20), row(1, 2**40, extra="e"))])
    del bench.landing.columns["note"]
    bench.landing.changes([SourceChange("I", at(30), row(3, 3, extra="f"))])
    bench.landing.columns["note"] = pa.string()  # the name comes back: another column
    bench.landing.changes([SourceChange("I", at(40), row(4, 4, "new", extra="g"))])
    bench.merge()
    found = {r["a"]: (r["value"], r["extra"], r["note"]) for r in bench.rows()}
    assert found == {1: (2**40, "e", None), 2: (2, None, None), 3: (3, "f", None), 4: (4, "g", "new")}


def test_a_history_keeps_a_dropped_column(bench: Bench) -> None:
    bench.landing.load(at(10, 0), [row(1, 1)])
    del bench.landing.columns["note"]
    bench.landing.changes([SourceChange("U", at(20), row(1, 2))])
    bench.merge(HISTORY)
    assert [(op, told["value"], told["note"]) for op, _, told in bench.told()] == [("L", 1, "n"), ("U", 2, None)]


def test_a_type_that_cannot_widen_stops_the_table_until_it_is_loaded_anew(bench: Bench) -> None:
    bench.landing.load(at(10, 0), [row(1, 1)])
    bench.landing.changes([SourceChange("U", at(20), row(1, 2))])
    bench.landing.columns["value"] = pa.string()
    changed = {**row(1), "value": "two"}
    bench.landing.changes([SourceChange("U", at(30), changed)])
    with pytest.raises(TypeCannotWiden, match="column value was int64 and is now string"):
        bench.merge()
    assert values(bench) == {1: 2}  # what came before is merged
    bench.landing.load(at(40, 0), [{**row(1), "value": "three"}], load_id="load-2")
    bench.merge()
    assert values(bench) == {1: "three"}
    assert sorted(bench.file_states()) == ["merged", "merged", "merged", "superseded"]


def test_a_value_that_nobody_holds_stops_the_table_and_is_never_a_null(bench: Bench) -> None:
    bench.landing.load(at(10, 0), [row(1)])
    lost = SourceChange("U", at(20), row(7, 1, None), None, ("note",))
    bench.landing.changes([lost])
    with pytest.raises(StoredValueMissing):
        bench.merge()
    assert bench.file_states() == ["merged", "registered"]
    assert values(bench) == {1: 0}


def test_keys_outside_the_replica_identity_are_named(bench: Bench) -> None:
    bench.landing.keys = ("a",)
    bench.landing.load(at(10, 0), [row(1)])
    with pytest.raises(pipeline.BadKeys, match="key b is not in the replica identity"):
        bench.merge()


def test_nothing_is_applied_past_a_quarantined_file_until_it_is_skipped(bench: Bench) -> None:
    bench.landing.load(at(10, 0), [row(1)])
    bad = bench.landing.changes([SourceChange("I", at(20), row(2))])
    bench.landing.changes([SourceChange("I", at(30), row(3))])
    bad.write_bytes(bad.read_bytes()[:100])
    with pytest.raises(TableStopped, match="has 100 bytes") as stopped:
        bench.merge()
    assert stopped.value.message.count(bad.name) == 1
    assert stopped.value.message.endswith("; later files of this table wait")
    assert values(bench) == {1: 0}
    (file,) = bench.files("quarantined")
    stranger = Actor(id="person:eve", kind=ActorKind.PERSON)
    with pytest.raises(AccessDenied), bench.rt.begin(stranger) as uow:
        pipeline.skip_file(uow, file, reason="mine")
    with bench.rt.begin(bench.actor) as uow:
        pipeline.skip_file(uow, file, reason="the source has lost it, too")
    bench.merge()
    assert values(bench) == {1: 0, 3: 0}


def test_bytes_that_changed_without_changing_the_size_are_found(bench: Bench) -> None:
    (path,) = bench.landing.load(at(10, 0), [row(1)])
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(TableStopped, match="SHA-256"):
        bench.merge()


def test_a_file_is_registered_once_however_often_it_is_announced(bench: Bench) -> None:
    bench.landing.load(at(10, 0), [row(1)])
    bench.merge()
    with bench.rt.begin(bench.actor) as uow:
        assert pipeline.register_surviving(uow, bench.rt.settings.lake) == 0
    assert bench.merge().commits == 0


def test_a_delete_of_what_was_never_there_changes_nothing_and_is_done(bench: Bench) -> None:
    bench.landing.load(at(10, 0), [row(1)])
    bench.landing.changes([SourceChange("D", at(20), row(5))])
    bench.merge()
    assert values(bench) == {1: 0}
    assert bench.file_states() == ["merged", "merged"]


def test_an_empty_table_can_be_loaded_emptied_and_loaded_again(bench: Bench) -> None:
    bench.landing.load(at(10, 0), [])
    bench.merge()
    assert bench.rows() == []
    bench.landing.changes([SourceChange("I", at(20), row(1))])
    bench.merge()
    bench.landing.load(at(30, 0), [], load_id="load-2")
    bench.merge()
    assert bench.rows() == []
    assert set(bench.file_states()) == {"merged"}


def test_a_table_without_a_key_keeps_its_history(bench: Bench) -> None:
    spec = STATE.model_copy(update={"versioning": "H", "keys": ()})
    bench.landing.load(at(10, 0), [row(1), row(1)])
    bench.landing.changes([SourceChange("D", at(20), row(1)), SourceChange("T", at(20, 2), {})])
    bench.merge(spec)
    assert [op for op, _, _ in bench.told()] == ["L", "L", "D", "T"]


def test_a_transaction_that_reaches_over_files_is_merged_whole(bench: Bench) -> None:
    """Cut in the middle of a swap, each half alone would lose a row."""
    bench.landing.load(at(10, 0), [row(1, 1, "one"), row(2, 2, "two")])
    bench.landing.changes([SourceChange("U", at(20, 1), row(2, 1, None), (1, "x"), ("note",))])
    bench.landing.changes([SourceChange("U", at(20, 2), row(1, 2, None), (2, "x"), ("note",))])
    bench.merge(max_files=1)
    assert {r["a"]: (r["value"], r["note"]) for r in bench.rows()} == {1: (2, "two"), 2: (1, "one")}


def rewritten(path: Path, table: pa.Table | None = None, **words: object) -> None:
    """A landing file or its manifest as somebody else might write them, the digest put right."""
    manifest = path.with_name(path.name + ".manifest.json")
    document = json.loads(manifest.read_text())
    if table is not None:
        pq.write_table(table, path)
    document |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size_bytes": path.stat().st_size}
    manifest.write_text(json.dumps(document | words))


def with_column(path: Path, name: str, value: object) -> pa.Table:
    table = pq.read_table(path)
    array = pa.array([value] * len(table), pa.string())
    place = table.schema.get_field_index(name)
    return table.append_column(name, array) if place < 0 else table.set_column(place, name, array)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("Op", "X", "operations other than"),
        ("Op", None, "operations other than"),
        ("_position", None, "positions that its manifest"),
        ("_position", at(5), "positions that its manifest"),
        ("_position", at(90), "positions that its manifest"),
        ("_previous_key", "not json", "a previous key"),
        ("_previous_key", "[1]", "a previous key"),
        ("_previous_key", '{"a": "abc"}', "a previous key"),
        ("__operation", "D", "needs for itself: __operation"),
        ("__keep_note", "1", "needs for itself: __keep_note"),
        ("_previous_a", "1", "needs for itself: _previous_a"),
        ("_Operation", "D", "needs for itself: _Operation"),
        ("_POSITION", at(20), "needs for itself: _POSITION"),
    ],
)
def test_a_file_that_would_be_misread_is_set_aside_and_no_row_is_lost(
    bench: Bench, column: str, value: str | None, reason: str
) -> None:
    bench.landing.load(at(10, 0), [row(1)])
    path = bench.landing.changes([SourceChange("U", at(20), row(1, 5))])
    rewritten(path, with_column(path, column, value))
    with pytest.raises(TableStopped, match=reason):
        bench.merge()
    assert bench.file_states() == ["merged", "quarantined"]
    assert values(bench) == {1: 0}


def test_a_file_with_other_rows_than_its_manifest_says_is_set_aside(bench: Bench) -> None:
    (path,) = bench.landing.load(at(10, 0), [row(1), row(2)])
    rewritten(path, rows=1)
    with pytest.raises(TableStopped, match="has 2 rows, its manifest says 1"):
        bench.merge()


def test_a_landing_file_is_never_read_through_a_link(bench: Bench) -> None:
    (path,) = bench.landing.load(at(10, 0), [row(1)])
    path.rename(path.parent / "elsewhere")
    path.symlink_to(path.parent / "elsewhere")
    with pytest.raises(TableStopped, match="cannot be read"):
        bench.merge()


BAD_WORDS = [
    {"rows": 10**30},
    {"rows": -1},
    {"size_bytes": 10**30},
    {"kind": "rumour"},
    {"version": 9},
    {"task": "a\x00b"},
    {"task": "\ud800"},
    {"position": {"first": "0", "last": "z"}},
    {"position": {"first": at(21), "last": at(20)}},
]


@pytest.mark.parametrize("words", BAD_WORDS, ids=lambda words: next(iter(words)))
def test_a_manifest_that_no_task_writes_is_a_clear_error(bench: Bench, words: dict[str, object]) -> None:
    (path,) = bench.landing.load(at(10, 0), [row(1)])
    rewritten(path, **words)
    with pytest.raises(BadManifest, match=r"cannot be used"):
        bench.merge()
    assert bench.file_states() == []


def test_a_manifest_that_is_a_bomb_a_pipe_or_a_link_is_a_clear_error(bench: Bench) -> None:
    (path,) = bench.landing.load(at(10, 0), [row(1)])
    manifest = path.with_name(path.name + ".manifest.json")
    kept = manifest.rename(path.parent / "kept")
    manifest.write_text("[" * 100_000)
    with pytest.raises(BadManifest, match="not readable JSON"):
        bench.merge()
    manifest.unlink()
    os.mkfifo(manifest)
    with pytest.raises(BadManifest, match="not readable JSON"):
        bench.merge()
    manifest.unlink()
    manifest.symlink_to(kept)
    with pytest.raises(BadManifest, match="not readable JSON"):
        bench.merge()
