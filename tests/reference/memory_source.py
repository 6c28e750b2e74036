"""A source database in memory: tables of `id bigint, name text`, a log of what was committed, slots that read it.

It passes the contract suite of the real one, so a test of replication that needs no PostgreSQL may use it. A
transaction comes whole, never streamed; an UPDATE always sends every value.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pyarrow as pa

from pergamon.replicate import (
    Data,
    Keepalive,
    Publication,
    ServerFacts,
    Slot,
    SlotInUse,
    SlotLost,
    SourceColumn,
    SourceRefused,
    SourceTable,
)
from pergamon.replicate.pgoutput import (
    Begin,
    Commit,
    Delete,
    Insert,
    LogicalMessage,
    Message,
    Relation,
    RelationColumn,
    Truncate,
    Update,
)
from tests.reference.pgoutput import encode

ALL_ACTIONS = frozenset({"insert", "update", "delete", "truncate"})
WORD = {"I": "insert", "U": "update", "D": "delete", "T": "truncate"}
SECOND_US = 1_000_000


class Act(NamedTuple):
    """One statement on one row: I(id, name), U(id -> new_id, name), D(id), T of the whole table."""

    op: str
    table: str
    id: int = 0
    name: str | None = None
    new_id: int | None = None


@dataclass
class MemoryTable:
    described: SourceTable
    relation_id: int
    rows: dict[int, str | None] = field(default_factory=dict)

    def relation(self) -> Relation:
        table = self.described
        keys = {column.name for column in table.columns} if table.identity == "f" else set(table.identity_columns)
        columns = tuple(RelationColumn(c.name, c.name in keys, c.type_oid, c.typmod) for c in table.columns)
        return Relation(None, self.relation_id, table.schema, table.table, table.identity, columns)


@dataclass(frozen=True)
class Committed:
    lsn: int
    end_lsn: int
    told: tuple[tuple[str, MemoryTable | None, Message], ...]
    """Op, table and message; a heartbeat has neither table nor op."""


class MemorySource:
    """A `Source`."""

    def __init__(self, schema: str = "hda") -> None:
        self.schema = schema
        self.lsn = 0x100_0000
        self.log: list[Committed] = []
        self.by_name: dict[str, MemoryTable] = {}
        self.publications: dict[str, Publication] = {}
        self.slots: dict[str, Slot] = {}
        self.server = ServerFacts(180000, "logical", True, True, 10, 10, "hospital", "hospital", False)

    # --- what the hospital does ---

    def make(self, table: str, *, key: bool = True, identity: str = "d") -> None:
        columns = (SourceColumn("id", 20, -1, "int8", key), SourceColumn("name", 25, -1, "text", False))
        key_columns = ("id",) if key else ()
        told_by = {"d": key_columns, "f": key_columns or ("id", "name")}.get(identity, ())
        described = SourceTable(self.schema, table, columns, key_columns, identity, told_by, 0, False, True, True)
        self.by_name[table] = MemoryTable(described, 16_384 + len(self.by_name))

    def commit(self, *acts: Act) -> None:
        """One transaction."""
        self._append([(act.op, self.by_name[act.table], self._done(act, self.by_name[act.table])) for act in acts])

    def roll_back(self, *acts: Act) -> None:
        """What was never committed only uses up log."""
        self.lsn += 64 * len(acts)

    def _done(self, act: Act, table: MemoryTable) -> Message:
        whole = table.described.identity == "f"
        before = (act.id, table.rows.get(act.id))
        match act.op:
            case "I":
                table.rows[act.id] = act.name
                return Insert(None, table.relation_id, _row(act.id, act.name))
            case "U":
                new_id = act.id if act.new_id is None else act.new_id
                del table.rows[act.id]
                table.rows[new_id] = act.name
                kind = "O" if whole else "K" if new_id != act.id else ""
                old = () if not kind else _row(*before) if whole else _row(act.id, None)
                return Update(None, table.relation_id, kind, old, _row(new_id, act.name))
            case "D":
                del table.rows[act.id]
                kind = "O" if whole else "K"
                return Delete(None, table.relation_id, kind, _row(*before) if whole else _row(act.id, None))
            case _:
                table.rows.clear()
                return Truncate(None, (table.relation_id,))

    def _append(self, told: Sequence[tuple[str, MemoryTable | None, Message]]) -> None:
        lsn = self.lsn + 64 * len(told)
        self.lsn = lsn + 48
        self.log.append(Committed(lsn, self.lsn, tuple(told)))

    # --- the port ---

    def facts(self) -> ServerFacts:
        return replace(self.server, free_slots=self.server.free_slots - len(self.slots))

    def tables(self) -> list[SourceTable]:
        return [self.by_name[name].described for name in sorted(self.by_name)]

    def publication(self, name: str) -> Publication | None:
        return self.publications.get(name)

    def create_publication(self, name: str, tables: Sequence[SourceTable], *, inserts_only: bool) -> None:
        if name in self.publications:
            raise SourceRefused(f"the publication {name} exists")
        listed = frozenset((table.schema, table.table) for table in tables)
        actions = frozenset({"insert", "truncate"}) if inserts_only else ALL_ACTIONS
        self.publications[name] = Publication(name, listed, actions, True, frozenset())

    def extend_publication(self, name: str, tables: Sequence[SourceTable]) -> None:
        if name not in self.publications:
            raise SourceRefused(f"there is no publication {name}")
        known = self.publications[name]
        more = frozenset((table.schema, table.table) for table in tables)
        self.publications[name] = replace(known, tables=known.tables | more)

    def slot(self, name: str) -> Slot | None:
        return self.slots.get(name)

    def create_slot(self, name: str) -> int:
        if name in self.slots:
            raise SourceRefused(f"the slot {name} exists")
        self.slots[name] = Slot(name, "pgoutput", self.lsn, False, "reserved", 0)
        return self.lsn

    def drop_slot(self, name: str) -> None:
        if name not in self.slots:
            raise SlotLost(f"there is no slot {name}")
        del self.slots[name]

    @contextmanager
    def snapshot(self, *, consistent_with_slots: bool) -> Iterator["MemorySnapshot"]:
        yield MemorySnapshot(self.lsn, {name: dict(table.rows) for name, table in self.by_name.items()})

    def current_lsn(self) -> int:
        return self.lsn

    def heartbeat(self) -> None:
        self._append([("", None, LogicalMessage(None, True, self.lsn, "pergamon", b""))])

    @contextmanager
    def stream(self, slot: str, publications: Sequence[str], start_lsn: int) -> Iterator["MemoryStream"]:
        found = self.slots.get(slot)
        if found is None:
            raise SlotLost(f"there is no slot {slot}")
        if found.active:
            raise SlotInUse(f"the slot {slot} is read by another")
        self.slots[slot] = replace(found, active=True)
        try:
            chosen = [self.publications[name] for name in publications]
            yield MemoryStream(self, slot, chosen, max(start_lsn, found.confirmed_lsn))
        finally:
            self.slots[slot] = replace(self.slots[slot], active=False)

    def quote(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class MemorySnapshot:
    """A `Snapshot`."""

    lsn: int
    rows: dict[str, dict[int, str | None]]

    def read(self, table: SourceTable, columns: Sequence[tuple[str, str]]) -> Iterator[pa.RecordBatch]:
        rows = self.rows[table.table]
        values = {"id": pa.array(list(rows), pa.int64()), "name": pa.array(list(rows.values()), pa.string())}
        chosen = [values[re.sub(r'^"(.*)"$', r"\1", expression)] for _, expression in columns]
        yield pa.RecordBatch.from_arrays(chosen, names=[name for name, _ in columns])


@dataclass
class MemoryStream:
    """A `ChangeStream`."""

    source: MemorySource
    slot: str
    publications: Sequence[Publication]
    start_lsn: int
    read: int = 0
    described: set[int] = field(default_factory=set)

    def receive(self, timeout_s: float) -> Sequence[Data | Keepalive]:
        found: list[Data | Keepalive] = []
        for transaction in self.source.log[self.read :]:
            self.read += 1
            if transaction.lsn >= self.start_lsn:
                found += [Data(encode(message)) for message in self._told(transaction)]
        return [*found, Keepalive(self.source.lsn)]

    def _told(self, transaction: Committed) -> Iterator[Message]:
        chosen = [entry for entry in transaction.told if self._is_published(entry[0], entry[1])]
        if not chosen:
            return
        at_us = len(self.source.log) * SECOND_US
        yield Begin(transaction.lsn, at_us, 700 + self.read)
        for _, table, message in chosen:
            if table is not None and table.relation_id not in self.described:
                self.described.add(table.relation_id)
                yield table.relation()
            yield message
        yield Commit(transaction.lsn, transaction.end_lsn, at_us)

    def _is_published(self, op: str, table: MemoryTable | None) -> bool:
        if table is None:
            return True
        name = (table.described.schema, table.described.table)
        return any(name in each.tables and WORD[op] in each.actions for each in self.publications)

    def confirm(self, lsn: int, *, reply: bool = False) -> None:
        known = self.source.slots[self.slot]
        self.source.slots[self.slot] = replace(known, confirmed_lsn=max(known.confirmed_lsn, lsn))

    def close(self) -> None:
        """The context gives the slot back."""


def _row(number: int, name: str | None) -> tuple[bytes | None, ...]:
    return str(number).encode(), None if name is None else name.encode()
