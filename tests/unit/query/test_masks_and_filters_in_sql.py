"""No value makes a mask or a filter fail, no name or constant leaves its quotes, no secret is shown.

Random values stand in tests/property/policy; here are those that Python has no word for.
"""

import hashlib
import hmac

import pytest

from pergamon.kernel import Invalid
from pergamon.policy import (
    Mask,
    MaskAction,
    PolicyColumn,
    Predicate,
    UnfitMask,
    applies_to,
    bind,
    parse_filter,
    parsed_type,
)
from pergamon.query.filter_sql import filter_sql
from pergamon.query.mask_sql import mask_secrets, mask_sql
from pergamon.query.sql_literals import duckdb_type, identifier, text_literal
from tests.reference.duckdb_rights import connection

A = MaskAction
KEY, SALT = b"k" * 32, b"s" * 16
SECRETS = mask_secrets(KEY, SALT)
BEYOND_PYTHON = {
    "date": ["infinity", "-infinity", "5881580-07-10", "5877642-06-25 (BC)", "0001-12-31 (BC)", "10000-01-01"],
    "timestamp": [
        "infinity",
        "-infinity",
        "294247-01-10 04:00:54",
        "290309-12-22 (BC) 00:00:00",
        "10000-01-01 00:00:00",
    ],
    "timestamptz": ["infinity", "-infinity", "294247-01-10 04:00:54+00", "290309-12-22 (BC) 00:00:00+00"],
}
MASKS = [
    *(Mask(action) for action in A if action not in {A.AGE_BAND, A.SHIFT_DATE}),
    *(Mask(A.AGE_BAND, width=width) for width in (2, 100)),
    *(Mask(A.SHIFT_DATE, days=days, anchor=1) for days in (1, 3650)),
]


@pytest.mark.parametrize("column_type", list(BEYOND_PYTHON))
def test_a_date_beyond_the_calendar_fails_in_no_mask(column_type: str) -> None:
    """It is taken as the first or the last of the years 1 to 9999; a reader of Parquet may well give one."""
    named = duckdb_type(parsed_type(column_type))
    texts = BEYOND_PYTHON[column_type]
    values = ", ".join(f"(CAST({text_literal(text)} AS {named}), {place})" for place, text in enumerate(texts))
    connection().execute(f"CREATE OR REPLACE TEMP TABLE beyond AS FROM (VALUES {values}) AS given(value, whose)")
    utc = "+00" if column_type == "timestamptz" else ""
    first, last = f"'0001-01-01 00:00:00{utc}'", f"'9999-12-31 23:59:59.999999{utc}'"
    for mask in MASKS:
        if applies_to(mask, column_type) and mask.action is not A.REPLACE_WITH_NULL:
            shown = mask_sql(mask, "value", column_type, SECRETS, anchor_sql="whose")
            within = f"count_if({shown} BETWEEN CAST({first} AS {named}) AND CAST({last} AS {named}))"
            assert connection().execute(f"SELECT {within} FROM beyond").fetchone() == (len(texts),), mask


def test_the_keyed_hash_is_rfc_2104_for_keys_of_every_length() -> None:
    for key in (KEY, b"\0" * 32, bytes(range(64)), bytes(range(200))):
        shown = mask_sql(Mask(A.HMAC_SHA_256), "'Ä\n'", "string", mask_secrets(key, SALT))
        assert connection().execute(f"SELECT {shown}").fetchone() == (
            hmac.new(key, "Ä\n".encode(), hashlib.sha256).hexdigest(),
        )


def test_no_secret_is_shown_with_its_holder() -> None:
    assert "b'" not in repr(SECRETS)
    assert "\\x" not in repr(SECRETS)


@pytest.mark.parametrize(("key", "salt"), [(b"short", SALT), (KEY, b""), (KEY, b"s" * 15)])
def test_secrets_of_another_size_are_refused(key: bytes, salt: bytes) -> None:
    with pytest.raises(Invalid):
        mask_secrets(key, salt)


@pytest.mark.parametrize(
    ("mask", "column_type"),
    [(Mask(A.SHOW_LAST_4), "int"), (Mask(A.SHIFT_DATE, days=3, anchor=1), "date"), (Mask(A.AGE_BAND), "int")],
)
def test_a_mask_that_does_not_fit_is_never_written(mask: Mask, column_type: str) -> None:
    with pytest.raises(UnfitMask):
        mask_sql(mask, "value", column_type, SECRETS)


COLUMNS = [PolicyColumn(1, "a", "string"), PolicyColumn(2, "b", "timestamptz"), PolicyColumn(3, "c", "float")]


def where(text: str) -> Predicate:
    return bind(parse_filter(text), COLUMNS)


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE x; --", "\\", "\\'", "''", "\n", "é\u0301", "$$", "--", "/*", "{x}", "?"]
)
def test_a_constant_never_leaves_its_quotes(text: str) -> None:
    predicate = where("a = '" + text.replace("'", "''") + "'")
    sql = filter_sql(predicate, {1: text_literal(text)})
    assert connection().execute(f"SELECT {sql}").fetchone() == (True,)


@pytest.mark.parametrize("name", ['a"b', 'x" FROM secret --', "select", "ünï 🤦", "a.b", " "])
def test_a_name_never_leaves_its_quotes(name: str) -> None:
    found = connection().execute(f"SELECT {identifier(name)} FROM (SELECT 1 AS {identifier(name)})")
    assert found.fetchone() == (1,)


def test_what_sql_cannot_hold_is_not_written() -> None:
    for write in (identifier, text_literal):
        with pytest.raises(Invalid):
            write("a\0b")


def test_a_filter_on_a_column_that_is_gone_gives_nothing() -> None:
    assert filter_sql(where("a = 'x' or not c = 1"), {1: "a"}) == "FALSE"


def test_a_filter_that_still_asks_for_an_attribute_is_not_written() -> None:
    with pytest.raises(Invalid):
        filter_sql(where("a = attribute('unit')"), {1: "a"})


def test_an_instant_is_compared_in_utc_whatever_the_time_zone_of_the_session() -> None:
    sql = filter_sql(where("b = '2024-01-31'"), {2: "TIMESTAMPTZ '2024-01-31 00:00:00+00'"})
    found = connection().execute(f"SELECT {sql}, current_setting('TimeZone') = 'UTC'")
    assert found.fetchone() == (True, False)


def test_a_float_is_compared_with_the_float_that_is_nearest_to_what_was_written() -> None:
    sql = filter_sql(where("c = 0.1"), {3: "CAST(0.1 AS FLOAT)"})
    assert connection().execute(f"SELECT {sql}").fetchone() == (True,)
