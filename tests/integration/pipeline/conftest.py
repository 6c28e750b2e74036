"""A lake with raw and curated databases, its endpoint, a real Sail, and a workplace on top of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from pergamon import lake
from pergamon.adapters.sail import RunningSail, start_sail
from pergamon.adapters.spark_connect import EngineSession, open_session
from pergamon.catalog_endpoint import create_app, serve
from pergamon.kernel import Actor, new_secret
from pergamon.pipeline import BatchSpec, RawTableSpec
from pergamon.pipeline.apply import Totals, advance_to_the_end, on_commit
from pergamon.pipeline.ports import Workplace
from pergamon.runtime import Runtime
from tests.reference.landing import Landing

STATE = RawTableSpec(
    source_schema="hda", source_table="patients", target_database="raw_db", target_table="patients", keys=("a", "b")
)
HISTORY = STATE.model_copy(update={"versioning": "H"})


@dataclass
class Bench:
    """One installation with an engine, in few words."""

    rt: Runtime
    actor: Actor
    sail: RunningSail
    session: EngineSession
    place: Workplace
    landing: Landing

    def merge(self, spec: RawTableSpec = STATE, **limits: int) -> Totals:
        return advance_to_the_end(self.place, spec, BatchSpec(**limits))

    def rows(self, table: str = "raw_db.patients") -> list[dict[str, Any]]:
        return self.session.sql_to_arrow(f"SELECT * FROM {table}").to_pylist()

    def state(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        found = [{name: value for name, value in row.items() if name[0] != "_"} for row in self.rows()]
        by_key = {(row["a"], row["b"]): row for row in found}
        assert len(by_key) == len(found), "two rows with one key"
        return by_key

    def told(self) -> list[tuple[str, str, dict[str, Any]]]:
        found = sorted(self.rows(), key=lambda row: row["_position"])
        plain = [{name: value for name, value in row.items() if name[0] != "_"} for row in found]
        return [(row["_operation"], row["_position"], told) for row, told in zip(found, plain, strict=True)]

    def file_states(self) -> list[str]:
        with self.rt.begin(self.actor) as uow:
            rows = uow.rows("SELECT state FROM tracked_file ORDER BY first_position, path")
        return [row["state"] for row in rows]

    def files(self, state: str) -> list[str]:
        with self.rt.begin(self.actor) as uow:
            return [row["id"] for row in uow.rows("SELECT id FROM tracked_file WHERE state = %s", (state,))]


@pytest.fixture
def bench(rt: Runtime, operator: Actor) -> Iterator[Bench]:
    with rt.begin(operator) as uow:
        for bucket in ("raw", "curated"):
            lake.put_bucket(uow, bucket, lake.BucketSpec())
            lake.put_database(uow, f"{bucket}_db", lake.DatabaseSpec(bucket=bucket, prefix="data"))
    home, token = rt.settings.home, new_secret()
    with (
        serve(create_app(rt, token=token, on_commit=on_commit)) as endpoint,
        start_sail(endpoint.uri, token, logs=home / "logs", spill=home / "spill") as sail,
        open_session(sail.remote, logs=home / "logs", timeout_s=60) as session,
    ):

        @contextmanager
        def engine() -> Iterator[EngineSession]:
            with open_session(sail.remote, logs=home / "logs", timeout_s=60) as own:
                yield own

        place = Workplace(
            begin=lambda: rt.begin(operator),
            engine=engine,
            lake_root=rt.settings.lake,
            scratch=home / "scratch",
            worker="w1",
        )
        yield Bench(rt, operator, sail, session, place, Landing(rt.settings.lake))
