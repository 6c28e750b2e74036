"""The language of row filters: what is in it, what it says, and that all else is refused with its place."""

import pytest

from pergamon.policy import (
    NOTHING,
    FilterDoesNotFit,
    FilterNotUnderstood,
    PolicyColumn,
    Predicate,
    all_of,
    any_of,
    as_json,
    as_text,
    attribute_names,
    bind,
    fields_of,
    from_json,
    parse_filter,
    resolved,
    with_row_fields,
)
from tests.reference.plain_rights import holds

COLUMNS = (
    PolicyColumn(1, "site", "string"),
    PolicyColumn(2, "age", "int"),
    PolicyColumn(3, "consent", "timestamptz"),
    PolicyColumn(4, "withdrawn", "boolean"),
    PolicyColumn(5, "weight", "decimal(5, 2)"),
    PolicyColumn(6, "scan", "binary"),
    PolicyColumn(7, "Ward no", "long"),
    PolicyColumn(8, "in", "float"),
    PolicyColumn(9, "id", "uuid"),
    PolicyColumn(10, "WARD NO", "long"),
    PolicyColumn(11, "home", "struct<12: city: optional string, 13: in: optional struct<14: a b: optional int>>"),
    PolicyColumn(15, "stays", "list<struct<16: ward: optional string>>"),
)
OF_ROWS = with_row_fields(COLUMNS)
NAMES = {column.field_id: column.name for column in OF_ROWS}
EMPTY = dict.fromkeys(NAMES)


def bound(text: str) -> Predicate:
    return bind(parse_filter(text), OF_ROWS)


@pytest.mark.parametrize(
    ("text", "again"),
    [
        ("site = 'north'", "site = 'north'"),
        ("SITE != 'o''brien'", "site <> 'o''brien'"),
        ("age between 18 and 65", "age >= 18 and age <= 65"),
        ("age not between -1 and 2 or age is null", "not (age >= -1 and age <= 2) or age is null"),
        ("not age in (1,2)", "not age in (1, 2)"),
        ("age not in (1, 2)", "not age in (1, 2)"),
        ("consent is not null", "consent is not null"),
        ("not withdrawn", "not withdrawn = true"),
        ("withdrawn = false", "withdrawn = false"),
        ("starts_with(site, 'no')", "starts_with(site, 'no')"),
        ("site = attribute('o''unit')", "site = attribute('o''unit')"),
        ("consent >= '2024-01-31'", "consent >= '2024-01-31T00:00:00.000000+00:00'"),
        ("consent < '2024-01-31 01:30:00+02:00'", "consent < '2024-01-30T23:30:00.000000+00:00'"),
        ("weight > 70.5", "weight > 70.50"),
        ('"Ward no" = 3 and "in" < 1e3', '"Ward no" = 3 and "in" < 1000.0'),
        ("id = 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "id = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
        ("true and (false or not true)", "true and (false or not true)"),
        ("(site = 'a' or site = 'b') and age > 1", "(site = 'a' or site = 'b') and age > 1"),
        ("site = 'a' or site = 'b' and age > 1", "site = 'a' or (site = 'b' and age > 1)"),
        ("scan is null", "scan is null"),
        ("home.city = 'Oslo' and HOME.in is null", "home.city = 'Oslo' and home.in is null"),
        ('"home.in.a b" > 1', '"home.in.a b" > 1'),
        ('home."in"."a b" > 1', '"home.in.a b" > 1'),
    ],
)
def test_a_filter_is_read_and_written_again(text: str, again: str) -> None:
    predicate = bound(text)
    assert as_text(predicate, NAMES) == again
    assert bound(again) == predicate
    assert from_json(as_json(predicate)) == predicate


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 1),
        ("site =", 7),
        ("site = north", 8),
        ("site = null", 8),
        ('site = "north"', 8),
        ("'north' = site", 1),
        ("site = 'north", 8),
        ("site = 'a' and", 15),
        ("site = 'a' site", 12),
        ("(site = 'a'", 12),
        ("site = 'a')", 11),
        ("age + 1 = 2", 5),
        ("age = 1 -- x", 9),
        ("age = 1; drop table x", 8),
        ("age = 1/0", 8),
        ("age = 1e", 7),
        ("age in ()", 9),
        ("age in (select 1)", 9),
        ("age not = 1", 9),
        ("age is 1", 8),
        ("site like 'n%'", 6),
        ("lower(site) = 'n'", 6),
        ("starts_with(site 'n')", 18),
        ("attribute('x') = 1", 1),
        ("site = attribute('')", 18),
        ("in = 1", 1),
        ("in.city = 1", 1),
        ("home. = 1", 7),
        ("home.1 = 1", 6),
    ],
)
def test_what_is_not_in_the_language_is_refused_with_its_place(text: str, place: int) -> None:
    """Never with what was written: it may hold a value."""
    with pytest.raises(FilterNotUnderstood) as error:
        parse_filter(text)
    assert error.value.message == f"the row filter is not understood at character {place}"


