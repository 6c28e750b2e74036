"""Structs, lists and maps of which grants give a part: what is not given stands in no answer, at no depth."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pergamon.policy import (
    GrantRights,
    Mask,
    MaskAction,
    PolicyColumn,
    bind,
    bind_mask,
    inner_columns,
    mask_text,
    parse_filter,
    parse_mask,
    united,
    with_row_fields,
)
from pergamon.query import Column, Reading, governed_view, mask_secrets
from pergamon.query.governed_view import copies, given_columns
from pergamon.query.model import TableNotReadable

COLUMNS = (
    Column("id", "long", 1),
    Column(
        "address",
        'struct<10: street: optional string, 11: city"x: required string, '
        "12: geo: optional struct<13: lat: optional double>>",
        2,
    ),
    Column("visits", "list<struct<20: code: optional string, 21: note: optional string>>", 3),
    Column("extras", "map<string, struct<30: a: optional string, 31: b: optional long>>", 4),
)
POLICY = tuple(PolicyColumn(column.field_id, column.name, column.type) for column in COLUMNS)
NAMES = {one.name: one.field_id for column in POLICY for one in (column, *inner_columns(column))}
ROWS: list[dict[str, Any]] = [
    {
        "id": 1,
        "address": {"street": "Elm 1", 'city"x': "Oslo", "geo": {"lat": 59.9}},
        "visits": [{"code": "I21", "note": "SECRET"}, None, {"code": None, "note": None}],
        "extras": [("k", {"a": "x", "b": 7}), ("l", None)],
    },
    {"id": 2, "address": {"street": None, 'city"x': "Bergen", "geo": None}, "visits": [], "extras": []},
    {"id": 3, "address": None, "visits": None, "extras": None},
]
SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        (
            "address",
            pa.struct([("street", pa.string()), ('city"x', pa.string()), ("geo", pa.struct([("lat", pa.float64())]))]),
        ),
        ("visits", pa.list_(pa.struct([("code", pa.string()), ("note", pa.string())]))),
        ("extras", pa.map_(pa.string(), pa.struct([("a", pa.string()), ("b", pa.int64())]))),
    ]
)
ALPHANUM, FIXED = Mask(MaskAction.MASK_ALPHANUM), Mask(MaskAction.MASK_TO_FIXED_VALUE)


def grant(*names: str, rows: str = "", **masks: Mask) -> GrantRights:
    """Columns by name; `masks` by the last part of a name."""
    given = {NAMES[name]: masks.get(name.rpartition(".")[2].strip('"x') or name) for name in names or NAMES}
    return GrantRights(given, bind(parse_filter(rows), with_row_fields(POLICY)) if rows else None)


def shown(
    *grants: GrantRights,
    columns: tuple[Column, ...] = COLUMNS,
    rows: Sequence[Mapping[str, Any]] = ROWS,
    schema: pa.Schema = SCHEMA,
) -> list[dict[str, Any]]:
    """What a reader has of the rows, in order; the columns' types are those that are told."""
    rights = united(grants)
    reading = Reading(columns, rights, mask_secrets(bytes(32), bytes(16)))
    connection = duckdb.connect(":memory:", config={"threads": "1"})
    connection.register("source", pa.Table.from_pylist(list(rows), schema=schema))
    connection.execute("CREATE TABLE held AS SELECT * FROM source")
    found = connection.execute(f"SELECT * FROM {governed_view('held', reading)}").to_arrow_table()
    told = given_columns(columns, rights)
    assert found.schema.names == [column.name for column in told]
    shown_rows: list[dict[str, Any]] = found.to_pylist()
    return shown_rows


OF_LISTS = ("l VARCHAR[]", "s STRUCT(l VARCHAR[])", "m MAP(VARCHAR, VARCHAR)", "d STRUCT(x VARCHAR)[][]")
LISTS = (
    Column("id", "long", 1),
    Column("l", "list<string>", 2),
    Column("s", "struct<10: l: optional list<string>>", 3),
    Column("m", "map<string, string>", 4),
    Column("d", "list<list<struct<20: x: optional string>>>", 5),
)


