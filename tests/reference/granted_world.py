# ruff: noqa: DTZ001 - a timestamp has no zone
"""Three tables of which grants give a part, and copies that hold exactly that part: what governed SQL is held against.

What is given is computed by `plain_rights`, row by row in Python. What is not given is made to be seen when it leaks:
texts that cannot be cast, broken patterns and documents, numbers at the end of their range, dates that overflow. In
what is given, every one of these expressions works, so that an error can only come from a row that is hidden.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, reduce
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.memory import InMemoryCatalog

from pergamon.kernel import Invalid, NotFound
from pergamon.policy import (
    GrantRights,
    PolicyColumn,
    TableRights,
    bind,
    bind_mask,
    parse_filter,
    parse_mask,
    parsed_type,
    row_fields,
    united,
    with_row_fields,
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
from pergamon.query.governed_view import given_columns
from tests.reference import plain_rights
from tests.reference.duckdb_rights import arrow_type
from tests.reference.plain_engine import connected

SCHEMA = "study_sub"
KEY, SALT = bytes(range(32)), bytes(range(16))
SECRET = "TOP-SECRET"
"""Stands in hidden texts only."""
LARGEST = 2**63 - 1

WAYS = (
    "ok = 1 or ok = 2",
    "ok <> 9",
    "starts_with(mark, 'yes')",
    "(ok = 1 or starts_with(mark, 'yes')) and mark is not null",
    "ok in (1, 2, 3, 4, 5) and not mark = 'no'",
    "starts_with(kept.inside.mark, 'yes')",
    "amount >= 0 and amount < 1000 and small < 100 and code < 'A' and day_text < 'A' and weight >= 0 and weight < 1000 "
    "and day < '9000-01-01' and at < '9000-01-01'",
)
"""Filters of `visits`. The engine moves and orders each in another way; the last says of given columns how large their
values are, and that there is one: where the engine takes note of it, it leaves the copying out."""

COLUMNS = {
    "patients": (
        ("id", "long", None), ("name", "string", "show-last-4"), ("nick", "string", "show-first-4"),
        ("site", "string", None), ("age", "int", "age-band(10)"), ("born", "date", "truncate-to-month"),
        ("since", "date", "truncate-to-year"), ("seen", "timestamp", "shift-date(30, id)"),
        ("pseudonym", "string", "hmac-sha-256"), ("phone", "string", "mask-alphanum"),
        ("serial", "long", "sha-256-query-local"), ("token", "string", "sha-256-global"),
        ("fixed", "string", "mask-to-fixed-value"), ("nothing", "string", "replace-with-null"),
        ("consent", "boolean", None),
    ),
    "visits": (
        ("patient", "long", None), ("amount", "long", None), ("small", "int", None), ("code", "string", None),
        ("pattern", "string", None), ("hexes", "string", None), ("document", "string", None),
        ("day_text", "string", None), ("cost", "decimal(9,2)", None), ("weight", "double", None),
        ("at", "timestamp", None), ("day", "date", None), ("tags", "list<string>", None),
    ),
    "labs": (
        ("patient", "long", None), ("kind", "string", None), ("value", "double", None), ("unit", "string", None),
        ("code", "string", None), ("amount", "long", "age-band(5)"),
    ),
}  # fmt: skip
HIDDEN = {
    "patients": (("withdrawn", "boolean"),),
    "visits": (
        ("ok", "long"),
        ("mark", "string"),
        ("kept", "struct<900: inside: optional struct<901: mark: optional string>>"),
    ),
    "labs": (),
}


@dataclass(frozen=True)
class GrantedPart:
    """One table: all its rows, who gets what, and what that is."""

    name: str
    columns: tuple[PolicyColumn, ...]
    rows: tuple[dict[int, Any], ...]
    grants: tuple[GrantRights, ...]

    @property
    def rights(self) -> TableRights:
        return united(self.grants)

    @property
    def reading(self) -> Reading:
        columns = tuple(Column(column.name, column.type, column.field_id) for column in self.columns)
        return Reading(columns, self.rights, mask_secrets(KEY, SALT))

    def given(self) -> list[dict[int, Any]]:
        secrets = plain_rights.Secrets(KEY, SALT)
        return plain_rights.given_rows(self.grants, self.columns, self.rows, secrets)

    def raw_arrow(self) -> pa.Table:
        return as_arrow(self.columns, self.rows)

    def given_arrow(self) -> pa.Table:
        shown = {field_id for grant in self.grants for field_id in grant.columns}
        return as_arrow([column for column in self.columns if column.field_id in shown], self.given())


def as_arrow(columns: Sequence[PolicyColumn], rows: Sequence[dict[int, Any]]) -> pa.Table:
    schema = pa.schema([(column.name, arrow_type(parsed_type(column.type))) for column in columns])
    return pa.Table.from_pylist([{c.name: row[c.field_id] for c in columns} for row in rows], schema=schema)


@cache
def granted_parts(way: str = WAYS[0]) -> tuple[GrantedPart, ...]:
    """The three tables, the same at every call; `way` is the filter of `visits`."""
    draw = random.Random(20261122)  # noqa: S311 - to be drawn again
    made = {name: _columns(name) for name in COLUMNS}
    return (
        _part("patients", made, [_patient(draw, n) for n in range(60)], ["site = 'north' and not withdrawn"]),
        _part("visits", made, [_visit(draw, n) for n in range(160)], [way]),
        _part(
            "labs", made, [_lab(draw, n) for n in range(90)],
            ["kind in ('glucose', 'sodium')", "starts_with(unit, 'mmol')", "kind = 'sodium' and value >= 0"],
            shown=[{"patient", "kind", "value", "amount"}, {"patient", "kind", "unit", "code"}, {"patient", "amount"}],
            own={2: frozenset({"amount"})},
        ),
    )  # fmt: skip


Governed = Callable[[str, Reading, Sought], str]
"""The view of a table: its files, how they are read, and the rows of it that a statement looks for."""


def opened(
    directory: Path, way: str | None, view: Governed = governed_view, *, given_by: str = WAYS[0], locked: bool = True
) -> duckdb.DuckDBPyConnection:
    """A connection with the sandbox's settings and one view a table: governed by `way`, or over a copy of what
    `given_by` gives (None)."""
    connection = connected(threads="1", temp_directory="")
    connection.execute("SET TimeZone = 'UTC'; SET memory_limit = '400MB'; SET preserve_insertion_order = false")
    for part in granted_parts(way or given_by):
        if way:
            metadata_of(directory, part)
        else:
            _copy(directory, part, given_by)
    connection.execute(f"SET allowed_directories = ['{directory}/']; SET enable_external_access = false")
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    if way:
        stand_for(connection, directory, way, view, {})
    for part in granted_parts(given_by) if way is None else ():
        source = f"(SELECT * FROM read_parquet('{_copy(directory, part, given_by)}') OFFSET 0)"
        connection.execute(f"CREATE VIEW {SCHEMA}.{part.name} AS SELECT * FROM {source}")
    if locked:
        connection.execute("SET lock_configuration = true")
    return connection


def _copy(directory: Path, part: GrantedPart, way: str) -> Path:
    """A file of exactly what is given."""
    file = directory / f"{part.name}.given-{WAYS.index(way)}.parquet"
    if not file.exists():
        pq.write_table(part.given_arrow(), file, row_group_size=40)
    return file


def metadata_of(directory: Path, part: GrantedPart) -> Path:
    """An Iceberg table of all rows, several row groups in one file."""
    if not (found := list(directory.glob(f"lake/{part.name}/metadata/00001-*.json"))):
        with InMemoryCatalog("lake", warehouse=f"file://{directory}") as catalog:
            catalog.create_namespace_if_not_exists("lake")
            name, rows = f"lake.{part.name}", part.raw_arrow()
            catalog.create_table(name, rows.schema, properties={"write.parquet.row-group-limit": "40"}).append(rows)
        found = list(directory.glob(f"lake/{part.name}/metadata/00001-*.json"))
    return found[0]


def stand_for(
    connection: duckdb.DuckDBPyConnection, directory: Path, way: str, view: Governed, sought: Mapping[str, Sought]
) -> None:
    """Make the views of the tables, for a statement that looks for these rows of them."""
    for part in granted_parts(way):
        scan = f"iceberg_scan('{metadata_of(directory, part)}')"
        source = view(scan, part.reading, sought.get(part.name, Sought()))
        connection.execute(f"CREATE OR REPLACE VIEW {SCHEMA}.{part.name} AS SELECT * FROM {source}")


def sought_by(connection: duckdb.DuckDBPyConnection, sql: str, way: str) -> dict[str, Sought]:
    """What a statement looks for in each table, by the table's name; of one that the gate would refuse, all."""
    try:
        judged = judge(
            sql, lambda text: str(connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0])
        )
    except (Invalid, NotFound):
        return {}
    return {name.table: each for name, each in looked_for(judged, granted_tables(way)).items()}


