"""The union of grants by example, as ADR 0022 tells it; random ones stand in tests/property/policy."""

from dataclasses import replace

from pergamon.policy import (
    NOTHING,
    ColumnRight,
    GrantRights,
    Mask,
    MaskAction,
    OwnForm,
    PolicyColumn,
    Predicate,
    all_of,
    any_of,
    bind,
    grant_as_json,
    grant_from_json,
    obligations,
    parse_filter,
    resolved_rights,
    united,
)
from tests.reference.plain_rights import Row, Secrets, given_rows

COLUMNS = (
    PolicyColumn(1, "site", "string"),
    PolicyColumn(2, "name", "string"),
    PolicyColumn(3, "diagnosis", "string"),
)
NAMES = {column.field_id: column.name for column in COLUMNS}
ROWS: list[Row] = [
    {1: "north", 2: "Ann", 3: "I21"},
    {1: "south", 2: "Bob", 3: "I50"},
    {1: None, 2: "Cid", 3: "J45"},
]
FIXED = Mask(MaskAction.MASK_TO_FIXED_VALUE)
LAST_4, KEYED = Mask(MaskAction.SHOW_LAST_4), Mask(MaskAction.HMAC_SHA_256)
NO_SECRETS = Secrets(bytes(32), bytes(16))


def where(text: str) -> Predicate:
    return bind(parse_filter(text), COLUMNS)


NORTH, SOUTH = where("site = 'north'"), where("site = 'south'")


def shown(*grants: GrantRights) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in given_rows(grants, COLUMNS, ROWS, NO_SECRETS)]


def test_a_name_of_one_grant_and_a_diagnosis_of_another_do_not_meet() -> None:
    """Names in the north, diagnoses in the south: nobody was given the diagnosis of a named person."""
    names, diagnoses = GrantRights({2: None}, NORTH), GrantRights({3: None}, SOUTH)
    assert shown(names, diagnoses) == [("Ann", None), (None, "I50")]
    rights = united([names, diagnoses])
    assert [(right.field_id, right.only_where) for right in rights.columns] == [(2, NORTH), (3, SOUTH)]


def test_a_column_that_every_grant_gives_stands_in_every_row_that_is_given() -> None:
    rights = united([GrantRights({1: None, 2: None}, NORTH), GrantRights({1: None}, None)])
    assert rights.rows is None
    assert [(right.field_id, right.only_where) for right in rights.columns] == [(1, None), (2, NORTH)]


def test_the_strictest_mask_of_all_that_give_the_column_holds_in_all_its_rows() -> None:
    """Otherwise the two forms of one value would stand side by side, and be matched."""
    rights = united([GrantRights({2: None}, NORTH), GrantRights({2: LAST_4}, SOUTH), GrantRights({3: KEYED})])
    assert [(right.field_id, right.mask) for right in rights.columns] == [(2, LAST_4), (3, KEYED)]


def test_a_grant_that_says_so_keeps_its_masks_in_its_own_rows() -> None:
    """Names in the north as they are, and of all others the last four: neither changes what the other gives."""
    every = GrantRights({2: Mask(MaskAction.MASK_ALPHANUM)})
    north = GrantRights({2: None}, NORTH, own_masks=True)
    assert shown(every, north) == [("Ann",), ("xxx",), ("xxx",)]
    (right,) = united([every, north]).columns
    assert (right.mask, right.own, right.only_where) == (every.columns[2], OwnForm(None, NORTH), None)
    assert obligations(united([every, north]), {2: "name"}).keys() == {"mask:name", "own-where:name", "own-mask:name"}
    assert shown(every, replace(north, own_masks=False)) == [("xxx",), ("xxx",), ("xxx",)]


def test_a_new_grant_with_masks_of_its_own_hides_nothing_that_was_shown() -> None:
    """Names in the north as they are; later those of the south, masked."""
    north, south = GrantRights({2: None}, NORTH), GrantRights({2: FIXED}, SOUTH, own_masks=True)
    assert shown(north, south) == [("Ann",), ("XXXXXXXX",)]
    assert shown(north, replace(south, own_masks=False)) == [("XXXXXXXX",), ("XXXXXXXX",)]


def test_masks_of_their_own_are_joined_where_several_grants_have_them() -> None:
    """One form each, never three: in the rows of either, the strictest of both."""
    one, other = GrantRights({2: LAST_4}, NORTH, own_masks=True), GrantRights({2: KEYED}, SOUTH, own_masks=True)
    (right,) = united([one, other, GrantRights({2: None})]).columns
    assert (right.mask, right.own) == (None, OwnForm(FIXED, any_of([NORTH, SOUTH])))
    assert united([one, GrantRights({2: None}, own_masks=True)]).columns == (ColumnRight(2, LAST_4),)
    assert united([one]) == united([replace(one, own_masks=False)])


def test_no_grant_gives_nothing() -> None:
    assert united([]).columns == ()
    assert united([]).rows == NOTHING


def test_a_grant_for_a_unit_of_somebody_without_one_adds_nothing() -> None:
    mine = resolved_rights(GrantRights({2: None, 3: None}, where("site = attribute('unit')")), {})
    assert mine.rows == NOTHING
    assert shown(mine, GrantRights({3: None}, NORTH)) == [(None, "I21")]


def test_what_is_kept_of_a_grant_is_the_grant() -> None:
    own = GrantRights({2: None}, NORTH, own_masks=True)
    for rights in (GrantRights({1: None, 2: LAST_4}, all_of([NORTH, where("name is not null")])), GrantRights({}), own):
        assert grant_from_json(grant_as_json(rights)) == rights


def test_obligations_name_masks_and_filters_and_no_value() -> None:
    rights = united([GrantRights({1: None, 2: KEYED}, NORTH), GrantRights({1: None}, SOUTH)], isolated=True)
    found = obligations(rights, NAMES)
    assert set(found) == {"isolated", "rows", "mask:name", "where:name", "mask:diagnosis"}
    assert (found["mask:name"], found["mask:diagnosis"]) == ("hmac-sha-256", "not-given")
    assert "north" not in str(found)
    assert found == obligations(rights, NAMES)
    assert found["rows"] != obligations(united([GrantRights({1: None}, SOUTH)]), NAMES)["rows"]


def test_only_who_is_given_everything_owes_nothing() -> None:
    assert obligations(united([GrantRights(dict.fromkeys(NAMES))]), NAMES) == {}
    assert obligations(united([GrantRights({1: None, 2: None})]), NAMES) == {"mask:diagnosis": "not-given"}
