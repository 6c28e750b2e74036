"""What `replicate.ports.Source` promises, kept by PostgreSQL and by the source in memory."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from pergamon.adapters.postgres_source import PostgresSource
from pergamon.replicate import ChangeStream, Data, SlotInUse, SlotLost, Source, SourceRefused, SourceTable
from pergamon.replicate.changes import Change, ChangeReader, Committed
from tests.reference.memory_source import Act, MemorySource
from tests.source_database import SourceDatabase, source_database, source_server

__all__ = ["source_database", "source_server"]

PATIENCE_S = 20
SLOT, PUBLICATION, INSERTS = "pergamon_s", "pergamon_p", "pergamon_i"


class Hospital(Protocol):
    """Whoever writes into the source. A table has `id bigint` and `name text`."""

    def make(self, table: str, *, key: bool = True, identity: str = "d") -> None: ...

    def commit(self, *acts: Act) -> None: ...

    def roll_back(self, *acts: Act) -> None: ...


class PostgresHospital:
    def __init__(self, database: SourceDatabase) -> None:
        self.database = database
        database.execute("CREATE SCHEMA hda")

    def make(self, table: str, *, key: bool = True, identity: str = "d") -> None:
        word = {"d": "DEFAULT", "f": "FULL", "n": "NOTHING"}[identity]
        self.database.execute(
            f"CREATE TABLE hda.{table} (id bigint {'PRIMARY KEY' if key else ''}, name text)",
            f"ALTER TABLE hda.{table} REPLICA IDENTITY {word}",
        )

    def commit(self, *acts: Act) -> None:
        self.database.execute(*map(_sql, acts))

    def roll_back(self, *acts: Act) -> None:
        self.database.execute("SAVEPOINT a", *map(_sql, acts), "ROLLBACK TO a")


def _sql(act: Act) -> str:
    name = "NULL" if act.name is None else "'" + act.name.replace("'", "''") + "'"
    match act.op:
        case "I":
            return f"INSERT INTO hda.{act.table} VALUES ({act.id}, {name})"
        case "U":
            new_id = act.id if act.new_id is None else act.new_id
            return f"UPDATE hda.{act.table} SET id = {new_id}, name = {name} WHERE id = {act.id}"
        case "D":
            return f"DELETE FROM hda.{act.table} WHERE id = {act.id}"
        case _:
            return f"TRUNCATE hda.{act.table}"


World = tuple[Source, Hospital]


@pytest.fixture(params=["PostgreSQL", "in memory"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "in memory":
        memory = MemorySource()
        return memory, memory
    database: SourceDatabase = request.getfixturevalue("source_database")
    return PostgresSource(database.conninfo), PostgresHospital(database)


@pytest.fixture
def source(world: World) -> Source:
    return world[0]


@pytest.fixture
def hospital(world: World) -> Hospital:
    return world[1]


@pytest.fixture
def published(source: Source, hospital: Hospital) -> int:
    """patients, published whole; log, without a key, its inserts alone. Returns: where the slot begins."""
    hospital.make("patients")
    hospital.make("log", key=False)
    hospital.make("unpublished")
    source.create_publication(PUBLICATION, [of(source, "patients")], inserts_only=False)
    source.create_publication(INSERTS, [of(source, "log")], inserts_only=True)
    return source.create_slot(SLOT)


def of(source: Source, name: str) -> SourceTable:
    return next(table for table in source.tables() if table.table == name)


Told = list[list[tuple[object, ...]]]


def read_all(source: Source, stream: ChangeStream, spool: Path) -> tuple[Told, int]:
    """Every change that was committed before the call, by transaction, and where the last of them ends."""
    target = source.current_lsn()
    source.heartbeat()
    reader, told, changes, end = ChangeReader(spool), [], [], 0
    deadline = time.monotonic() + PATIENCE_S
    while end <= target:
        assert time.monotonic() < deadline, "the changes do not come"
        for item in stream.receive(0.2):
            for event in reader.read(item.payload) if isinstance(item, Data) else ():
                if isinstance(event, Change):
                    changes.append(as_told(event))
                elif isinstance(event, Committed):
                    told, changes, end = [*told, changes], [], event.end_lsn
    reader.close()
    return [transaction for transaction in told if transaction], end


def as_told(change: Change) -> tuple[object, ...]:
    return (change.op, change.table.relation.table, change.old_kind, change.old, change.new)


@pytest.fixture
def changes(source: Source, published: int, tmp_path: Path) -> Callable[[], Told]:
    """Reads the slot from its beginning, confirming nothing."""

    def read() -> Told:
        with source.stream(SLOT, [PUBLICATION, INSERTS], published) as stream:
            return read_all(source, stream, tmp_path / "spool")[0]

    return read


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- what it is ---


def test_its_facts_say_whether_changes_can_be_captured(source: Source) -> None:
    facts = source.facts()
    assert (facts.wal_level, facts.can_replicate, facts.can_create, facts.is_standby) == ("logical", True, True, False)
    assert facts.version >= 140000
    free = facts.free_slots
    source.create_slot(SLOT)
    assert source.facts().free_slots == free - 1


@pytest.mark.parametrize(
    ("key", "identity", "told_by"),
    [(True, "d", ("id",)), (True, "f", ("id",)), (False, "f", ("id", "name")), (False, "d", ()), (True, "n", ())],
)
def test_a_table_is_described_with_what_its_updates_are_told_by(
    source: Source, hospital: Hospital, key: bool, identity: str, told_by: tuple[str, ...]
) -> None:
    hospital.make("patients", key=key, identity=identity)
    table = of(source, "patients")
    assert (table.full_name, table.identity, table.identity_columns) == ("hda.patients", identity, told_by)
    assert table.primary_key == (("id",) if key else ())
    assert [(c.name, c.type_oid, c.typmod, c.type_name, c.not_null) for c in table.columns] == [
        ("id", 20, -1, "int8", key),
        ("name", 25, -1, "text", False),
    ]
    assert (table.owned, table.readable, table.partitioned) == (True, True, False)
    assert table.estimated_rows >= 0


# --- publications and slots ---


def test_a_publication_is_made_seen_and_extended(source: Source, hospital: Hospital) -> None:
    hospital.make("patients")
    hospital.make("stays")
    assert source.publication(PUBLICATION) is None
    source.create_publication(PUBLICATION, [of(source, "patients")], inserts_only=False)
    source.extend_publication(PUBLICATION, [of(source, "stays")])
    found = source.publication(PUBLICATION)
    assert found is not None
    assert found.tables == {("hda", "patients"), ("hda", "stays")}
    assert found.actions == {"insert", "update", "delete", "truncate"}
    assert found.via_root
    assert not found.filtered


def test_a_publication_of_inserts_tells_no_updates(source: Source, published: int) -> None:
    found = source.publication(INSERTS)
    assert found is not None
    assert found.actions == {"insert", "truncate"}


def test_a_publication_is_not_made_twice_and_one_that_is_not_there_is_not_extended(
    source: Source, published: int
) -> None:
    with pytest.raises(SourceRefused):
        source.create_publication(PUBLICATION, [of(source, "patients")], inserts_only=False)
    with pytest.raises(SourceRefused):
        source.extend_publication("no_such", [of(source, "patients")])


def test_a_slot_is_made_seen_and_dropped(source: Source) -> None:
    assert source.slot(SLOT) is None
    at = source.create_slot(SLOT)
    found = source.slot(SLOT)
    assert found is not None
    assert (found.name, found.plugin, found.confirmed_lsn, found.active) == (SLOT, "pgoutput", at, False)
    assert found.wal_status != "lost"
    with pytest.raises(SourceRefused):
        source.create_slot(SLOT)
    source.drop_slot(SLOT)
    assert source.slot(SLOT) is None
    with pytest.raises(SlotLost):
        source.drop_slot(SLOT)


# --- one moment ---


@pytest.mark.parametrize("consistent_with_slots", [True, False])
def test_a_snapshot_is_one_moment_for_every_table(
    source: Source, hospital: Hospital, consistent_with_slots: bool
) -> None:
    hospital.make("patients")
    hospital.make("stays")
    hospital.commit(Act("I", "patients", 1, "Änne"), Act("I", "patients", 2), Act("I", "stays", 7, "a"))
    with source.snapshot(consistent_with_slots=consistent_with_slots) as snapshot:
        hospital.commit(Act("D", "patients", 1), Act("I", "stays", 8, "later"))
        columns = [("ID", source.quote("id")), ("NAME", source.quote("name"))]
        found = {
            name: sorted(
                (
                    tuple(row.values())
                    for batch in snapshot.read(of(source, name), columns)
                    for row in batch.to_pylist()
                ),
            )
            for name in ("patients", "stays")
        }
    assert found == {"patients": [(1, "Änne"), (2, None)], "stays": [(7, "a")]}


def test_what_is_not_in_the_snapshot_is_at_or_after_its_position_and_nothing_is_both(
    source: Source, hospital: Hospital, published: int, tmp_path: Path
) -> None:
    hospital.commit(Act("I", "patients", 1, "before"))
    with source.snapshot(consistent_with_slots=True) as snapshot:
        hospital.commit(Act("I", "patients", 2, "after"))
        at = snapshot.lsn
        columns = [("id", source.quote("id"))]
        loaded = [row["id"] for batch in snapshot.read(of(source, "patients"), columns) for row in batch.to_pylist()]
    with source.stream(SLOT, [PUBLICATION], at) as stream:
        told, _ = read_all(source, stream, tmp_path / "spool")
    assert loaded == [1]
    assert told == [[("I", "patients", "", (), (b"2", b"after"))]]


# --- changes ---


def test_changes_are_told_by_transaction_in_the_order_of_their_commits(
    hospital: Hospital, changes: Callable[[], Told]
) -> None:
    hospital.commit(Act("I", "patients", 1, "Änne"), Act("I", "patients", 2))
    hospital.roll_back(Act("I", "patients", 3, "never was"))
    hospital.commit(Act("U", "patients", 1, "Anna"), Act("U", "patients", 2, "Bo", new_id=5))
    hospital.commit(Act("D", "patients", 5))
    hospital.commit(Act("T", "patients"))
    assert changes() == [
        [("I", "patients", "", (), (b"1", "Änne".encode())), ("I", "patients", "", (), (b"2", None))],
        [("U", "patients", "", (), (b"1", b"Anna")), ("U", "patients", "K", (b"2", None), (b"5", b"Bo"))],
        [("D", "patients", "K", (b"5", None), ())],
        [("T", "patients", "", (), ())],
    ]


def test_with_full_identity_the_whole_old_row_is_told(
    source: Source, hospital: Hospital, published: int, changes: Callable[[], Told]
) -> None:
    hospital.make("notes", identity="f")
    source.extend_publication(PUBLICATION, [of(source, "notes")])
    hospital.commit(Act("I", "notes", 1, "old"), Act("U", "notes", 1, "new"), Act("D", "notes", 1))
    assert changes() == [
        [
            ("I", "notes", "", (), (b"1", b"old")),
            ("U", "notes", "O", (b"1", b"old"), (b"1", b"new")),
            ("D", "notes", "O", (b"1", b"new"), ()),
        ]
    ]


def test_what_is_not_published_is_not_told(hospital: Hospital, changes: Callable[[], Told]) -> None:
    hospital.commit(Act("I", "unpublished", 1, "x"), Act("I", "log", 1, "line"))
    hospital.commit(Act("U", "log", 1, "changed"))
    hospital.commit(Act("I", "unpublished", 2, "y"))
    assert changes() == [[("I", "log", "", (), (b"1", b"line"))]]


def test_what_was_not_confirmed_is_told_again_and_what_was_is_not(
    source: Source, hospital: Hospital, published: int, changes: Callable[[], Told], tmp_path: Path
) -> None:
    hospital.commit(Act("I", "patients", 1, "a"))
    once = changes()
    assert once == changes() == [[("I", "patients", "", (), (b"1", b"a"))]]
    with source.stream(SLOT, [PUBLICATION], published) as stream:
        _, end = read_all(source, stream, tmp_path / "spool")
        stream.confirm(end)
        eventually(lambda: _confirmed(source) >= end)
    hospital.commit(Act("I", "patients", 2, "b"))
    assert changes() == [[("I", "patients", "", (), (b"2", b"b"))]]


def _confirmed(source: Source) -> int:
    found = source.slot(SLOT)
    assert found is not None
    return found.confirmed_lsn


def test_confirming_less_than_before_takes_nothing_back(
    source: Source, hospital: Hospital, published: int, tmp_path: Path
) -> None:
    hospital.commit(Act("I", "patients", 1, "a"))
    with source.stream(SLOT, [PUBLICATION], published) as stream:
        _, end = read_all(source, stream, tmp_path / "spool")
        stream.confirm(end)
        eventually(lambda: _confirmed(source) >= end)
        stream.confirm(published)
        stream.confirm(end, reply=True)
    assert _confirmed(source) >= end


def test_a_slot_has_one_reader(source: Source, published: int) -> None:
    with (
        source.stream(SLOT, [PUBLICATION], published),
        pytest.raises(SlotInUse),
        source.stream(SLOT, [PUBLICATION], published),
    ):
        pass
    eventually(lambda: not (source.slot(SLOT) or pytest.fail("the slot is gone")).active)


def test_a_slot_that_is_gone_is_said(source: Source, published: int) -> None:
    source.drop_slot(SLOT)
    with pytest.raises(SlotLost), source.stream(SLOT, [PUBLICATION], published):
        pass


def test_the_log_goes_on_and_never_back(source: Source, hospital: Hospital, published: int) -> None:
    seen = [source.current_lsn()]
    for number in range(3):
        hospital.commit(Act("I", "patients", number))
        seen.append(source.current_lsn())
    source.heartbeat()
    seen.append(source.current_lsn())
    assert seen == sorted(set(seen))
    assert published <= seen[0]


@pytest.mark.parametrize(("name", "quoted"), [("id", '"id"'), ('a"b', '"a""b"'), ("Größe", '"Größe"')])
def test_a_name_is_quoted_as_sql_writes_it(source: Source, name: str, quoted: str) -> None:
    assert source.quote(name) == quoted