@cache
def granted_tables(way: str) -> tuple[GrantedTable, ...]:
    """The three tables as a statement is told of them."""
    return tuple(
        GrantedTable(
            TableName(SCHEMA, part.name), None, "", (), given_columns(part.reading.columns, part.rights), part.reading
        )
        for part in granted_parts(way)
    )


def _columns(name: str) -> tuple[PolicyColumn, ...]:
    every = [(column, kind) for column, kind, _ in COLUMNS[name]] + list(HIDDEN[name])
    return tuple(PolicyColumn(n, column, kind, False) for n, (column, kind) in enumerate(every, 1))


def _part(
    name: str,
    made: dict[str, tuple[PolicyColumn, ...]],
    rows: list[dict[str, Any]],
    filters: list[str],
    shown: list[set[str]] | None = None,
    *,
    own: Mapping[int, frozenset[str]] = MappingProxyType({}),
) -> GrantedPart:
    """own: by number, grants that keep their own masks: none on these columns."""
    columns = made[name]
    grants = []
    for number, text in enumerate(filters):
        masks = {
            column.field_id: bind_mask(parse_mask(mask), column, columns) if mask else None
            for column, (_, _, mask) in zip(columns, COLUMNS[name], strict=False)
            if shown is None or column.name in shown[number]
        }
        bare = {column.field_id: None for column in columns if column.name in own.get(number, ())}
        grants.append(
            GrantRights(masks | bare, bind(parse_filter(text), with_row_fields(columns)), own_masks=number in own)
        )
    by_id = tuple(_by_id(columns, row) for row in rows)
    return GrantedPart(name, columns, by_id, tuple(grants))