@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize(
    "grants",
    [
        [({}, "id = 1", False)],
        [({}, "id = 1", False), ({1: None}, "id > 0", False)],
        [({}, "", False), (dict.fromkeys((2, 3, 4, 5), FIXED), "id = 2", True)],
    ],
    ids=["rows", "cells", "masks in some rows"],
)
def test_a_cast_of_lists_tells_nothing_of_other_rows_lists(
    tmp_path: Path, grants: list[tuple[dict[int, Mask | None], str, bool]], deleted: bool
) -> None:
    """DuckDB converts every element that a vector of lists holds, whoever's it is; so the others must not be in it."""
    rights = united([
        GrantRights(
            (of if set(of) == {1} else dict.fromkeys((1, 2, 3, 4, 5, 10, 20)) | of),
            bind(parse_filter(rows), POLICY) if rows else None,
            own_masks=own,
        )
        for of, rows, own in grants
    ])  # fmt: skip
    connection = duckdb.connect(":memory:", config={"threads": "1"})
    connection.execute(
        "COPY (SELECT id, [v] AS l, {'l': [v]} AS s, MAP {v: v} AS m, [[{'x': v}]] AS d FROM (SELECT i % 2 + 1 AS id, "
        f"CASE WHEN id = 1 THEN '1' ELSE 'SECRET' END AS v FROM range(100) t(i))) TO '{tmp_path}/held.parquet'"
    )
    held = f"read_parquet('{tmp_path}/held.parquet')"
    reading = Reading(LISTS, rights, mask_secrets(bytes(32), bytes(16)))
    view = governed_view(copies(held, LISTS) if deleted else held, reading)
    for column in OF_LISTS:
        name, kind = column.split(" ", 1)
        cast = f"CAST({name} AS {kind.replace('VARCHAR', 'INTEGER')})"
        sql = f"SELECT count(c) FILTER (id = 1) FROM (SELECT id, {cast} AS c FROM {view})"
        assert connection.execute(sql).fetchone() == (50,), name


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def test_what_is_given_whole_is_as_it_is_and_not_built_anew() -> None:
    assert shown(grant()) == ROWS
    reading = Reading(COLUMNS, united([grant()]), mask_secrets(bytes(32), bytes(16)))
    assert "struct_pack" not in governed_view("held", reading)


def test_what_came_into_a_column_later_is_in_no_earlier_grant() -> None:
    before = [
        name
        for name in NAMES
        if name not in ("address.geo", "address.geo.lat", "visits.element.note", "extras.value.b")
    ]
    found = shown(grant(*before))
    assert [row["address"] for row in found] == [
        {"street": "Elm 1", 'city"x': "Oslo"},
        {"street": None, 'city"x': "Bergen"},
        None,
    ]
    assert [row["visits"] for row in found] == [[{"code": "I21"}, None, {"code": None}], [], None]
    assert [row["extras"] for row in found] == [[("k", {"a": "x"}), ("l", None)], [], None]
    told = {column.name: column.type for column in given_columns(COLUMNS, united([grant(*before)]))}
    assert told["address"] == 'struct<10: street: optional string, 11: city"x: required string>'
    assert told["visits"] == "list<struct<20: code: optional string>>"
    assert told["extras"] == "map<string, struct<30: a: optional string>>"


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        ("address.street = 'Elm 1'", [1]),
        ("address.street is null", [2, 3]),
        ("address.geo.lat > 50", [1]),
        ("address.geo is not null", [1]),
        ("not address.geo.lat > 50", []),
        ("\"address.city\"\"x\" in ('Bergen', 'Rome') or id = 3", [2, 3]),
    ],
)
def test_rows_are_given_by_fields_of_structs_also_by_those_that_nobody_sees(rows: str, ids: list[int]) -> None:
    assert [row["id"] for row in shown(grant("id", rows=rows))] == ids


def test_a_filter_on_a_field_that_is_gone_gives_nothing() -> None:
    grants = grant("id", rows="address.street is null")
    without_street = replace(COLUMNS[1], type=COLUMNS[1].type.replace("10: street: optional string, ", ""))
    assert shown(grants, columns=(COLUMNS[0], without_street, *COLUMNS[2:])) == []


def test_dates_are_shifted_alike_for_equal_values_of_a_field() -> None:
    columns = (
        Column("who", "struct<10: person: optional struct<11: number: optional long>>", 1),
        Column("day", "date", 2),
    )
    named = parse_mask("shift-date(3650, who.person.number)")
    policy = [PolicyColumn(column.field_id, column.name, column.type) for column in columns]
    mask = bind_mask(named, policy[1], with_row_fields(policy))
    assert mask_text(mask, {11: "who.person.number"}) == 'shift-date(3650, "who.person.number")'
    rows = [{"who": who, "day": date(2000, 1, 1)} for who in ({"person": {"number": 7}},) * 2]
    rows += [{"who": who, "day": date(2000, 1, 1)} for who in ({"person": {"number": 8}}, {"person": None}, None)]
    schema = pa.schema([("who", pa.struct([("person", pa.struct([("number", pa.int64())]))])), ("day", pa.date32())])
    days = [row["day"] for row in shown(GrantRights({2: mask}), columns=columns, rows=rows, schema=schema)]
    assert days[0] == days[1] != days[2]
    assert days[3:] == [None, None]


