"""Thousands of generated statements over tables of which grants give a part, held against copies that hold just that.

The suite gates each upgrade of DuckDB (ADR 0023): whatever the engine moves, folds or remembers, an answer may depend
on nothing but what is given. Errors are answers too.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pergamon.policy import is_nested
from pergamon.query import Reading, Sought, copies, governed_view
from tests.reference.granted_world import (
    COLUMNS,
    SCHEMA,
    SECRET,
    WAYS,
    Governed,
    granted_parts,
    metadata_of,
    opened,
    sought_by,
    stand_for,
)
from tests.reference.sql_grammar import Statements, all_constructs

SEED = 4
A_SHARE = math.ceil(2000 / len(WAYS))

Answer = tuple[str, list[tuple[Any, ...]]]
"""`ok` and the rows, or the class of the error and no row."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("granted")


@pytest.mark.parametrize("way", WAYS)
def test_no_statement_tells_anything_of_what_is_not_given(directory: Path, way: str) -> None:
    found = list(differing(directory, way, SEED + WAYS.index(way), A_SHARE))
    assert not found, f"{len(found)} of {A_SHARE} differ; the first: {found[0]}"


@pytest.mark.soak
@pytest.mark.parametrize("part", range(20))
@pytest.mark.parametrize("way", WAYS)
def test_a_hundred_thousand_statements_tell_nothing_of_what_is_not_given(directory: Path, way: str, part: int) -> None:
    found = list(differing(directory, way, 1000 + 20 * WAYS.index(way) + part, 1000))
    assert not found, f"{len(found)} of 1000 differ; the first: {found[0]}"


def test_the_grammar_reaches_every_construct() -> None:
    statements = Statements(SEED)
    for _ in range(A_SHARE * len(WAYS)):
        statements.statement()
    assert all_constructs() - statements.reached.keys() == set()


def test_most_statements_are_answered_with_rows_and_some_with_errors(directory: Path) -> None:
    statements = Statements(SEED)
    with opened(directory, None) as copy:
        answers = [answer(copy, statements.statement()) for _ in range(A_SHARE)]
    with_rows = sum(bool(rows) for _, rows in answers)
    assert with_rows > 0.6 * A_SHARE
    assert len({kind for kind, _ in answers}) >= 5, "rows, and errors of several classes"


def unguarded(base: str, reading: Reading, sought: Sought) -> str:
    """The view as if DuckDB could be trusted with it: neither OFFSET nor copies."""
    return without_copies(base, reading, sought).replace(" OFFSET 0", "")


def without_copies(base: str, reading: Reading, sought: Sought) -> str:
    """The view with its OFFSET, but the values as they come from the files."""
    view = governed_view(base, reading, sought)
    return re.sub(r'COALESCE\((raw\."\w+"), CASE WHEN random\(\) > 2 THEN \1 END\)', r"\1", view)


@pytest.mark.parametrize("view", [unguarded, without_copies])
def test_without_its_barrier_the_view_does_tell(directory: Path, view: Governed) -> None:
    """What the suite is worth: it finds what DuckDB 1.5.5 does to a plain view, and to one with half a barrier."""
    assert any(True for _ in differing(directory, WAYS[3], SEED, A_SHARE, view))


def test_many_statements_look_for_some_rows_only(directory: Path) -> None:
    """What a statement does not look for stays behind the barrier (ADR 0031): that, too, must change no answer."""
    statements = Statements(SEED)
    with opened(directory, WAYS[0]) as governed:
        sought = [sought_by(governed, statements.statement(), WAYS[0]) for _ in range(A_SHARE)]
    assert sum(any(each.rows for each in found.values()) for found in sought) > 0.1 * A_SHARE
    assert {name for found in sought for name, each in found.items() if each.rows} == set(COLUMNS)


def test_the_engine_knows_no_column_without_nulls_and_copies_each(directory: Path) -> None:
    """Where statistics say that a column holds no NULL, it takes COALESCE for the column itself, and copies nothing."""
    (visits,) = (part for part in granted_parts(WAYS[-1]) if part.name == "visits")
    with opened(directory, WAYS[-1]) as governed:
        sought = sought_by(governed, f"SELECT 1 FROM {SCHEMA}.visits WHERE amount > 3 AND small < 50", WAYS[-1])
        assert sought["visits"].rows is not None
        scan = f"iceberg_scan('{metadata_of(directory, visits)}')"
        view = copies(scan, visits.reading.columns, visits.rights.rows, sought["visits"])
        unnamed = re.sub(r' AS "\w+"', "", view)
        ((_, plan),) = governed.execute(f"EXPLAIN (FORMAT json) SELECT * FROM {unnamed}").fetchall()
    assert plan.count("COALESCE(") == sum(not is_nested(column.type) for column in visits.columns)


def test_the_copy_holds_no_secret_and_the_files_of_the_view_do(directory: Path) -> None:
    """A leak could be seen: what is hidden is in the files, and nowhere in what is given."""
    for part in granted_parts():
        hidden = str(part.raw_arrow().to_pylist())
        given = str(part.given_arrow().to_pylist())
        assert SECRET in hidden, part.name
        assert SECRET not in given, part.name


def differing(
    directory: Path, way: str, seed: int, count: int, view: Governed = governed_view
) -> Iterator[tuple[str, str, str]]:
    """(statement, what the copy answers, what the governed tables answer) wherever the two are not the same."""
    statements = Statements(seed)
    with opened(directory, None, given_by=way) as copy, opened(directory, way, view) as governed:
        for _ in range(count):
            sql = statements.statement()
            stand_for(governed, directory, way, view, sought_by(governed, sql, way))
            expected, found = answer(copy, sql), answer(governed, sql)
            if not same(expected, found) and not under_another_plan(directory, way, sql, expected, found):
                yield sql, str(expected)[:500], str(found)[:500]


def under_another_plan(directory: Path, way: str, sql: str, expected: Answer, found: Answer) -> bool:
    """Does the copy fail, or not fail, in just this way when the engine plans otherwise?

    Which of a statement's conditions is looked at first decides whether the other one meets the value that it fails on.
    The engine chooses by its guess of how many rows there are; what it says then depends on given values alone.
    """
    if expected[0] == found[0] == "ok":
        return False  # rows never depend on the plan
    with opened(directory, None, given_by=way, locked=False) as copy:
        optimizers = [name for (name,) in copy.execute("SELECT name FROM duckdb_optimizers()").fetchall()]
        for disabled in (*optimizers, ",".join(optimizers)):
            copy.execute(f"SET disabled_optimizers = '{disabled}'")
            if same(answer(copy, sql), found):
                return True
    return False


def answer(connection: duckdb.DuckDBPyConnection, sql: str) -> Answer:
    try:
        return "ok", connection.execute(sql).fetchall()
    except duckdb.Error as error:
        return type(error).__name__, []


def same(expected: Answer, found: Answer) -> bool:
    """The same rows as often, in any order, fractions to a relative 1e-9; or the same error."""
    if expected[0] != found[0] or len(expected[1]) != len(found[1]):
        return False
    one, other = (sorted(answer[1], key=_rounded) for answer in (expected, found))
    return one == other or all(map(_alike, one, other))


def _rounded(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple | list):
        return str([_rounded(part) for part in value])
    return repr(value)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(_alike, one, other))
    return type(one) is type(other) and bool(one == other)
