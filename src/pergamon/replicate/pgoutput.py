"""The bytes of PostgreSQL's `pgoutput` plugin, protocol version 2, as messages. Pure: bytes in, values out.

Source: PostgreSQL 18 documentation, 54.9 "Logical Replication Message Formats". A tuple is a Python tuple with one
entry per column: `bytes` (PostgreSQL's text), `None` (null) or `UNCHANGED` (a TOASTed value that was not sent).
"""

from enum import Enum
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is an exception
from typing import Final, Literal, NamedTuple

from pergamon.kernel import Unavailable


class MalformedMessage(Unavailable):
    """The source sent bytes that are not pgoutput version 2."""

    code = "replicate.malformed_message"


class Unchanged(Enum):
    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
Value = bytes | None | Literal[Unchanged.UNCHANGED]
Row = tuple[Value, ...]


class Begin(NamedTuple):
    commit_lsn: int
    commit_us: int
    """Microseconds since 2000-01-01 UTC, as the source's clock had it."""
    xid: int


class Commit(NamedTuple):
    commit_lsn: int
    end_lsn: int
    commit_us: int


class RelationColumn(NamedTuple):
    name: str
    is_key: bool
    type_oid: int
    typmod: int


class Relation(NamedTuple):
    xid: int | None
    relation_id: int
    schema: str
    table: str
    identity: str
    """`d` default, `n` nothing, `f` full, `i` index."""
    columns: tuple[RelationColumn, ...]


class TypeName(NamedTuple):
    xid: int | None
    type_oid: int
    schema: str
    name: str


class Insert(NamedTuple):
    xid: int | None
    relation_id: int
    new: Row


class Update(NamedTuple):
    xid: int | None
    relation_id: int
    old_kind: str
    """`K`: `old` holds the old key; `O`: the whole old row; empty: the key did not change."""
    old: Row
    new: Row


class Delete(NamedTuple):
    xid: int | None
    relation_id: int
    old_kind: str
    old: Row


class Truncate(NamedTuple):
    xid: int | None
    relation_ids: tuple[int, ...]


class LogicalMessage(NamedTuple):
    xid: int | None
    transactional: bool
    lsn: int
    prefix: str
    content: bytes


class Origin(NamedTuple):
    name: str


class StreamStart(NamedTuple):
    xid: int
    is_first: bool


class StreamStop(NamedTuple):
    pass


class StreamCommit(NamedTuple):
    xid: int
    commit_lsn: int
    end_lsn: int
    commit_us: int


class StreamAbort(NamedTuple):
    xid: int
    subxid: int


Message = (
    Begin | Commit | Relation | TypeName | Insert | Update | Delete | Truncate | LogicalMessage | Origin | StreamStart
    | StreamStop | StreamCommit | StreamAbort
)  # fmt: skip

_U16, _U32, _I32 = Struct(">H"), Struct(">I"), Struct(">i")
_BEGIN, _COMMIT = Struct(">QqI"), Struct(">BQQq")
_STREAM_COMMIT = Struct(">IBQQq")
_NULL, _TEXT, _UNCHANGED = ord("n"), ord("t"), ord("u")


def decode(data: bytes, *, in_stream: bool = False) -> Message:
    """Read one message. in_stream: between Stream Start and Stream Stop, where changes begin with a transaction number.

    Raises:
        MalformedMessage: unknown kind, cut short, or bytes left over.
    """
    try:
        reader = _READERS.get(data[:1])
        if reader is None:
            raise MalformedMessage(f"the source sent an unknown message kind {data[:1]!r}", hint=_HINT)
        message, end = reader(data, in_stream)
    except (IndexError, ValueError, ArithmeticError, StructError) as error:
        raise MalformedMessage(f"the source sent a {data[:1]!r} message that is cut short", hint=_HINT) from error
    if end != len(data):
        raise MalformedMessage(
            f"the source sent a {data[:1]!r} message with {len(data) - end} bytes too many", hint=_HINT
        )
    return message


_HINT = "is the slot's plugin pgoutput, and is there something between us and the source that changes the bytes?"


def _xid(data: bytes, in_stream: bool) -> tuple[int | None, int]:
    return (_U32.unpack_from(data, 1)[0], 5) if in_stream else (None, 1)


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode(), end + 1


def _row(data: bytes, at: int) -> tuple[Row, int]:
    """TupleData: the column count, then a kind for each, and for text its length and bytes."""
    (count,) = _U16.unpack_from(data, at)
    at += 2
    values: list[Value] = []
    append, length_at = values.append, _U32.unpack_from
    for _ in range(count):
        kind = data[at]
        if kind == _TEXT:
            start = at + 5
            at = start + length_at(data, at + 1)[0]
            append(data[start:at])
        elif kind == _NULL:
            append(None)
            at += 1
        elif kind == _UNCHANGED:
            append(UNCHANGED)
            at += 1
        else:
            raise MalformedMessage(f"a column came in format {chr(kind)!r}, asked for was text", hint=_HINT)
    if at > len(data):
        raise IndexError
    return tuple(values), at


