"""A real Sail, and a way to run one of the kit's jobs on raw tables given as rows."""

import re
import secrets
import sys
import warnings
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pysail.spark import SparkConnectServer

from pergamon.pipeline.jobs import render
from tests.reference.raw_tables import JobTable, Raw, RunJob, as_arrow

JOBS = files("pergamon.starter_kits").joinpath("health-data-accelerator", "dataops", "jobs")


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """A Spark Connect session on a Sail of this process; closed before its server, or the client waits for ever."""
    main = sys.modules["__main__"]
    if not hasattr(main, "__file__"):  # a test worker: PySpark takes a program without a file for a doctest, and exits
        main.__file__ = __file__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PySpark on pandas 3
        from pyspark.sql import SparkSession

        server = SparkConnectServer("127.0.0.1", 0)
        server.start(background=True)
        assert server.listening_address
        session = SparkSession.builder.remote(f"sc://127.0.0.1:{server.listening_address[1]}").getOrCreate()
        session.conf.set("spark.sql.session.timeZone", "UTC")
        yield session
        session.stop()
        server.stop()


@pytest.fixture
def job_table(spark: Any, tmp_path: Path) -> JobTable:
    """Run one job file over these raw rows at this clock; its table."""

    def run(name: str, raw: Raw, run_at: datetime) -> pa.Table:
        text = JOBS.joinpath(*name.split("/")).read_text()
        directory = tmp_path / secrets.token_hex(4)
        spark.sql("CREATE DATABASE IF NOT EXISTS raw_db").collect()
        for table in sorted(set(re.findall(r"\braw_db\.(\w+)", text))):
            (directory / table).mkdir(parents=True)
            pq.write_table(as_arrow(table, raw[table]), directory / table / "part-0.parquet")
            spark.sql(f"DROP TABLE IF EXISTS raw_db.{table}").collect()
            spark.sql(f"CREATE TABLE raw_db.{table} USING parquet LOCATION '{directory / table}'").collect()
        query = render(text, run_at)
        rows = f"SELECT * FROM ({query}\n)"  # as the pipeline wraps it
        return spark.sql(f"SELECT * FROM ({rows})").toArrow()

    return run


@pytest.fixture
def run_job(job_table: JobTable) -> RunJob:
    """Run one job file over these raw rows at this clock; its rows, as dictionaries."""
    return lambda name, raw, run_at: list(job_table(name, raw, run_at).to_pylist())
