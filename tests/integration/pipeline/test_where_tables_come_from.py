"""Jobs and merges tell where their table comes from, in the commit itself; and the catalog hears of the table there."""

from datetime import UTC, datetime
from itertools import chain

import pytest

from pergamon import catalog, lake
from pergamon.catalog.tables_of_places import save_data_source
from pergamon.lineage import Dataset, Edge, upstream
from pergamon.pipeline import JobSpec
from pergamon.pipeline.jobs import run_job
from pergamon.store import UnitOfWork
from tests.reference.hospital_source import Source

from .conftest import HISTORY, Bench

DAY = datetime(2026, 3, 4, 4, tzinfo=UTC)
LANDING = Dataset.of_objects("staging", "landing/hda/patients/")
RAW, AGES = Dataset("pergamon", "raw_db.patients"), Dataset("pergamon", "curated_db.ages")


def edges(uow: UnitOfWork, dataset: Dataset, *, field: str = "", depth: int = 1) -> set[tuple[str, str, str]]:
    """(input, its column, column of what was made from it)."""
    found: tuple[Edge, ...] = upstream(uow, dataset, set, field=field, depth=depth).edges
    return {(str(edge.input), edge.input_field, edge.output_field) for edge in found}


def load(bench: Bench) -> Source:
    source = Source(1, keys=4)
    source.run(2)
    bench.landing.load(*source.snapshot(), files=2)
    source.sent.clear()
    return source


def test_a_job_is_followed_through_raw_to_the_landed_file(bench: Bench) -> None:
    load(bench)
    bench.merge()
    text = "WITH p AS (SELECT * FROM raw_db.patients) SELECT a AS who, concat(value, note) AS said, count(*) AS n"
    spec = JobSpec(database="curated_db", files={"ages.sql": f"{text} FROM p GROUP BY 1, 2 -- {{{{run_at}}}}"})
    run_job(bench.place, "ages", spec, run_id="run1", run_at=DAY)
    with bench.rt.begin(bench.actor) as uow:
        assert edges(uow, AGES) == {
            ("raw_db.patients", "", ""),
            ("raw_db.patients", "a", "who"),
            ("raw_db.patients", "value", "said"),
            ("raw_db.patients", "note", "said"),
        }
        assert edges(uow, AGES, field="who", depth=3) == {
            ("raw_db.patients", "a", "who"),
            (str(LANDING), "a", "a"),
        }
        (run,) = uow.rows("SELECT * FROM lineage_run WHERE kind = 'job'")
        asked = uow.rows("SELECT database, name, snapshot_id FROM quality_request ORDER BY database")
        heads = [lake.read_table(uow, lake.TableId.parse(name)) for name in ("curated_db.ages", "raw_db.patients")]
    assert [tuple(row.values()) for row in asked] == [(t.id.database, t.id.name, t.snapshot_id) for t in heads]
    assert (run["job"], run["run_id"], run["told_by"]) == ("job:ages", "run1", "platform")


def test_merges_tell_what_is_new_and_not_each_commit(bench: Bench) -> None:
    source = load(bench)
    bench.merge()
    for _ in range(3):
        source.run(2)
        bench.landing.changes(list(chain.from_iterable(source.sent)))
        source.sent.clear()
        bench.merge()
    with bench.rt.begin(bench.actor) as uow:
        assert len(uow.rows("SELECT * FROM lineage_run")) == 1
        told = edges(uow, RAW)
    assert ("pergamon://staging/landing/hda/patients/", "a", "a") in told
    assert ("pergamon://staging/landing/hda/patients/", "_position", "_position") in told


def test_a_history_tells_its_own_columns_too(bench: Bench) -> None:
    load(bench)
    bench.merge(HISTORY)
    with bench.rt.begin(bench.actor) as uow:
        told = {(read, written) for _, read, written in edges(uow, RAW)}
    assert {("Op", "_operation"), ("_previous_key", "_previous_a"), ("value", "value")} <= told


def test_a_python_job_tells_what_it_declares(bench: Bench) -> None:
    text = 'def run(spark, clock, inputs):\n    return {"ages": inputs["curated_db.one"].selectExpr("id")}\n'
    one = JobSpec(database="curated_db", files={"one.sql": "SELECT 1 AS id"})
    run_job(bench.place, "one", one, run_id="run1", run_at=DAY)
    spec = JobSpec(kind="python", database="curated_db", files={"job.py": text}, inputs=("curated_db.one",))
    run_job(bench.place, "p", spec, run_id="run1", run_at=DAY)
    with bench.rt.begin(bench.actor) as uow:
        assert edges(uow, AGES) == {("curated_db.one", "", "")}


def test_a_commit_that_fails_tells_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lineage, pointer and trail are one unit of work: what refuses the commit takes the lineage with it."""
    run_job(
        bench.place, "one", JobSpec(database="curated_db", files={"one.sql": "SELECT 1 AS id"}), run_id="r", run_at=DAY
    )
    with bench.rt.begin(bench.actor) as uow:
        uow.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room'; END $$", ())
        uow.execute("CREATE TRIGGER refuse BEFORE INSERT ON lineage_run EXECUTE FUNCTION refuse()", ())
    spec = JobSpec(database="curated_db", files={"ages.sql": "SELECT id FROM curated_db.one"})
    with pytest.raises(Exception):  # noqa: B017 - whatever the engine says of an answer 500
        run_job(bench.place, "ages", spec, run_id="run2", run_at=DAY)
    with bench.rt.begin(bench.actor) as uow:
        assert lake.snapshot_history(uow, lake.TableId("curated_db", "ages")) == []
        assert edges(uow, AGES) == set()
        uow.execute("DROP TRIGGER refuse ON lineage_run", ())
    run_job(bench.place, "ages", spec, run_id="run2", run_at=DAY)
    with bench.rt.begin(bench.actor) as uow:
        assert edges(uow, AGES) == {("curated_db.one", "", ""), ("curated_db.one", "id", "id")}


def test_a_data_source_that_follows_the_database_makes_assets_of_what_is_written(bench: Bench) -> None:
    with bench.rt.begin(bench.actor) as uow:
        catalog.put_domain(uow, "hospital", catalog.DomainSpec.model_validate({"units": {"clinic": {}}}), {})
        catalog.put_project(uow, "heart", catalog.ProjectSpec(unit="clinic"), {})
        spec = catalog.DataSourceSpec(project="heart", databases=("raw_db",), publish_automatically=True)
        save_data_source(uow, "raw", spec, {})
    source = load(bench)
    bench.merge()
    run_job(
        bench.place, "one", JobSpec(database="curated_db", files={"one.sql": "SELECT 1 AS id"}), run_id="r", run_at=DAY
    )
    with bench.rt.begin(bench.actor) as uow:
        (document,) = catalog.search_documents(uow, catalog.asset_ids(uow))
    assert (document.name, document.is_published, document.rows) == ("raw_db.patients", True, len(source.rows))
