"""A mask is one of a closed list, fits its column, and of two the one that tells less is taken."""

import re
from itertools import product
from pathlib import Path

import pytest

from pergamon.policy import (
    Mask,
    MaskAction,
    PolicyColumn,
    UnfitMask,
    UnknownColumnType,
    applies_to,
    bind_mask,
    mask_as_json,
    mask_from_json,
    mask_text,
    may_mask_identifiers,
    parse_mask,
    parsed_type,
    strictest,
    type_text,
)

A = MaskAction
COLUMNS = (
    PolicyColumn(1, "patient_id", "string", required=True),
    PolicyColumn(2, "age", "int"),
    PolicyColumn(3, "born", "date"),
    PolicyColumn(4, "Odd, name", "long"),
    PolicyColumn(5, "weight", "double"),
    PolicyColumn(6, "born_at", "timestamptz"),
    PolicyColumn(7, "scan", "fixed[16]"),
    PolicyColumn(8, "notes", "list<string>"),
)
NAMES = {column.field_id: column.name for column in COLUMNS}
BY_NAME = {column.name: column for column in COLUMNS}


@pytest.mark.parametrize(
    ("text", "column", "mask"),
    [
        ("show-last-4", "patient_id", Mask(A.SHOW_LAST_4)),
        ("age-band(10)", "age", Mask(A.AGE_BAND, width=10)),
        (" age-band ( 5 ) ", "born", Mask(A.AGE_BAND, width=5)),
        ("shift-date(30, patient_id)", "born", Mask(A.SHIFT_DATE, days=30, anchor=1)),
        ('shift-date(3650,"Odd, name")', "born_at", Mask(A.SHIFT_DATE, days=3650, anchor=4)),
        ("shift-date(30, PATIENT_ID)", "born", Mask(A.SHIFT_DATE, days=30, anchor=1)),
        ("hmac-sha-256", "age", Mask(A.HMAC_SHA_256)),
        ("mask-to-fixed-value", "notes", Mask(A.MASK_TO_FIXED_VALUE)),
        ("replace-with-null", "weight", Mask(A.REPLACE_WITH_NULL)),
    ],
)
def test_a_mask_is_read_bound_kept_and_written_again(text: str, column: str, mask: Mask) -> None:
    bound = bind_mask(parse_mask(text), BY_NAME[column], COLUMNS)
    assert bound == mask
    assert mask_from_json(mask_as_json(bound)) == bound
    assert bind_mask(parse_mask(mask_text(bound, NAMES)), BY_NAME[column], COLUMNS) == bound


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha-256",
        "SHOW-LAST-4",
        "show-last-4()",
        "show-last-4(4)",
        "age-band",
        "age-band()",
        "age-band(1)",
        "age-band(101)",
        "age-band(-5)",
        "age-band(5.5)",
        "age-band(٥)",
        "shift-date(30)",
        "shift-date(0, a)",
        "shift-date(3651, a)",
        "shift-date(30, )",
        "shift-date(30, a, b)",
        "shift-date(30, a) or 1",
        "x" * 500,
    ],
)
def test_what_is_no_mask_is_refused(text: str) -> None:
    with pytest.raises(UnfitMask):
        parse_mask(text)


def test_a_misspelled_mask_is_named() -> None:
    with pytest.raises(UnfitMask, match="`hmac-sha256`"):
        parse_mask("hmac-sha256")


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("mask-alphanum", "age"),
        ("truncate-to-year", "age"),
        ("age-band(10)", "weight"),
        ("hmac-sha-256", "weight"),
        ("sha-256-global", "scan"),
        ("shift-date(30, patient_id)", "age"),
        ("shift-date(30, nobody)", "born"),
        ("shift-date(30, weight)", "born"),
        ("replace-with-null", "patient_id"),
    ],
)
def test_a_mask_that_does_not_fit_its_column_is_refused(text: str, column: str) -> None:
    with pytest.raises(UnfitMask) as error:
        bind_mask(parse_mask(text), BY_NAME[column], COLUMNS)
    assert column in error.value.message


TYPES = [
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "decimal(9,2)",
    "string",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "binary",
    "fixed[4]",
]
NESTED = ["list<int>", "map<string, int>", "struct<1: a: optional int>"]
DATES = {"date", "timestamp", "timestamptz"}
FITS = {
    A.MASK_ALPHANUM: {"string"},
    A.SHOW_FIRST_4: {"string"},
    A.SHOW_LAST_4: {"string"},
    A.MASK_TO_FIXED_VALUE: {*TYPES, *NESTED},
    A.REPLACE_WITH_NULL: {*TYPES, *NESTED},
    A.TRUNCATE_TO_YEAR: DATES,
    A.TRUNCATE_TO_MONTH: DATES,
    A.SHA_256_GLOBAL: {"string", "int", "long", "binary"},
    A.SHA_256_QUERY_LOCAL: {"string", "int", "long", "binary"},
    A.HMAC_SHA_256: {"string", "int", "long", "binary"},
    A.AGE_BAND: DATES | {"int", "long"},
    A.SHIFT_DATE: DATES,
}


@pytest.mark.parametrize("action", list(A))
def test_which_mask_fits_which_type(action: MaskAction) -> None:
    assert {text for text in [*TYPES, *NESTED] if applies_to(Mask(action), text)} == FITS[action]


