"""Merging schemas: the order of files does not matter, no column is lost, no value changes its meaning."""

import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pergamon.formats import NO_VALUES, Incompatible, Merged, merge_schemas, widest_type
from pergamon.formats.carried import DoesNotFit, fitted

PLAIN = [pa.bool_(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.date32(), pa.timestamp("us"),
         pa.timestamp("us", tz="UTC"), pa.string(), pa.decimal128(18, 2), pa.decimal128(20, 6), pa.decimal128(38, 0),
         pa.decimal128(38, 30), pa.decimal128(9, 0), pa.binary()]  # fmt: skip
TYPES = st.recursive(
    st.sampled_from(PLAIN),
    lambda inner: inner.map(lambda kind: pa.list_(pa.field("element", kind)))
    | st.lists(st.tuples(st.sampled_from("ab"), inner), min_size=1, max_size=2, unique_by=lambda one: one[0]).map(
        pa.struct
    ),
    max_leaves=4,
)  # fmt: skip


@st.composite
def schemas(draw: st.DrawFn) -> pa.Schema:
    names = draw(st.lists(st.sampled_from(["id", "name", "Born", "VALUE"]), min_size=1, max_size=4, unique=True))
    empty = {NO_VALUES: b"true"}
    return pa.schema(
        [
            pa.field(name, pa.string(), metadata=empty) if draw(st.integers(0, 5)) == 0 else pa.field(name, draw(TYPES))
            for name in names
        ]
    )


def types_of(merged: Merged | Incompatible) -> dict[str, Any] | None:
    """Names and types, in no order; structs in no order of their fields."""

    def plain(kind: pa.DataType) -> Any:
        if pa.types.is_struct(kind):
            return frozenset((field.name, plain(field.type)) for field in kind)
        return ("list", plain(kind.value_type)) if pa.types.is_list(kind) else str(kind)

    return None if isinstance(merged, Incompatible) else {f.name: plain(f.type) for f in merged.schema}


@given(schemas(), schemas(), st.booleans())
def test_the_order_of_two_files_does_not_matter(a: pa.Schema, b: pa.Schema, text: bool) -> None:
    one, other = (merge_schemas(*pair, text_as_last_way=text) for pair in ((a, b), (b, a)))
    assert types_of(one) == types_of(other)


@given(schemas(), schemas(), schemas())
def test_the_order_of_three_files_does_not_matter(a: pa.Schema, b: pa.Schema, c: pa.Schema) -> None:
    def merged(x: pa.Schema, y: pa.Schema, z: pa.Schema) -> dict[str, Any] | None:
        first = merge_schemas(x, y)
        return None if isinstance(first, Incompatible) else types_of(merge_schemas(first.schema, z))

    left, right = merged(a, b, c), merged(b, c, a)
    if left is not None and right is not None:
        assert left == right


@given(schemas(), schemas())
def test_no_column_is_lost_and_what_changed_is_told(a: pa.Schema, b: pa.Schema) -> None:
    merged = merge_schemas(a, b, text_as_last_way=True)
    if isinstance(merged, Incompatible):
        assert "binary" in merged.reason
        return
    assert set(merged.schema.names) == set(a.names) | set(b.names)
    assert merged.schema.names[: len(a)] == a.names
    assert set(merged.added) == set(b.names) - set(a.names)
    assert set(merged.missing) == set(a.names) - set(b.names)
    assert set(merged.widened) == {n for n in a.names if merged.schema.field(n).type != a.field(n).type}
    assert set(merged.beyond_iceberg) <= set(merged.widened)


@given(schemas())
def test_a_schema_merged_with_itself_is_itself(a: pa.Schema) -> None:
    merged = merge_schemas(a, a)
    assert isinstance(merged, Merged)
    assert merged.schema.equals(a)
    assert merged == Merged(merged.schema)


VALUES: dict[pa.DataType, list[Any]] = {
    pa.int32(): [0, -(2**31), 2**31 - 1],
    pa.int64(): [0, 2**53, -(2**63), 2**63 - 1],
    pa.float32(): [0.5, -1.25],
    pa.float64(): [0.1, 1e300],
    pa.date32(): [datetime.date(1939, 3, 13)],
    pa.decimal128(18, 2): [Decimal("0.01"), Decimal("-9999999999999999.99")],
    pa.decimal128(20, 6): [Decimal("0.000001"), Decimal("99999999999999.999999")],
    pa.decimal128(38, 0): [Decimal(10**37)],
}


@given(st.sampled_from(list(VALUES)), st.sampled_from(PLAIN))
def test_a_value_is_the_same_in_the_wider_type_or_refused(kind: pa.DataType, other: pa.DataType) -> None:
    """`double` may not hold each `long` or `decimal`: then the value is refused, never changed."""
    wider = widest_type(kind, other)
    if wider is None:
        return
    for value in VALUES[kind]:
        try:
            (got,) = fitted(pa.array([value], kind), wider).to_pylist()
        except DoesNotFit:
            assert pa.types.is_floating(wider)
            assert Decimal(repr(float(value))) != Decimal(value)
            continue
        if isinstance(got, str):
            again: Any = pa.array([got]).cast(kind).to_pylist()[0]
            assert again == value
        elif isinstance(got, float):
            assert Decimal(repr(got)) == Decimal(repr(value) if isinstance(value, float) else value)
        elif isinstance(got, datetime.datetime):
            assert got == datetime.datetime.combine(value, datetime.time())
        else:
            assert got == value
