"""The pgoutput reader against the encoder of the reference."""

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
    StreamAbort,
    StreamCommit,
    StreamStart,
    StreamStop,
    Truncate,
    TypeName,
    Update,
    decode,
)
from tests.reference.pgoutput import encode

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