def _begin(data: bytes, _: bool) -> tuple[Message, int]:
    return Begin(*_BEGIN.unpack_from(data, 1)), 1 + _BEGIN.size


def _commit(data: bytes, _: bool) -> tuple[Message, int]:
    _flags, commit_lsn, end_lsn, commit_us = _COMMIT.unpack_from(data, 1)
    return Commit(commit_lsn, end_lsn, commit_us), 1 + _COMMIT.size


def _relation(data: bytes, in_stream: bool) -> tuple[Message, int]:
    xid, at = _xid(data, in_stream)
    (relation_id,) = _U32.unpack_from(data, at)
    schema, at = _text(data, at + 4)
    table, at = _text(data, at)
    identity = chr(data[at])
    (count,) = _U16.unpack_from(data, at + 1)
    at += 3
    columns = []
    for _ in range(count):
        is_key = bool(data[at] & 1)
        name, at = _text(data, at + 1)
        columns.append(RelationColumn(name, is_key, _U32.unpack_from(data, at)[0], _I32.unpack_from(data, at + 4)[0]))
        at += 8
    return Relation(xid, relation_id, schema or "pg_catalog", table, identity, tuple(columns)), at


def _type(data: bytes, in_stream: bool) -> tuple[Message, int]:
    xid, at = _xid(data, in_stream)
    (type_oid,) = _U32.unpack_from(data, at)
    schema, at = _text(data, at + 4)
    name, at = _text(data, at)
    return TypeName(xid, type_oid, schema or "pg_catalog", name), at


def _insert(data: bytes, in_stream: bool) -> tuple[Message, int]:
    xid, at = _xid(data, in_stream)
    (relation_id,) = _U32.unpack_from(data, at)
    _expect(data, at + 4, b"N")
    new, at = _row(data, at + 5)
    return Insert(xid, relation_id, new), at


def _update(data: bytes, in_stream: bool) -> tuple[Message, int]:
    xid, at = _xid(data, in_stream)
    (relation_id,) = _U32.unpack_from(data, at)
    at += 4
    old_kind = ""
    old: Row = ()
    if data[at : at + 1] in (b"K", b"O"):
        old_kind = chr(data[at])
        old, at = _row(data, at + 1)
    _expect(data, at, b"N")
    new, at = _row(data, at + 1)
    return Update(xid, relation_id, old_kind, old, new), at


def _delete(data: bytes, in_stream: bool) -> tuple[Message, int]:
    xid, at = _xid(data, in_stream)
    (relation_id,) = _U32.unpack_from(data, at)
    _expect(data, at + 4, b"KO")
    old_kind = chr(data[at + 4])
    old, at = _row(data, at + 5)
    return Delete(xid, relation_id, old_kind, old), at


def _truncate(data: bytes, in_stream: bool) -> tuple[Message, int]:
    xid, at = _xid(data, in_stream)
    (count,) = _U32.unpack_from(data, at)
    at += 5  # the count, and the options, which do not concern us
    ids = tuple(_U32.unpack_from(data, at + 4 * index)[0] for index in range(count))
    return Truncate(xid, ids), at + 4 * count


def _logical_message(data: bytes, in_stream: bool) -> tuple[Message, int]:
    xid, at = _xid(data, in_stream)
    transactional = bool(data[at])
    lsn = int.from_bytes(data[at + 1 : at + 9], "big")
    prefix, at = _text(data, at + 9)
    (length,) = _U32.unpack_from(data, at)
    at += 4
    if at + length > len(data):
        raise IndexError
    return LogicalMessage(xid, transactional, lsn, prefix, data[at : at + length]), at + length


def _origin(data: bytes, _: bool) -> tuple[Message, int]:
    name, at = _text(data, 9)
    return Origin(name), at


def _stream_start(data: bytes, _: bool) -> tuple[Message, int]:
    return StreamStart(_U32.unpack_from(data, 1)[0], bool(data[5])), 6


def _stream_stop(_data: bytes, _: bool) -> tuple[Message, int]:
    return StreamStop(), 1


def _stream_commit(data: bytes, _: bool) -> tuple[Message, int]:
    xid, _flags, commit_lsn, end_lsn, commit_us = _STREAM_COMMIT.unpack_from(data, 1)
    return StreamCommit(xid, commit_lsn, end_lsn, commit_us), 1 + _STREAM_COMMIT.size


def _stream_abort(data: bytes, _: bool) -> tuple[Message, int]:
    return StreamAbort(_U32.unpack_from(data, 1)[0], _U32.unpack_from(data, 5)[0]), 9


def _expect(data: bytes, at: int, kinds: bytes) -> None:
    if data[at] not in kinds:
        raise MalformedMessage(f"expected one of {kinds!r} in a {data[:1]!r} message", hint=_HINT)


_READERS = {
    b"B": _begin, b"C": _commit, b"R": _relation, b"Y": _type, b"I": _insert, b"U": _update, b"D": _delete,
    b"T": _truncate, b"M": _logical_message, b"O": _origin, b"S": _stream_start, b"E": _stream_stop,
    b"c": _stream_commit, b"A": _stream_abort,
}  # fmt: skip
