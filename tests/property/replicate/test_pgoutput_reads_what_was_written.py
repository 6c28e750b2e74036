"""The pgoutput reader against an encoder written from the same page of PostgreSQL's documentation."""

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pergamon.replicate.pgoutput import (
    UNCHANGED,
    Begin,
    Commit,
    Delete,
    Insert,
    LogicalMessage,
    MalformedMessage,
    Message,
    Origin,
    Relation,
    RelationColumn,
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

u32 = st.integers(0, 2**32 - 1)
lsn = st.integers(0, 2**63 - 1)
moment = st.integers(-(2**62), 2**62)
name = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
value = st.one_of(st.none(), st.just(UNCHANGED), st.binary(max_size=300))
row = st.lists(value, max_size=8).map(tuple)
column = st.builds(RelationColumn, name, st.booleans(), u32, st.integers(-1, 2**31 - 1))


def in_or_out(build: type, **fields: st.SearchStrategy) -> st.SearchStrategy:
    """A message as it comes outside a stream (no transaction number) or inside."""
    return st.builds(build, xid=st.none() | u32, **fields)


old_new = st.one_of(st.tuples(st.just(""), st.just(()), row), st.tuples(st.sampled_from("KO"), row, row))
messages: dict[type, st.SearchStrategy] = {
    Begin: st.builds(Begin, lsn, moment, u32),
    Commit: st.builds(Commit, lsn, lsn, moment),
    Relation: in_or_out(
        Relation, relation_id=u32, schema=name, table=name, identity=st.sampled_from("dnfi"),
        columns=st.lists(column, max_size=6).map(tuple),
    ),
    TypeName: in_or_out(TypeName, type_oid=u32, schema=name, name=name),
    Insert: in_or_out(Insert, relation_id=u32, new=row),
    Update: st.builds(lambda xid, relation, rows: Update(xid, relation, *rows), st.none() | u32, u32, old_new),
    Delete: in_or_out(Delete, relation_id=u32, old_kind=st.sampled_from("KO"), old=row),
    Truncate: in_or_out(Truncate, relation_ids=st.lists(u32, max_size=4).map(tuple)),
    LogicalMessage: in_or_out(
        LogicalMessage, transactional=st.booleans(), lsn=lsn, prefix=name, content=st.binary(max_size=50)
    ),
    Origin: st.builds(Origin, name),
    StreamStart: st.builds(StreamStart, u32, st.booleans()),
    StreamStop: st.builds(StreamStop),
    StreamCommit: st.builds(StreamCommit, u32, lsn, lsn, moment),
    StreamAbort: st.builds(StreamAbort, u32, u32),
}  # fmt: skip
any_message = st.one_of(*messages.values())


def encode(message: Message) -> bytes:  # noqa: PLR0911, PLR0912 - one line for each kind
    """A message as PostgreSQL writes it (documentation, "Logical Replication Message Formats")."""
    xid = pack(">I", message.xid) if getattr(message, "xid", None) is not None else b""
    match message:
        case Begin():
            return b"B" + pack(">QqI", *message)
        case Commit():
            return b"C\0" + pack(">QQq", *message)
        case Relation():
            head = (
                pack(">I", message.relation_id) + text(message.schema) + text(message.table) + message.identity.encode()
            )
            columns = (bytes([c.is_key]) + text(c.name) + pack(">Ii", c.type_oid, c.typmod) for c in message.columns)
            return b"R" + xid + head + pack(">H", len(message.columns)) + b"".join(columns)
        case TypeName():
            return b"Y" + xid + pack(">I", message.type_oid) + text(message.schema) + text(message.name)
        case Insert():
            return b"I" + xid + pack(">I", message.relation_id) + b"N" + tuple_data(message.new)
        case Update():
            old = message.old_kind.encode() + tuple_data(message.old) if message.old_kind else b""
            return b"U" + xid + pack(">I", message.relation_id) + old + b"N" + tuple_data(message.new)
        case Delete():
            return b"D" + xid + pack(">I", message.relation_id) + message.old_kind.encode() + tuple_data(message.old)
        case Truncate():
            ids = b"".join(pack(">I", relation) for relation in message.relation_ids)
            return b"T" + xid + pack(">I", len(message.relation_ids)) + b"\0" + ids
        case LogicalMessage():
            head = bytes([message.transactional]) + pack(">Q", message.lsn) + text(message.prefix)
            return b"M" + xid + head + pack(">I", len(message.content)) + message.content
        case Origin():
            return b"O" + pack(">Q", 0) + text(message.name)
        case StreamStart():
            return b"S" + pack(">IB", *message)
        case StreamStop():
            return b"E"
        case StreamCommit():
            return b"c" + pack(">IBQQq", message.xid, 0, *message[1:])
        case StreamAbort():
            return b"A" + pack(">II", *message)


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def tuple_data(values: Row) -> bytes:
    parts = [pack(">H", len(values))]
    for item in values:
        if isinstance(item, bytes):
            parts.append(b"t" + pack(">I", len(item)) + item)
        else:
            parts.append(b"n" if item is None else b"u")
    return b"".join(parts)


STREAM_CONTROL = (StreamStart, StreamStop, StreamCommit, StreamAbort)


def is_inside(message: Message) -> bool:
    return not isinstance(message, STREAM_CONTROL) and getattr(message, "xid", None) is not None


@given(any_message)
def test_every_message_is_read_as_it_was_written(message: Message) -> None:
    assert decode(encode(message), in_stream=is_inside(message)) == message


@given(any_message, st.data())
def test_a_message_cut_short_or_too_long_is_an_error_and_never_a_wrong_message(
    message: Message, data: st.DataObject
) -> None:
    whole = encode(message)
    cut = data.draw(st.integers(0, len(whole) - 1))
    for broken in (whole[:cut], whole + b"\0"):
        with pytest.raises(MalformedMessage):
            decode(broken, in_stream=is_inside(message))


def test_the_generator_reaches_every_kind() -> None:
    assert set(messages) == set(Message.__args__)  # type: ignore[attr-defined]


def test_a_value_in_binary_format_is_an_error() -> None:
    with pytest.raises(MalformedMessage, match="asked for was text"):
        decode(b"I" + pack(">I", 1) + b"N" + pack(">H", 1) + b"b" + pack(">I", 1) + b"x")
