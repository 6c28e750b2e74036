"""Conditions, what is asked, what approvers take away: each step only takes away."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from pergamon.access.chart import example_asset
from pergamon.access.model import (
    BadRequest,
    ConditionsDoNotFit,
    Narrowing,
    Note,
    RequestNotOpen,
    Wish,
    WouldWiden,
    checked,
)
from pergamon.access.offer import Offer
from pergamon.access.shape import Shape, accepted_text, require_demands, require_no_question, shaped
from pergamon.catalog import AccessConditions
from pergamon.policy import (
    FilterDoesNotFit,
    Mask,
    MaskAction,
    PolicyColumn,
    UnfitMask,
    UnknownColumnType,
    as_text,
    fields_of,
)

COLUMNS = (
    PolicyColumn(1, "id", "long", True),
    PolicyColumn(2, "name", "string"),
    PolicyColumn(7, "born", "date"),
    PolicyColumn(9, "age", "int"),
)
NAMES = {column.field_id: column.name for column in COLUMNS}


def offer(conditions: dict[str, Any], *hidden: str) -> Offer:  # Any: fields of AccessConditions
    """An offer of the table, whose listing does not tell of the hidden columns."""
    return Offer(
        asset=example_asset(is_listed=True),
        listing_version=1,
        conditions=AccessConditions(**conditions),
        columns=COLUMNS,
        listed=frozenset(NAMES.values()) - set(hidden),
        lake_table="heart_db.patients",
        table_key="key",
    )


def shape(conditions: dict[str, Any], wish: dict[str, Any], *narrowings: dict[str, Any]) -> Shape:  # Any: fields
    return shaped(
        offer(conditions),
        Wish(**({"reason": "r"} | wish)),
        [Narrowing(**narrowing) for narrowing in narrowings],
    )


def test_all_that_there_is_when_nobody_says_less() -> None:
    given = shape({}, {})
    assert given.rights.columns == {1: None, 2: None, 7: None, 9: None}
    assert (given.rights.rows, given.days) == (None, None)


def test_columns_are_those_that_all_name() -> None:
    given = shape({}, {"columns": ("id", "name", "age")}, {"columns": ("id", "age")}, {"columns": ("name", "age")})
    assert list(given.rights.columns) == [9]
    with pytest.raises(BadRequest, match="no column is left"):
        shape({}, {}, {"columns": ("id",)}, {"columns": ("age",)})


def test_rows_pass_every_filter() -> None:
    given = shape({"rows": "age >= 18"}, {"rows": "name is not null or id = 1"}, {"rows": "id < 10"})
    assert given.rights.rows is not None
    assert as_text(given.rights.rows, NAMES) == "age >= 18 and (name is not null or id = 1) and id < 10"


def test_a_grant_keeps_its_own_masks_where_all_who_decide_say_so() -> None:
    """Who says nothing says what the conditions say."""
    unsaid: dict[str, Any] = {}
    yes, no = {"own_masks": True}, {"own_masks": False}
    cases = [
        ((), False),
        ((unsaid,), False),
        ((yes,), True),
        ((yes, yes), True),
        ((yes, no), False),
        ((yes, unsaid), False),
    ]
    assert [shape({}, {}, *said).rights.own_masks for said, _ in cases] == [own for _, own in cases]
    cases = [((), True), ((unsaid,), True), ((no,), False), ((yes, unsaid), True), ((unsaid, no), False)]
    assert [shape(yes, {}, *said).rights.own_masks for said, _ in cases] == [own for _, own in cases]


def test_a_column_has_the_strictest_of_its_masks() -> None:
    given = shape(
        {"masks": {"born": "age-band(4)", "name": "show-last-4"}},
        {},
        {"masks": {"born": "age-band(6)", "name": "mask-alphanum", "age": "age-band(10)"}},
        {"masks": {"name": "show-first-4"}},
    )
    assert given.rights.columns == {
        1: None,
        2: Mask(MaskAction.MASK_ALPHANUM),
        7: Mask(MaskAction.AGE_BAND, width=12),
        9: Mask(MaskAction.AGE_BAND, width=10),
    }


@pytest.mark.parametrize(
    ("longest", "asked", "approved", "expected"),
    [
        (None, None, (), None),
        (30, None, (), 30),
        (30, 10, (), 10),
        (None, 10, (), 10),
        (None, None, (5, 3), 3),
        (30, 20, (20, 7), 7),
    ],
)
def test_days_are_the_fewest(
    longest: int | None, asked: int | None, approved: tuple[int, ...], expected: int | None
) -> None:
    given = shape({"longest_days": longest}, {"days": asked}, *({"days": days} for days in approved))
    assert given.days == expected


@pytest.mark.parametrize(
    ("conditions", "wish", "narrowing", "error"),
    [
        ({}, {"columns": ("ward",)}, {}, BadRequest),
        ({"longest_days": 5}, {"days": 6}, {}, BadRequest),
        ({}, {"rows": "name < 3"}, {}, FilterDoesNotFit),
        ({}, {"rows": "ward = 'A'"}, {}, FilterDoesNotFit),
        ({}, {"columns": ("id",)}, {"columns": ("age",)}, WouldWiden),
        ({"longest_days": 5}, {}, {"days": 6}, WouldWiden),
        ({}, {"days": 5}, {"days": 6}, WouldWiden),
        ({}, {}, {"masks": {"ward": "replace-with-null"}}, BadRequest),
        ({}, {}, {"masks": {"id": "replace-with-null"}}, UnfitMask),
        ({"identifiers": ("name",)}, {}, {"masks": {"name": "sha-256-global"}}, UnfitMask),
        ({"identifiers": ("name",)}, {}, {"masks": {"name": "show-first-4"}}, UnfitMask),
        ({"masks": {"age": "show-last-4"}}, {}, {}, ConditionsDoNotFit),
        ({"rows": "ward = 'A'"}, {}, {}, ConditionsDoNotFit),
    ],
)
def test_what_cannot_be_is_refused(
    conditions: dict[str, Any], wish: dict[str, Any], narrowing: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        shape(conditions, wish, narrowing)


def test_what_the_listing_does_not_tell_of_is_neither_given_nor_asked_about() -> None:
    offered = offer({"rows": "age >= 18"}, "age")
    given = shaped(offered, Wish(reason="r"))
    assert list(given.rights.columns) == [1, 2, 7]
    assert given.rights.rows is not None
    with pytest.raises(BadRequest, match="no column `age`"):
        shaped(offered, Wish(reason="r", columns=("age",)))
    with pytest.raises(FilterDoesNotFit):
        shaped(offered, Wish(reason="r", rows="age > 90"))


@pytest.mark.parametrize(
    ("hidden", "masks", "fits", "may"),
    [
        ((), {}, True, True),
        (("home.city",), {}, False, False),
        ((), {"home.city": "mask-alphanum"}, True, False),
        ((), {"home": "replace-with-null"}, True, False),
    ],
)
def test_a_filter_asks_about_a_field_as_far_as_field_and_struct_are_told(
    hidden: tuple[str, ...], masks: dict[str, str], fits: bool, may: bool
) -> None:
    home = PolicyColumn(3, "home", "struct<30: city: optional string>")
    offered = replace(
        offer({"masks": masks}),
        columns=(*COLUMNS, home),
        listed=frozenset([*NAMES.values(), "home", "home.city"]) - set(hidden),
    )
    wish = Wish(reason="r", rows="home.city = 'Oslo'")
    with nullcontext() if fits else pytest.raises(FilterDoesNotFit):
        rows = shaped(offered, wish).rights.rows
        assert rows is not None
        assert fields_of(rows) == {30}
    with nullcontext() if may else pytest.raises((BadRequest, FilterDoesNotFit)):
        require_no_question(offered, wish)


@pytest.mark.parametrize(
    ("masks", "columns", "rows", "may"),
    [
        ({}, None, "name = 'x' and age > 3", True),
        ({}, ("id",), "age > 3", False),
        ({"name": "mask-alphanum"}, None, "name = 'x'", False),
        ({"name": "mask-alphanum"}, None, "id = 1", True),
        ({"name": "mask-alphanum"}, None, "", True),
    ],
)
def test_a_filter_on_which_nobody_decides_asks_nothing_about_what_is_not_given(
    masks: dict[str, str], columns: tuple[str, ...] | None, rows: str, may: bool
) -> None:
    wish = Wish(reason="r", columns=columns, rows=rows)
    if may:
        require_no_question(offer({"masks": masks}), wish)
        return
    with pytest.raises(BadRequest):
        require_no_question(offer({"masks": masks}), wish)


def test_a_mask_of_a_column_that_is_gone_waits_for_it() -> None:
    given = shape({"masks": {"ward": "replace-with-null", "name": "mask-alphanum"}}, {})
    assert given.rights.columns[2] == Mask(MaskAction.MASK_ALPHANUM)


@pytest.mark.parametrize(
    ("conditions", "wish", "fits"),
    [
        ({}, {}, True),
        ({"text": "Be kind."}, {}, False),
        ({"text": "Be kind."}, {"accepted": accepted_text(AccessConditions(text="Be kind."))}, True),
        ({"text": "Be kind."}, {"accepted": accepted_text(AccessConditions(text="Be cruel."))}, False),
        ({"purposes": ("research",)}, {}, False),
        ({"purposes": ("research",)}, {"purpose": "marketing"}, False),
        ({"purposes": ("research",)}, {"purpose": "research"}, True),
        ({}, {"purpose": "anything"}, True),
        ({"renewable": False}, {"renews": "grant_1"}, False),
        ({}, {"renews": "grant_1"}, True),
    ],
)
def test_what_the_conditions_demand_of_whoever_asks(
    conditions: dict[str, Any], wish: dict[str, Any], fits: bool
) -> None:
    given = AccessConditions(**conditions), Wish(**({"reason": "r"} | wish))
    if fits:
        require_demands(*given)
        return
    with pytest.raises(BadRequest):
        require_demands(*given)


def test_what_is_wrong_is_named_and_never_repeated() -> None:
    for given in ({"said": "\x00Mrs Smith"}, {"said": "Smith" * 1_000}, {"said": ""}, {"Smith": 1, "said": "x"}):
        with pytest.raises(BadRequest) as error:
            checked(Note, given)
        assert "Mrs" not in str(error.value)
    assert not issubclass(BadRequest, RequestNotOpen)


NESTED = (
    *COLUMNS,
    PolicyColumn(20, "home", "struct<21: street: optional string, 22: city: required string>"),
    PolicyColumn(30, "odd", "struct<31: a: optional variant>"),
)


def nested(
    conditions: dict[str, Any], wish: dict[str, Any], *narrowings: dict[str, Any], hidden: str = ""
) -> Shape:  # Any: fields
    every = replace(offer(conditions), columns=NESTED)
    listed = frozenset(every.names.values()) - {hidden}
    return shaped(replace(every, listed=listed), Wish(**({"reason": "r"} | wish)), [Narrowing(**n) for n in narrowings])


def test_what_is_in_a_column_is_given_and_masked_by_its_own_id() -> None:
    city = {"home.city": "show-last-4"}
    given = nested({"masks": city}, {"columns": ("home", "id")}, {"masks": {"home.street": "mask-alphanum"}})
    alphanum, last_4 = Mask(MaskAction.MASK_ALPHANUM), Mask(MaskAction.SHOW_LAST_4)
    assert given.rights.columns == {1: None, 20: None, 21: alphanum, 22: last_4}
    with pytest.raises(UnfitMask, match="is never NULL"):
        nested({}, {}, {"masks": {"home.city": "replace-with-null"}})
    with pytest.raises(ConditionsDoNotFit):
        nested({"masks": city, "identifiers": ("home.city",)}, {})


def test_what_the_listing_does_not_tell_to_be_in_a_column_is_not_given() -> None:
    assert nested({}, {"columns": ("home",)}, hidden="home.street").rights.columns == {20: None, 22: None}


def test_a_column_of_which_nobody_knows_what_is_in_it_is_left_out_and_refused_by_name() -> None:
    assert 30 not in nested({}, {}).rights.columns
    with pytest.raises(UnknownColumnType):
        nested({}, {"columns": ("id", "odd")})