def _by_id(columns: Sequence[PolicyColumn], row: Mapping[str, Any]) -> dict[int, Any]:
    """A row's values, and those in its structs."""
    inside = {
        field.field_id: reduce(lambda value, part: value and value[part], path, row[column.name])
        for column in columns
        for field, path in row_fields(column)
    }
    return {column.field_id: row[column.name] for column in columns} | inside


def _maybe(draw: random.Random, value: Any, nulls: float = 0.1) -> Any:
    return None if draw.random() < nulls else value


def _patient(draw: random.Random, number: int) -> dict[str, Any]:
    site = draw.choice(["north", "north", "south", None])
    withdrawn = draw.choice([False, False, False, True, None])
    hidden = site != "north" or withdrawn is not False
    text = f"{SECRET} {number}" if hidden else draw.choice(["Änne Müller", "Bo", "Li-Wei (2)", "O.", "Zoë 77"])
    born = date(1940, 1, 1) + timedelta(days=draw.randrange(25_000))
    return {
        "id": number,
        "name": _maybe(draw, text),
        "nick": _maybe(draw, text[::-1]),
        "site": site,
        "age": _maybe(draw, draw.choice([-5, 2**31 - 1]) if hidden else draw.randrange(100)),
        "born": _maybe(draw, date(9999, 12, 31) if hidden and draw.random() < 0.3 else born),
        "since": _maybe(draw, born + timedelta(days=draw.randrange(20_000))),
        "seen": _maybe(draw, datetime(2020, 1, 1) + timedelta(seconds=draw.randrange(10**8))),
        "pseudonym": _maybe(draw, f"{number % 20:04}"),
        "phone": _maybe(draw, f"+49 (0)30 {draw.randrange(10**6)}"),
        "serial": _maybe(draw, draw.randrange(1000)),
        "token": _maybe(draw, text),
        "fixed": _maybe(draw, text),
        "nothing": text,
        "consent": draw.choice([True, False, None]),
        "withdrawn": withdrawn,
    }