def test_a_column_of_which_nothing_is_left_is_not_there() -> None:
    assert shown(grant("id", "address", "visits", "extras")) == [{"id": 1}, {"id": 2}, {"id": 3}]
    with pytest.raises(TableNotReadable):
        shown(grant("address"))


def test_a_field_is_masked_wherever_it_stands() -> None:
    found = shown(grant(city=ALPHANUM, note=FIXED, b=FIXED, lat=FIXED))
    assert found[0]["address"] == {"street": "Elm 1", 'city"x': "xxxx", "geo": {"lat": 0.0}}
    assert found[0]["visits"] == [{"code": "I21", "note": "XXXXXXXX"}, None, {"code": None, "note": None}]
    assert found[0]["extras"] == [("k", {"a": "x", "b": 999999999}), ("l", None)]
    assert found[2] == ROWS[2]
    assert "SECRET" not in str(found)


def test_a_mask_of_the_whole_holds_for_what_is_left_of_it() -> None:
    found = shown(
        grant("id", "visits", "visits.element.code", "address", "address.street", visits=FIXED, address=FIXED)
    )
    assert [row["visits"] for row in found] == [[], [], None]
    assert [row["address"] for row in found] == [{"street": "XXXXXXXX"}, {"street": "XXXXXXXX"}, None]


def test_fields_of_several_grants_do_not_meet() -> None:
    """Streets where id = 1, cities of all: nobody's street stands beside where nothing gives it."""
    found = shown(
        grant("address", "address.street", rows="id = 1"), grant("id", "address", 'address.city"x', rows="id < 3")
    )
    assert [row["address"] for row in found] == [
        {"street": "Elm 1", 'city"x': "Oslo"},
        {"street": None, 'city"x': "Bergen"},
    ]
    found = shown(
        grant("address", "address.street", rows="id = 1"), grant("id", "address", 'address.city"x', rows="id = 2")
    )
    assert [row["address"] for row in found] == [
        {"street": "Elm 1", 'city"x': None},
        {"street": None, 'city"x': "Bergen"},
    ]


@pytest.mark.parametrize(
    "unknown", ["struct<10: street: optional variant>", "list<struct<10: a: optional string (said)>>"]
)
def test_of_a_column_that_is_not_understood_nothing_is_given(unknown: str) -> None:
    columns = (COLUMNS[0], Column("address", unknown, 2))
    assert shown(grant("id", "address", "address.street"), columns=columns) == [{"id": 1}, {"id": 2}, {"id": 3}]


def test_a_map_whose_keys_are_given_in_part_is_not_given() -> None:
    """Keys that differ in what is hidden would be the same."""
    columns = (COLUMNS[0], Column("extras", "map<struct<40: a: optional string, 41: b: optional string>, long>", 4))
    for columns_given in ({1: None, 4: None, 40: None}, {1: None, 4: None, 40: None, 41: FIXED}):
        rights = united([GrantRights(columns_given)])
        assert [column.name for column in given_columns(columns, rights)] == ["id"]
    whole = united([GrantRights(dict.fromkeys((1, 4, 40, 41)))])
    assert [column.name for column in given_columns(columns, whole)] == ["id", "extras"]


def test_a_map_is_given_only_where_all_that_is_in_its_keys_is() -> None:
    """A part of its keys is given in some rows alone: in the others they would be shown whole."""
    columns = (COLUMNS[0], Column("extras", "map<struct<40: a: optional string, 41: b: optional string>, long>", 4))
    key = pa.struct([("a", pa.string()), ("b", pa.string())])
    schema = pa.schema([("id", pa.int64()), ("extras", pa.map_(key, pa.int64()))])
    rows = [{"id": n, "extras": [({"a": "x", "b": f"SECRET {n}"}, n)]} for n in (1, 2, 3)]
    of_some = GrantRights(dict.fromkeys((1, 4, 40, 41)), bind(parse_filter("id = 2"), POLICY))
    without_b = GrantRights(dict.fromkeys((1, 4, 40)), bind(parse_filter("id < 3"), POLICY))
    found = shown(of_some, without_b, columns=columns, rows=rows, schema=schema)
    assert found == [{"id": 1, "extras": None}, rows[1]]


def test_fields_whose_names_differ_only_in_case_are_not_told_apart_so_nothing_is_given_of_them() -> None:
    """DuckDB finds the fields of a struct without regard to case: it would show the one for the other."""
    columns = (COLUMNS[0], Column("address", "struct<10: Name: optional string, 11: name: optional string>", 2))
    given = GrantRights(dict.fromkeys((1, 2, 11)))
    assert shown(given, columns=columns) == [{"id": 1}, {"id": 2}, {"id": 3}]