@pytest.mark.parametrize(
    "text", ["", "variant", "list<>", "map<string>", "list<int", "decimal(39,0)", "decimal(3,4)", "int ", "struct<>"]
)
def test_a_type_that_is_not_understood_whole_is_refused(text: str) -> None:
    with pytest.raises(UnknownColumnType):
        applies_to(Mask(A.MASK_TO_FIXED_VALUE), text)


def test_the_page_of_masks_tells_each_with_its_types() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "masks-and-filters.md").read_text()
    lines = re.findall(r"^\| `([a-z0-9-]+)(?:\([A-Z, ]+\))?` \| ([a-z, ]+?)(?:, where .+?)? \|", page, re.MULTILINE)
    told = {name: set(types.split(", ")) for name, types in lines}
    assert told == {action.value: {"all"} if types == {*TYPES, *NESTED} else types for action, types in FITS.items()}


def test_a_type_is_no_deeper_than_it_can_be_read() -> None:
    for text in (
        *NESTED,
        "decimal(9, 2)",
        "fixed[3]",
        'map<long, struct<7: a"b, c: required list<struct<8: x: optional uuid>>>>',
    ):
        assert type_text(parsed_type(text)) == text
    assert parsed_type("list<" * 20 + "int" + ">" * 20).kind == "list"
    with pytest.raises(UnknownColumnType):
        parsed_type("list<" * 5000 + "int" + ">" * 5000)


def test_masks_that_can_be_turned_back_are_not_for_identifiers() -> None:
    refused = {action for action in A if not may_mask_identifiers(Mask(action))}
    assert refused == {A.SHA_256_GLOBAL, A.SHOW_FIRST_4, A.SHOW_LAST_4}


BAND_4, BAND_6, BAND_12 = (Mask(A.AGE_BAND, width=width) for width in (4, 6, 12))
SHIFT_30, SHIFT_60, SHIFT_OTHER = (Mask(A.SHIFT_DATE, days=d, anchor=a) for d, a in ((30, 1), (60, 1), (30, 2)))
FIXED = Mask(A.MASK_TO_FIXED_VALUE)


@pytest.mark.parametrize(
    ("a", "b", "both"),
    [
        (Mask(A.SHOW_FIRST_4), Mask(A.SHOW_LAST_4), Mask(A.MASK_ALPHANUM)),
        (Mask(A.SHOW_FIRST_4), Mask(A.MASK_ALPHANUM), Mask(A.MASK_ALPHANUM)),
        (Mask(A.SHA_256_GLOBAL), Mask(A.HMAC_SHA_256), Mask(A.HMAC_SHA_256)),
        (Mask(A.HMAC_SHA_256), Mask(A.SHA_256_QUERY_LOCAL), Mask(A.SHA_256_QUERY_LOCAL)),
        (Mask(A.HMAC_SHA_256), Mask(A.SHOW_LAST_4), FIXED),
        (Mask(A.TRUNCATE_TO_MONTH), Mask(A.TRUNCATE_TO_YEAR), Mask(A.TRUNCATE_TO_YEAR)),
        (Mask(A.TRUNCATE_TO_MONTH), BAND_4, BAND_4),
        (BAND_4, BAND_6, BAND_12),
        (Mask(A.AGE_BAND, width=99), Mask(A.AGE_BAND, width=100), FIXED),
        (SHIFT_30, SHIFT_60, SHIFT_60),
        (SHIFT_30, SHIFT_OTHER, FIXED),
        (SHIFT_30, Mask(A.TRUNCATE_TO_MONTH), FIXED),
        (FIXED, Mask(A.REPLACE_WITH_NULL), Mask(A.REPLACE_WITH_NULL)),
        (BAND_4, Mask(A.HMAC_SHA_256), FIXED),
    ],
)
def test_of_two_masks_the_one_that_tells_what_both_tell(a: Mask, b: Mask, both: Mask) -> None:
    assert strictest(a, b) == both == strictest(b, a)


SOME_OF_EVERY = [
    *(Mask(action) for action in A if action not in {A.AGE_BAND, A.SHIFT_DATE}),
    *(Mask(A.AGE_BAND, width=width) for width in (2, 3, 12, 97, 100)),
    *(SHIFT_30, SHIFT_60, SHIFT_OTHER),
]


def test_the_order_in_which_grants_came_does_not_matter() -> None:
    """Of all triples: each mask with itself is itself, and three joined in any order are the same."""
    assert all(strictest(mask, mask) == mask for mask in SOME_OF_EVERY)
    for a, b, c in product(SOME_OF_EVERY, repeat=3):
        assert strictest(strictest(a, b), c) == strictest(a, strictest(b, c)), (a, b, c)


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"action": "sha-256"},
        {"action": "age-band"},
        {"action": "age-band", "width": "10"},
        {"action": "show-last-4", "width": 4},
        {"action": "shift-date", "days": 30},
        {"action": "show-last-4", "else": 1},
    ],
)
def test_a_kept_mask_that_is_none_is_refused(kept: dict[str, object]) -> None:
    with pytest.raises(UnfitMask):
        mask_from_json(kept)
