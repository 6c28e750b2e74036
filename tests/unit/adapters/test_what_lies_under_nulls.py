"""Arrow keeps memory for what is NULL; of a result it tells nothing."""

from typing import Any

import pyarrow as pa
import pytest

from pergamon.adapters.bare_rows import bare

TEXT, NUMBER = "SECRET SECRET SECRET", 0x5345435245540000
WORD = b"SECRET"
MIDDLE_IS_NULL = pa.py_buffer(bytes([0b101]))


def with_null(array: Any) -> Any:
    """Three values, of which the second is said to be NULL and stays where it was."""
    buffers, kind = array.buffers(), array.type
    if not pa.types.is_nested(kind):
        return pa.Array.from_buffers(kind, 3, [MIDDLE_IS_NULL, *buffers[1:]])
    parts = [array.field(n) for n in range(kind.num_fields)] if pa.types.is_struct(kind) else [array.values]
    return pa.Array.from_buffers(kind, 3, [MIDDLE_IS_NULL], children=parts)


TEXTS, NUMBERS = pa.array(["a", TEXT, "c"]), pa.array([1, NUMBER, 3])
BYTES = pa.array([b"a" * 8, b"SECRETS!", b"c" * 8], pa.binary(8))
FIELDS = pa.StructArray.from_arrays([TEXTS, NUMBERS], ["text", "number"])
COLUMNS = {
    "text": with_null(TEXTS),
    "number": with_null(NUMBERS),
    "bytes": with_null(BYTES),
    "moment": with_null(NUMBERS.view(pa.timestamp("us"))),
    "struct": with_null(FIELDS),
    "in a struct": pa.StructArray.from_arrays([with_null(FIELDS), with_null(TEXTS)], ["fields", "text"]),
    "in a list": pa.ListArray.from_arrays([0, 2, 2, 3], with_null(NUMBERS)),
    "in a map": pa.MapArray.from_arrays([0, 1, 2, 3], pa.array(["x", "y", "z"]), with_null(NUMBERS)),
    "in an array": with_null(pa.FixedSizeListArray.from_arrays(pa.array([1, 2, NUMBER, NUMBER, 3, 4]), 2)),
    "in a dictionary": pa.DictionaryArray.from_arrays(pa.array([0, None, 1]), ["a", "b"]),
    "nothing": pa.nulls(3),
}


def told(table: pa.Table) -> bytes:
    """All bytes that would be sent, numbers in the order in which a word is read."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    sent = sink.getvalue().to_pybytes()
    return sent + sent[::-1]


@pytest.mark.parametrize("name", COLUMNS)
def test_nothing_lies_under_a_null_and_the_rows_are_the_same(name: str) -> None:
    table = pa.table({"column": COLUMNS[name]})
    cleaned = bare(table)
    cleaned.validate(full=True)
    assert cleaned.schema == table.schema
    assert cleaned.to_pylist() == table.to_pylist()
    assert WORD not in told(cleaned)
    if name not in {"in a dictionary", "nothing"}:
        assert WORD in told(table), "this is no test otherwise"


def test_a_column_without_nulls_is_not_copied() -> None:
    table = pa.table({"column": NUMBERS})
    assert bare(table).column(0).chunk(0).buffers()[1].address == NUMBERS.buffers()[1].address


def test_what_claims_more_than_it_holds_takes_no_memory() -> None:
    """A process that was taken over may claim any number of values that take no bytes."""
    none = pa.Array.from_buffers(pa.null(), 2**27, [None])
    assert bare(pa.table({"column": none})).num_rows == 2**27
    lists = pa.list_(pa.null(), 2**26)
    many = pa.FixedSizeListArray.from_buffers(lists, 2, [pa.py_buffer(bytes([0b01]))], children=[none])
    with pytest.raises(pa.ArrowInvalid, match="more parts than fit"):
        bare(pa.table({"column": many}))
