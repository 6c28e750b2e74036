"""Which rows of its tables does a text look for, at most (ADR 0031)? What is not certain leaves every row."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from time import process_time
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pergamon.policy import (
    ColumnRight,
    PolicyColumn,
    TableRights,
    as_text,
    bind,
    bind_mask,
    parse_filter,
    parse_mask,
    parsed_type,
)
from pergamon.query import (
    Column,
    GrantedTable,
    Reading,
    Sought,
    TableName,
    governed_view,
    judge,
    looked_for,
    mask_secrets,
)
from tests.reference.duckdb_rights import arrow_type

COLUMNS = (
    Column("id", "long", 1), Column("born", "date", 2), Column("site", "string", 3), Column("name", "string", 4),
    Column("cost", "decimal(9,2)", 5), Column("weight", "double", 6), Column("seen", "timestamp", 7),
    Column("consent", "boolean", 8), Column("small", "float", 9), Column("hidden", "string", 10),
    Column("partly", "long", 11),
)  # fmt: skip
POLICY = [PolicyColumn(column.field_id, column.name, column.type, False) for column in COLUMNS]
STAYS = (Column("id", "long", 1), Column("ward", "string", 2), Column("born", "date", 3))
SOUTH = bind(parse_filter("site = 'south'"), POLICY)
"""Of people, `name` is given masked, `partly` in some rows only, `hidden` not at all."""


def granted() -> list[GrantedTable]:
    name = bind_mask(parse_mask("show-last-4"), POLICY[3], POLICY)
    special = {4: ColumnRight(4, name), 11: ColumnRight(11, only_where=SOUTH)}
    given = tuple(
        special.get(column.field_id, ColumnRight(column.field_id)) for column in COLUMNS if column.field_id != 10
    )
    reading = Reading(COLUMNS, TableRights(given, SOUTH), mask_secrets(bytes(32), bytes(16)))
    shown = tuple(column for column in COLUMNS if column.field_id != 10)
    return [
        GrantedTable(TableName("study_sub", "people"), None, "", (), shown, reading),
        GrantedTable(TableName("raw_db", "stays"), None, "", (), STAYS),
    ]


def found_by(sql: str, tables: Sequence[GrantedTable] = ()) -> dict[TableName, Sought]:
    with duckdb.connect() as connection:

        def serialize(text: str) -> str:
            return str(connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0])

        return looked_for(judge(sql, serialize), tables or granted())


def sought(sql: str) -> dict[str, str]:
    """By table, the row filter in our own language."""
    columns = {"people": {c.field_id: c.name for c in COLUMNS}, "stays": {c.field_id: c.name for c in STAYS}}
    return {name.table: as_text(each.rows, columns[name.table]) for name, each in found_by(sql).items() if each.rows}


def of_people(condition: str) -> str | None:
    return sought(f"SELECT count(*) FROM study_sub.people p WHERE {condition}").get("people")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("p.id = 7", "id = 7"),
        ("ID >= 7 AND P.Id < 9", "id >= 7 and id < 9"),
        ("7 < id", "id > 7"),
        ("born >= DATE '1990-01-01'", "born >= '1990-01-01'"),
        ("born < '1990-01-01'", "born < '1990-01-01'"),
        ("born BETWEEN '1990-01-01' AND DATE '1991-01-01'", "born >= '1990-01-01' and born <= '1991-01-01'"),
        ("seen >= DATE '2020-01-01'", "seen >= '2020-01-01T00:00:00.000000'"),
        ("seen = TIMESTAMP '2020-01-01 10:00:00'", "seen = '2020-01-01T10:00:00.000000'"),
        ("site IN ('north', 'it''s')", "site in ('north', 'it''s')"),
        ("site LIKE 'no%'", "starts_with(site, 'no')"),
        ("cost > 1.5 AND cost <= 3", "cost > 1.50 and cost <= 3.00"),
        ("weight > 0.1 AND weight < 1000", "weight > 0.1 and weight < 1000.0"),
        ("consent = true", "consent = true"),
        ("id = 1 OR site = 'x'", "id = 1 or site = 'x'"),
        (
            "(id = 1 AND upper(site) = 'X') OR (id = 2 AND born < '1990-01-01')",
            "id = 1 or (id = 2 and born < '1990-01-01')",
        ),
        ("id = 1 AND (site = 'x' OR length(site) = 3) AND name = 'abcd'", "id = 1"),
    ],
)
def test_conditions_that_cannot_fail_are_taken(condition: str, expected: str) -> None:
    assert of_people(condition) == expected


@pytest.mark.parametrize(
    "condition",
    [
        "id = 1 OR upper(site) = 'X'", "NOT id = 1", "id <> 1", "id = 1.5", "id = '1'", "id = NULL", "id IN (1, NULL)",
        "id IN (1, 2.5)", "id BETWEEN 1 AND 2.5", "id = 170141183460469231731687303715884105727", "id + 0 = 1",
        "name = 'abcd'", "partly = 1", "consent", "site LIKE '%x'", "site LIKE 'a_%'", "site LIKE 'abc'",
        "site ILIKE 'a%'", "site NOT LIKE 'a%'", "site = 5", "site COLLATE NOCASE = 'x'", "small > 1", "cost = 1.005",
        "born = '1.1.1990'", "born = TIMESTAMP '1990-01-01 10:00:00'", "born = TRY_CAST('1990-01-01' AS DATE)",
        "seen = CAST('2020-01-01 10:00:00' AS DATE)", "weight = 1e3", "site IS NULL", "site IS NOT DISTINCT FROM 'x'",
        "id = (SELECT 1)", "study_sub.people.id = 1", "EXISTS (SELECT 1 WHERE id = 1)", "rowid = 1",
        "id NOT IN (1, 2)", "born NOT BETWEEN '1990-01-01' AND '1991-01-01'", "site = upper('x')",
        "weight = 9007199254740993", "consent < true", "born > current_date", "cost = CAST('5.5' AS INTEGER)",
        "weight = CAST('1.25' AS DECIMAL(4,1))", "weight = 0.00000000000000000000007", "5 BETWEEN cost AND weight",
        "born = CAST('1990-01-01' AS VARCHAR)",
    ],
)  # fmt: skip
def test_what_is_not_certain_leaves_every_row(condition: str) -> None:
    assert of_people(condition) is None


@pytest.mark.parametrize(
    ("condition", "pairs", "and_more"),
    [
        ("p.born < s.born", (), False),
        ("p.id = 1 AND p.born < seen", (), True),  # a date is not a timestamp
        ("p.id > p.id", ((1, ">", 1),), True),
        ("p.id = 1 OR p.born < p.born", (), True),
        ("p.born >= p.born AND site = 'x'", ((2, ">=", 2),), True),
        ("partly = p.id", (), True),
        ("site = 'x' AND p.id = 2", (), False),
        ("upper(site) = ward", (), False),
        ("upper(site) = 'X'", (), True),
        ("name < site AND p.id = s.id", (), True),
    ],
)
def test_columns_of_one_type_that_are_compared_and_whether_more_is_asked(
    condition: str, pairs: tuple[tuple[int, str, int], ...], and_more: bool
) -> None:
    found = found_by(f"SELECT count(*) FROM study_sub.people p, raw_db.stays s WHERE {condition}")
    people = found[TableName("study_sub", "people")]
    assert (people.pairs, people.and_more) == (pairs, and_more)


PEOPLE, STAY = "study_sub.people p", "raw_db.stays s"
BOTH = {"people": "id = 1", "stays": "ward = 'A'"}


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (f"{PEOPLE}, {STAY} WHERE p.id = s.id AND p.id = 1 AND ward = 'A'", BOTH),
        (f"{PEOPLE}, {STAY} WHERE site = 'x'", {"people": "site = 'x'"}),
        (f"{PEOPLE}, {STAY} WHERE p.id = s.id AND id = 1", {}),
        (f"{PEOPLE} JOIN {STAY} ON p.id = s.id AND s.ward = 'A' AND p.id = 1", BOTH),
        (f"{PEOPLE} LEFT JOIN {STAY} ON s.ward = 'A' AND p.id = 1", {"stays": "ward = 'A'"}),
        (f"{PEOPLE} RIGHT JOIN {STAY} ON s.ward = 'A' AND p.id = 1", {"people": "id = 1"}),
        (f"{PEOPLE} FULL JOIN {STAY} ON s.ward = 'A' AND p.id = 1", {}),
        (f"{PEOPLE} FULL JOIN {STAY} ON true WHERE s.ward = 'A' AND p.id = 1", BOTH),
        (f"{PEOPLE} LEFT JOIN {STAY} ON p.id = s.id WHERE s.ward = 'A' OR s.ward IS NULL", {}),
        (f"{PEOPLE} JOIN {STAY} USING (id) WHERE id = 1 AND p.id = 2", {"people": "id = 2"}),
        (f"{PEOPLE} NATURAL JOIN {STAY} WHERE p.id = 1", {}),
        (f"{PEOPLE} SEMI JOIN {STAY} ON p.id = s.id WHERE p.id = 1", {}),
        (f"{PEOPLE} ANTI JOIN {STAY} ON p.id = s.id AND s.ward = 'A'", {}),
        (f"{PEOPLE} ASOF JOIN {STAY} ON p.id = s.id AND p.born >= s.born WHERE p.id = 1", {}),
        (f"{PEOPLE} POSITIONAL JOIN {STAY} WHERE p.id = 1", {}),
        (f"{PEOPLE} WHERE p.id = 1 AND EXISTS (SELECT 1 FROM study_sub.people q WHERE q.id = p.id)", {}),
        ("study_sub.people WHERE id IN (SELECT id FROM study_sub.people WHERE site = 'x') AND born < '1990-01-01'",
         {"people": "site = 'x' or born < '1990-01-01'"}),
        ("study_sub.people p(a, b) WHERE a = 1 AND id = 2", {}),
        ("study_sub.people TABLESAMPLE 10% WHERE id = 2", {}),
        (f"(SELECT * FROM {PEOPLE} WHERE p.id = 1) x WHERE x.site = 'x' AND site = 'y'", {"people": "id = 1"}),
        (f"{PEOPLE}, (SELECT 'x' AS site) x WHERE x.site = 'x' AND p.site = 'y'", {"people": "site = 'y'"}),
        (f"{PEOPLE} WHERE EXISTS (SELECT 1 FROM {STAY} WHERE s.id = 5 AND site = 'x')", {"stays": "id = 5"}),
        (f"{PEOPLE} WHERE p.id = 1 OR p.id = 2 AND site IN (SELECT 'x')", {}),
        ("raw_db.stays WHERE ward = 'A' UNION ALL SELECT count(*) FROM study_sub.people WHERE site = 'x'",
         {"stays": "ward = 'A'", "people": "site = 'x'"}),
    ],
)  # fmt: skip
def test_each_table_is_asked_for_what_every_place_of_it_looks_for(rest: str, expected: dict[str, str]) -> None:
    assert sought(f"SELECT count(*) FROM {rest}") == expected


def test_a_table_in_many_places_is_not_asked_in_each_of_them_for_what_all_look_for() -> None:
    def places(count: int, different: int) -> dict[str, str]:
        return sought(" UNION ALL ".join(f"SELECT id FROM {STAY} WHERE id = {n % different}" for n in range(count)))

    assert places(20, 4) == {"stays": "id = 3 or id = 2 or id = 1 or id = 0"}
    assert places(5, 5) == {}


def test_columns_that_the_engine_renames_mean_nothing_certain() -> None:
    """Of `id`, `ID` and `id_1` it makes `id`, `ID_1` and `id_1_1`."""
    columns = tuple(Column(name, "long", number) for number, name in enumerate(("id", "ID", "id_1", "other"), 1))
    table = GrantedTable(TableName("raw_db", "stays"), None, "", (), columns)
    assert found_by("SELECT count(*) FROM raw_db.stays WHERE id_1 = 1 AND other = 2", [table]) == {
        table.name: Sought(and_more=True)
    }


def test_a_long_text_is_read_in_a_moment() -> None:
    """Queries in queries: no condition is read again for each query that stands around it."""
    start = f"EXISTS (SELECT 1 FROM {PEOPLE} WHERE "
    sql = f"SELECT 1 FROM {PEOPLE} WHERE " + start * 140 + " AND ".join(["p.id = 1"] * 4000) + ")" * 140
    began = process_time()
    assert sought(sql) == {}
    assert process_time() - began < 2


def test_a_name_that_may_be_an_alias_means_nothing_certain() -> None:
    assert sought("SELECT upper(site) AS id FROM study_sub.people WHERE id = 1 AND site = 'x'") == {
        "people": "site = 'x'"
    }
    assert sought("WITH c AS (SELECT * FROM study_sub.people) SELECT count(*) FROM c WHERE id = 1") == {}
    in_with = "WITH c AS (SELECT * FROM study_sub.people WHERE id = 1) SELECT count(*) FROM c WHERE c.site = 'x'"
    assert sought(in_with) == {"people": "id = 1"}


def test_what_is_looked_for_stands_above_what_is_given_and_below_the_copies() -> None:
    """The files are never asked for it: their statistics would answer for rows that are not given."""
    (people, _) = granted()
    assert people.reading is not None
    view = governed_view("files", people.reading, Sought(bind(parse_filter("id = 7"), POLICY)))
    given, copied = view.index("WHERE (raw.\"site\" = 'south') OFFSET 0)"), view.index("COALESCE")
    assert copied < given < view.index("WHERE (raw.\"id\" = CAST('7' AS BIGINT)) OFFSET 0)")


def test_the_files_are_read_alike_whatever_is_looked_for(tmp_path: Path) -> None:
    """No constant of a statement reaches the scan, where statistics of hidden rows would answer it at once."""
    (people, _) = granted()
    assert people.reading is not None
    file = tmp_path / "people.parquet"
    rows = {c.name: pa.nulls(9, arrow_type(parsed_type(c.type))) for c in COLUMNS}
    rows |= {
        "id": range(74, 83),
        "site": ["north", "south", "west"] * 3,
        "born": [date(1970 + n, 1, 1) for n in range(9)],
    }
    pq.write_table(pa.table(rows), file)
    scans = []
    for sought in (Sought(), Sought(bind(parse_filter("born > '1977-07-07' and id > 77"), POLICY), ((1, ">", 1),))):
        with duckdb.connect() as connection:
            view = governed_view(f"read_parquet('{file}')", people.reading, sought)
            sql = f"SELECT * FROM {view} WHERE born > DATE '1977-07-07' AND id > 77"
            ((_, plan),) = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
        assert "1977-07-07" in plan
        scans.append(scan_of(json.loads(plan)[0]))
    assert scans[0] == scans[1]
    assert "south" in str(scans[0]), "the row filter does reach it"
    assert "1977" not in str(scans[0])


def scan_of(node: dict[str, Any]) -> dict[str, Any]:
    """What the plan says of how files are read."""
    if not node["children"]:
        told: dict[str, Any] = node["extra_info"]
        return told
    return scan_of(node["children"][0])
