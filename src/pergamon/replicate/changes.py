"""From pgoutput's messages to changes in the order in which their transactions committed.

Small transactions come whole. Big ones are streamed while they run (protocol 2): they are kept in a file, as they
came, until they commit, so that memory stays bounded; what a rolled-back savepoint had said is left out. A change's
position is its transaction's commit position and its number among the surviving changes, so it is the same whether the
transaction came whole or streamed, in this run or the next.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import BinaryIO, NamedTuple

from pergamon.kernel import make_durable_directory
from pergamon.replicate.landing import landing_errors
from pergamon.replicate.model import Position
from pergamon.replicate.pgoutput import (
    Begin,
    Commit,
    Delete,
    Insert,
    Message,
    Relation,
    Row,
    StreamAbort,
    StreamCommit,
    StreamStart,
    StreamStop,
    Truncate,
    TypeName,
    Update,
    decode,
)


class Table(NamedTuple):
    """A table as the stream describes it, with names for the types that are not built in."""

    relation: Relation
    type_names: tuple[str, ...]


class Change(NamedTuple):
    table: Table
    op: str
    old_kind: str
    old: Row
    new: Row
    position: Position
    commit_us: int
    size_bytes: int


class Committed(NamedTuple):
    """A transaction is over; every change of it has been given out."""

    end_lsn: int


_RECORD = Struct(">II")
_NO_XID = 0


class ChangeReader:
    """Feed it what the source sends, in order."""

    def __init__(self, spool: Path) -> None:
        """spool: an empty-able folder of this reader alone, for big transactions."""
        self._spool = spool
        shutil.rmtree(spool, ignore_errors=True)
        self._tables: dict[int, Table] = {}
        self._type_names: dict[int, str] = {}
        self._transaction: Begin | None = None
        self._ordinal = 0
        self._streamed: dict[int, _StreamedTransaction] = {}
        self._open_stream: _StreamedTransaction | None = None

    @property
    def between_transactions(self) -> bool:
        return self._transaction is None and self._open_stream is None

    def close(self) -> None:
        """Let go of the spool; what is in it will be sent again."""
        for streamed in self._streamed.values():
            streamed.pause()
        shutil.rmtree(self._spool, ignore_errors=True)

    def read(self, payload: bytes) -> Iterator[Change | Committed]:
        """Raises: MalformedMessage, LandingNotWritable (the spool's disk)."""
        if self._open_stream is not None and payload[:1] != b"E":
            xid = _NO_XID if payload[:1] == b"O" else int.from_bytes(payload[1:5], "big")
            self._open_stream.keep(xid, payload)
            return
        message = decode(payload)
        begin = self._transaction
        if begin is not None and not isinstance(message, Commit):
            yield from self._apply(message, begin.commit_lsn, begin.commit_us, len(payload))
            return
        match message:
            case Begin():
                self._transaction, self._ordinal = message, 0
            case Commit():
                self._transaction = None
                yield Committed(message.end_lsn)
            case StreamStart():
                self._open_stream = self._streamed.setdefault(
                    message.xid, _StreamedTransaction(self._spool / f"{message.xid}.messages")
                )
            case StreamStop():
                if self._open_stream is not None:
                    self._open_stream.pause()
                self._open_stream = None
            case StreamAbort():
                self._abort(message)
            case StreamCommit():
                yield from self._replay(message)
            case _:
                pass  # a message outside any transaction: a heartbeat, or an origin

    def _apply(self, message: Message, commit_lsn: int, commit_us: int, size: int) -> Iterator[Change]:
        match message:
            case Insert():
                yield self._change(message.relation_id, "I", commit_lsn, commit_us, size, new=message.new)
            case Update():
                kind, old, new = message.old_kind, message.old, message.new
                yield self._change(
                    message.relation_id, "U", commit_lsn, commit_us, size, old_kind=kind, old=old, new=new
                )
            case Delete():
                kind, old = message.old_kind, message.old
                yield self._change(message.relation_id, "D", commit_lsn, commit_us, size, old_kind=kind, old=old)
            case Truncate():
                for relation_id in message.relation_ids:
                    yield self._change(relation_id, "T", commit_lsn, commit_us, size)
            case Relation():
                names = tuple(self._type_names.get(column.type_oid, "") for column in message.columns)
                self._tables[message.relation_id] = Table(message, names)
            case TypeName():
                schema = "" if message.schema == "pg_catalog" else f"{message.schema}."
                self._type_names[message.type_oid] = f"{schema}{message.name}"
            case _:
                pass  # logical messages carry no rows

    def _change(  # noqa: PLR0917 - called for every change: keywords cost
        self,
        relation_id: int,
        op: str,
        commit_lsn: int,
        commit_us: int,
        size: int,
        old_kind: str = "",
        old: Row = (),
        new: Row = (),
    ) -> Change:
        self._ordinal += 1
        return Change(
            self._tables[relation_id], op, old_kind, old, new, Position(commit_lsn, self._ordinal), commit_us, size
        )

    def _abort(self, message: StreamAbort) -> None:
        streamed = self._streamed.get(message.xid)
        if streamed is None:
            return
        if message.subxid == message.xid:
            streamed.forget()
            del self._streamed[message.xid]
        else:
            streamed.aborted.add(message.subxid)

    def _replay(self, commit: StreamCommit) -> Iterator[Change | Committed]:
        streamed = self._streamed.pop(commit.xid, None)
        if streamed is not None:
            self._transaction, self._ordinal = Begin(commit.commit_lsn, commit.commit_us, commit.xid), 0
            for xid, payload in streamed.messages():
                if xid in streamed.aborted and payload[:1] not in (b"R", b"Y"):
                    continue  # but a table's description counts: it is sent once for the whole transaction
                message = decode(payload, in_stream=True)
                yield from self._apply(message, commit.commit_lsn, commit.commit_us, len(payload))
            streamed.forget()
            self._transaction = None
        yield Committed(commit.end_lsn)


class _StreamedTransaction:
    """A running transaction's messages, in a file, as they came."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self.aborted: set[int] = set()

    def keep(self, xid: int, payload: bytes) -> None:
        with landing_errors(self._path):
            if self._file is None:
                make_durable_directory(self._path.parent)
                self._file = self._path.open("ab")
            self._file.write(_RECORD.pack(len(payload), xid) + payload)

    def pause(self) -> None:
        """Between its pieces other transactions come: do not keep a file open for each."""
        if self._file is not None:
            with landing_errors(self._path):
                self._file.close()
            self._file = None

    def messages(self) -> Iterator[tuple[int, bytes]]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            while header := file.read(_RECORD.size):
                length, xid = _RECORD.unpack(header)
                yield xid, file.read(length)

    def forget(self) -> None:
        self.pause()
        self._path.unlink(missing_ok=True)
