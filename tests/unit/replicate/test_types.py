"""The table of types, and values at its edges."""

from collections.abc import Sequence

import pyarrow as pa
import pytest

from pergamon.replicate.types import (
    TYPE_RULES,
    ValueNotRepresentable,
    array_from_text,
    cast_loaded,
    column_type,
    elements_of,
)


def numeric(precision: int, scale: int) -> int:
    """PostgreSQL's modifier of numeric(precision, scale)."""
    return ((precision << 16) | (scale & 0x7FF)) + 4


@pytest.mark.parametrize(
    ("typmod", "name", "arrow"),
    [
        (-1, "numeric", pa.string()),
        (numeric(10, 2), "numeric(10,2)", pa.decimal128(10, 2)),
        (numeric(38, 38), "numeric(38,38)", pa.decimal128(38, 38)),
        (numeric(39, 2), "numeric(39,2)", pa.string()),
        (numeric(3, -2), "numeric(3,-2)", pa.string()),
        (numeric(2, 5), "numeric(2,5)", pa.string()),
    ],
)
def test_a_number_is_never_rounded(typmod: int, name: str, arrow: pa.DataType) -> None:
    found = column_type(1700, typmod)
    assert (found.pg_type, found.arrow) == (name, arrow)


def test_a_type_that_is_not_built_in_is_text_and_keeps_its_name() -> None:
    found = column_type(99_999, -1, "hda.mood")
    assert (found.pg_type, found.arrow, found.selected_as) == ("hda.mood", pa.string(), "{c}::text")


def test_every_rule_has_an_array() -> None:
    for rule in TYPE_RULES:
        assert column_type(rule.array_oid, -1).arrow == pa.list_(rule.arrow)
    assert len({rule.oid for rule in TYPE_RULES} | {rule.array_oid for rule in TYPE_RULES}) == 2 * len(TYPE_RULES)


def test_lengths_belong_to_the_name() -> None:
    assert column_type(1043, 24).pg_type == "character varying(20)"
    assert column_type(25, -1).pg_type == "text"


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (b"{}", []),
        (b"{1,NULL,3}", [b"1", None, b"3"]),
        (
            rb'{"NULL","",a b,"q\"q","back\\slash","{}",","}',
            [b"NULL", b"", b"a b", b'q"q', b"back\\slash", b"{}", b","],
        ),
        (b"[2:3]={8,9}", [b"8", b"9"]),
        (b"{{1,2},{3,4}}", None),
    ],
)
def test_an_array_is_split_as_postgresql_writes_it(text: bytes, elements: list[bytes | None] | None) -> None:
    assert elements_of(text) == elements


@pytest.mark.parametrize(
    ("oid", "typmod", "values"),
    [
        (1082, -1, [b"infinity"]),
        (1082, -1, [b"0044-03-15 BC"]),
        (1184, -1, [b"-infinity"]),
        (1114, -1, [b"12024-01-01 00:00:00"]),
        (1700, numeric(5, 2), [b"NaN"]),
        (1007, -1, [b"{{1},{2}}"]),
        (1182, -1, [b"{infinity}"]),
    ],
)
def test_what_the_lake_cannot_hold_is_an_error_without_the_value(
    oid: int, typmod: int, values: Sequence[bytes]
) -> None:
    with pytest.raises(ValueNotRepresentable) as caught:
        array_from_text([None, *values], column_type(oid, typmod), "patients.born")
    assert "patients.born" in caught.value.message
    assert values[0].decode() not in caught.value.message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("out_of_range", [2**31 - 1 - 10_957, -719_163, 2_932_897])
def test_a_loaded_date_out_of_range_is_an_error(out_of_range: int) -> None:
    """ADBC hands out `infinity` as a number of days like any other."""
    days = pa.array([0, None, out_of_range], pa.int32()).cast(pa.date32())
    with pytest.raises(ValueNotRepresentable, match="born"):
        cast_loaded(days, column_type(1082, -1), "patients.born")


def test_the_first_and_the_last_day_are_in_range() -> None:
    values = [b"0001-01-01 00:00:00+00", None, b"9999-12-31 23:59:59.999999+00"]
    assert len(array_from_text(values, column_type(1184, -1), "c")) == 3


def test_text_that_is_not_utf8_is_an_error_not_a_crash() -> None:
    with pytest.raises(ValueNotRepresentable):
        array_from_text([b"\xff"], column_type(25, -1), "c")
