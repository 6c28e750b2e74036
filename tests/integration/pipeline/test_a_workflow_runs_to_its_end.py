"""A workflow by the command line, carried out by a real worker in its own network."""

import json
import os
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from pergamon import lake, pipeline
from pergamon.kernel import Actor
from pergamon.runtime import Runtime
from tests import prepared_processes
from tests.reference.hospital_source import Source
from tests.reference.landing import Landing


def deploy(rt: Runtime, actor: Actor) -> None:
    with rt.begin(actor) as uow:
        for bucket in ("raw", "curated"):
            lake.put_bucket(uow, bucket, lake.BucketSpec())
            lake.put_database(uow, f"{bucket}_db", lake.DatabaseSpec(bucket=bucket, prefix="data"))
        for name in ("patients", "visits"):
            spec = pipeline.RawTableSpec(
                source_schema="hda", source_table=name, target_database="raw_db", target_table=name, keys=("a", "b")
            )
            pipeline.put_raw_table(uow, name, spec, {})
        pipeline.put_batch(uow, "daily", pipeline.BatchSpec(), {})
        count = "SELECT count(*) AS n, {{run_at}} AS at FROM raw_db.patients"
        pipeline.put_job(uow, "count", pipeline.JobSpec(database="curated_db", files={"counted.sql": count}), {})
        other = "SELECT max(value) AS newest FROM raw_db.visits"
        pipeline.put_job(uow, "other", pipeline.JobSpec(database="curated_db", files={"newest.sql": other}), {})
        merge = pipeline.WorkflowSpec(steps=({"batch": "daily"},), retries=0)
        pipeline.put_workflow(uow, "file-processor", merge, {})
        side_by_side = {"parallel": [[{"job": "count"}], [{"job": "other"}]]}
        transform = pipeline.WorkflowSpec(steps=(side_by_side,), after=("file-processor",))
        pipeline.put_workflow(uow, "transformation-jobs", transform, {})


def pergamon(rt: Runtime, *words: str) -> CompletedProcess[str]:
    environment = os.environ | {"PERGAMON_DATABASE_URL": rt.settings.database_url or ""}
    return prepared_processes.run("pergamon.cli", "--home", str(rt.settings.home), *words, env=environment)


def land(rt: Runtime, table: str, seed: int) -> tuple[Landing, Source]:
    landing, source = Landing(rt.settings.lake, table=table), Source(seed, truncates=False)
    source.run(4)
    landing.load(*source.snapshot())
    source.sent.clear()
    source.run(6)
    for transaction in source.sent:
        landing.changes(transaction)
    return landing, source


def cut_in_half(landing: Landing, number: int) -> Path:
    path = sorted(landing.directory.rglob("2*.parquet"))[number]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def parts(run: dict[str, Any]) -> dict[str, str]:
    return {part["name"]: part["state"] for part in run["parts"]}


def test_a_run_merges_transforms_and_says_so(rt: Runtime, operator: Actor) -> None:
    deploy(rt, operator)
    land(rt, "patients", 1)
    land(rt, "visits", 2)
    done = pergamon(rt, "run", "file-processor", "--with-dependents", "--json")
    assert done.returncode == 0, done.stderr
    merge, transform = json.loads(done.stdout)
    assert parts(merge) == {"table:raw_db.patients": "succeeded", "table:raw_db.visits": "succeeded"}
    assert parts(transform) == {"job:count": "succeeded", "job:other": "succeeded"}
    assert transform["run_at"] == merge["run_at"]
    again = pergamon(rt, "run", "file-processor")
    assert again.returncode == 0
    assert again.stdout.count("nothing new") == 2


def test_a_file_cut_in_half_is_set_aside_the_other_tables_go_on_and_a_replay_finishes(
    rt: Runtime, operator: Actor
) -> None:
    deploy(rt, operator)
    land(rt, "visits", 2)
    landing, _ = land(rt, "patients", 1)
    path = sorted(landing.directory.rglob("2*.parquet"))[2]
    whole = path.read_bytes()
    cut_in_half(landing, 2)
    done = pergamon(rt, "run", "file-processor", "--with-dependents")
    assert done.returncode == 2
    assert "raw_db.patients" in done.stderr
    assert "✓ table:raw_db.visits" in done.stdout
    assert "transformation-jobs" not in done.stdout
    with rt.begin(operator) as uow:
        states = [file["state"] for file in pipeline.list_files(uow) if "patients" in file["path"]]
        (bad,) = [file["id"] for file in pipeline.list_files(uow, state="quarantined")]
    assert states[:4] == ["merged", "merged", "merged", "quarantined"]
    assert set(states[4:]) == {"registered"}  # nothing is applied past it
    path.write_bytes(whole)
    assert pergamon(rt, "tracker", "replay", bad).returncode == 0
    done = pergamon(rt, "run", "file-processor")
    assert done.returncode == 0, done.stdout + done.stderr
    with rt.begin(operator) as uow:
        assert {file["state"] for file in pipeline.list_files(uow)} == {"merged"}


def test_a_workflow_that_is_not_deployed_is_named(rt: Runtime) -> None:
    done = pergamon(rt, "run", "nightly")
    assert done.returncode == 4
    assert "nightly" in done.stderr


@pytest.mark.parametrize("words", [("runs",), ("tracker", "ls"), ("tracker", "ls", "--state", "merged", "--json")])
def test_what_ran_and_what_landed_can_be_listed(rt: Runtime, operator: Actor, words: tuple[str, ...]) -> None:
    deploy(rt, operator)
    done = pergamon(rt, *words)
    assert done.returncode == 0, done.stderr