@pytest.mark.parametrize(
    "text",
    [
        "nobody = 1",
        "home.nobody = 1",
        "home = 'Oslo'",
        "stays.element.ward = 'A'",
        "age = 'x'",
        "age = 1.5",
        "age = 2147483648",
        "age = true",
        "site = 1",
        "site",
        "starts_with(age, '1')",
        "weight = 1.005",
        "weight = 1000",
        "withdrawn < true",
        "withdrawn = 'true'",
        "id < 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
        "id = 'a0eebc99'",
        "consent = '2024-02-30'",
        "consent = '2024-01-31 10:00:00'",
        "consent = 20240131",
        "scan = 'x'",
        '"in" = 1e39',
        '"ward NO" = 1',
    ],
)
def test_what_a_column_cannot_be_asked_is_refused(text: str) -> None:
    with pytest.raises(FilterDoesNotFit):
        bound(text)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(FilterDoesNotFit, match="no column `agge`"):
        bound("agge > 1")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 31 + "true" + ")" * 31,
        "not " * 31 + "true",
        "(" * 100_000,
        " or ".join(["age = 1"] * 200),
        f"age in ({', '.join(['1'] * 200)})",
        f"site = '{'x' * 4000}'",
        "site = 'a\0b'",
        "site = '\ud800'",
    ],
)
def test_a_filter_has_its_bounds(text: str) -> None:
    with pytest.raises(FilterNotUnderstood):
        bound(text)


def test_as_much_as_is_allowed_is_read() -> None:
    assert bound("(" * 29 + "true" + ")" * 29)
    assert bound(f"age in ({', '.join(['1'] * 199)})")


@pytest.mark.parametrize(
    ("text", "attributes", "answer"),
    [
        ("site = attribute('unit')", {"unit": "a"}, True),
        ("site = attribute('unit')", {"unit": "b"}, False),
        ("site = attribute('unit')", {}, False),
        ("not site = attribute('unit')", {}, False),
        ("not site = attribute('unit')", {"unit": "b"}, True),
        ("age > 1 or site = attribute('unit')", {}, False),
        ("age in (1, attribute('n'))", {"n": "40"}, True),
        ("age not in (1, attribute('n'))", {"n": "forty"}, False),
        ("not starts_with(site, attribute('unit'))", {"unit": "\0"}, False),
        ("starts_with(site, attribute('unit'))", {"unit": ""}, True),
        ("site = attribute('unit')", {"unit": "' or true or '"}, False),
    ],
)
def test_an_attribute_that_is_missing_or_unfit_gives_no_row(
    text: str, attributes: dict[str, str], answer: bool
) -> None:
    """The whole filter is FALSE then, whatever stands around the question."""
    mine = resolved(bound(text), attributes)
    assert attribute_names(mine) == frozenset()
    assert holds(mine, EMPTY | {1: "a", 2: 40}) is answer


def test_what_a_filter_looks_at_is_known() -> None:
    predicate = bound("age in (1, attribute('n')) and (site = attribute('unit') or not withdrawn)")
    assert fields_of(predicate) == {1, 2, 4}
    assert attribute_names(predicate) == {"n", "unit"}


def test_filters_are_joined() -> None:
    a, b = bound("age > 1"), bound("site = 'a'")
    assert (any_of([]), any_of([a]), any_of([a, a])) == (NOTHING, a, a)
    assert as_text(all_of([a, any_of([a, b])]), NAMES) == "age > 1 and (age > 1 or site = 'a')"
    assert as_text(all_of([]), NAMES) == "true"


@pytest.mark.parametrize(
    "kept",
    [
        None,
        [],
        {},
        {"is": "sql", "text": "1=1"},
        {"is": "constant", "value": 1},
        {"is": "null", "field": "1"},
        {"is": "=", "field": 1, "type": "string", "value": 1},
        {"is": "=", "field": 1, "type": "int", "value": "x"},
        {"is": "=", "field": 1, "type": "binary", "value": "x"},
        {"is": "<", "field": 1, "type": "boolean", "value": "true"},
        {"is": "in", "field": 1, "type": "int", "values": []},
        {"is": "=", "field": 1, "type": "int", "value": {"attribute": 1}},
        {"is": "and", "parts": {"is": "constant"}},
        {"is": "and", "parts": [{"is": "null", "field": 1}] * 1000},
    ],
)
def test_a_kept_filter_that_is_none_is_refused(kept: object) -> None:
    with pytest.raises(FilterNotUnderstood):
        from_json(kept)


def test_a_kept_filter_is_no_deeper_than_it_can_be_read() -> None:
    kept: dict[str, object] = {"is": "constant", "value": True}
    for _ in range(41):
        kept = {"is": "not", "part": kept}
    with pytest.raises(FilterNotUnderstood):
        from_json(kept)
