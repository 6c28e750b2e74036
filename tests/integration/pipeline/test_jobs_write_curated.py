"""A job's SELECT becomes a curated table, whatever the day, and however often it is repeated."""

from datetime import UTC, datetime

import pytest

from pergamon import lake
from pergamon.pipeline import JobSpec
from pergamon.pipeline.jobs import BadJob, JobFailed, run_job

from .conftest import Bench

DAY = datetime(2026, 3, 4, 4, tzinfo=UTC)


def sql(**files: str) -> JobSpec:
    return JobSpec(database="curated_db", files={f"{name}.sql": text for name, text in files.items()})


def rows_of(bench: Bench, table: str) -> list[tuple[object, ...]]:
    return sorted(tuple(row.values()) for row in bench.rows(table))


def test_each_file_becomes_a_table_and_knows_the_time_of_its_run(bench: Bench) -> None:
    spec = sql(one="SELECT 1 AS id, {{run_at}} AS at -- a comment", two="SELECT id, 'x' AS word FROM curated_db.one;")
    assert run_job(bench.place, "j", spec, run_id="run1", run_at=DAY) == {"curated_db.one": 1, "curated_db.two": 1}
    assert rows_of(bench, "curated_db.one") == [(1, DAY)]


def test_a_result_without_rows_empties_the_table(bench: Bench) -> None:
    """The published accelerator kept stale rows when nobody was missing any more."""
    run_job(bench.place, "j", sql(one="SELECT 1 AS id"), run_id="run1", run_at=DAY)
    assert run_job(bench.place, "j", sql(one="SELECT 1 AS id WHERE false"), run_id="run2", run_at=DAY) == {
        "curated_db.one": 0
    }
    assert rows_of(bench, "curated_db.one") == []


def test_columns_come_go_and_change_their_type_with_the_query(bench: Bench) -> None:
    run_job(bench.place, "j", sql(one="SELECT 1 AS id, 'a' AS gone, 2 AS kind"), run_id="run1", run_at=DAY)
    run_job(bench.place, "j", sql(one="SELECT 1L AS id, 'k' AS kind, 1.5D AS new"), run_id="run2", run_at=DAY)
    assert bench.rows("curated_db.one") == [{"id": 1, "kind": "k", "new": 1.5}]


def test_a_repeated_run_writes_nothing_again(bench: Bench) -> None:
    spec = sql(one="SELECT 1 AS id")
    for _ in range(3):
        run_job(bench.place, "j", spec, run_id="run1", run_at=DAY)
    with bench.rt.begin(bench.actor) as uow:
        assert len(lake.snapshot_history(uow, lake.TableId("curated_db", "one"))) == 1


def test_a_python_job_returns_frames(bench: Bench) -> None:
    text = """
def run(spark, clock, inputs):
    return {"doubled": inputs["curated_db.one"].selectExpr("id * 2 AS id", f"{clock.now().year} AS year")}
"""
    run_job(bench.place, "j", sql(one="SELECT 4 AS id"), run_id="run1", run_at=DAY)
    spec = JobSpec(kind="python", database="curated_db", files={"job.py": text}, inputs=("curated_db.one",))
    run_job(bench.place, "p", spec, run_id="run1", run_at=DAY)
    assert bench.rows("curated_db.doubled") == [{"id": 8, "year": 2026}]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("SELECT {{secret:x}} AS a", BadJob),
        ("SELECT NULL AS nothing", BadJob),
        ("DROP TABLE curated_db.one", JobFailed),
        ("SELECT no_such_column FROM curated_db.one", JobFailed),
    ],
)
def test_a_file_that_cannot_be_run_is_a_clear_error_and_changes_nothing(
    bench: Bench, text: str, error: type[Exception]
) -> None:
    run_job(bench.place, "j", sql(one="SELECT 1 AS id"), run_id="run1", run_at=DAY)
    with pytest.raises(error):
        run_job(bench.place, "j", sql(one=text), run_id="run2", run_at=DAY)
    assert rows_of(bench, "curated_db.one") == [(1,)]