def _visit(draw: random.Random, number: int) -> dict[str, Any]:
    hidden = draw.random() < 0.5
    n = draw.randrange(1, 20)
    day = date(2020, 1, 1) + timedelta(days=draw.randrange(1500))
    good = {
        "amount": n,
        "small": draw.randrange(1, 13),
        "code": f"{draw.randrange(10_000):04}",
        "pattern": draw.choice(["a+", "[0-9]{2}", ".*1.*", "x|y"]),
        "hexes": draw.choice(["414243", "4A", "C3A4"]),
        "document": draw.choice(['{"a": 1, "b": [1, 2]}', '{"a": null}', "[3, 4]"]),
        "day_text": day.isoformat(),
        "cost": Decimal(draw.randrange(100_00)) / 100,
        "weight": draw.randrange(4, 400) / 4,
        "at": datetime(2020, 1, 1) + timedelta(seconds=draw.randrange(10**8)),
        "day": day,
        "tags": draw.choice([["1"], ["2", "1"], [], ["3", None]]),
    }
    bad = {
        "amount": draw.choice([LARGEST, -LARGEST - 1, -1, 10**15]),
        "small": draw.choice([-1, 2**31 - 1, 0, -(2**31)]),
        "code": f"{SECRET}{number}",
        "pattern": draw.choice(["([", "*", "(?<"]),
        "hexes": draw.choice(["zz", "4", "\\xZ", "FF"]),
        "document": draw.choice(["{", SECRET, '{"a": ']),
        "day_text": draw.choice(["infinity and beyond", "2020-13-01", SECRET]),
        "cost": Decimal("9999999.99"),
        "weight": draw.choice([-4.0, 1e308, float("inf"), 2.0**100]),
        "at": datetime(9999, 12, 31, 23, 59, 59),
        "day": date(9999, 12, 31),
        "tags": [SECRET],
    }
    row = bad if hidden else good
    nullable = {name: _maybe(draw, value, 0.05) for name, value in row.items()}
    ok, mark = draw.choice([(9, "no"), (9, "no"), (None, None)]) if hidden else draw.choice([(1, "yes"), (2, "yes!")])
    kept = {"inside": {"mark": mark} if mark else None} if number % 3 or mark else None
    return {"patient": draw.randrange(60), **nullable, "ok": ok, "mark": mark, "kept": kept}


def _lab(draw: random.Random, number: int) -> dict[str, Any]:
    kind = draw.choice(["glucose", "sodium", "hiv", "crp", None])
    unit = draw.choice(["mmol/l", "mmol", "mg", None])
    by_kind, by_unit = kind in {"glucose", "sodium"}, unit in {"mmol/l", "mmol"}
    return {
        "patient": _maybe(draw, draw.randrange(60), 0.05),
        "kind": kind,
        "value": _maybe(draw, draw.randrange(400) / 4 if by_kind else -1e308),
        "unit": unit,
        "code": _maybe(draw, f"{draw.randrange(100)}" if by_unit else f"{SECRET}{number}"),
        "amount": _maybe(draw, draw.randrange(50) if by_kind else LARGEST),
    }
