"""A replication task from a real source into a real installation."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pergamon import deploy, replicate
from pergamon.kernel import Actor
from pergamon.runtime import Runtime
from tests.reference.landing_replay import landed_rows, replay
from tests.source_database import SourceDatabase, source_database, source_server

__all__ = ["source_database", "source_server"]

EVERYTHING = {
    "rule-type": "selection",
    "rule-id": "1",
    "rule-name": "everything",
    "object-locator": {"schema-name": "hda", "table-name": "%"},
    "rule-action": "include",
}


@dataclass(frozen=True)
class Replication:
    """One task called `hospital`."""

    rt: Runtime
    operator: Actor
    source: SourceDatabase

    def deploy(self, *rules: dict[str, Any], **spec: Any) -> None:
        source = replicate.SourceSpec(conninfo="{{secret:source}}")
        spec.setdefault("max_batch_interval_s", 0.1)
        with self.rt.begin(self.operator) as uow:
            replicate.put_replication_task(
                uow,
                "hospital",
                replicate.ReplicationTaskSpec(source=source, rules=rules or (EVERYTHING,), **spec),
                {},
            )

    def run(
        self, *, until_caught_up: bool = True, reload: bool = False, should_stop: Callable[[], bool] = lambda: False
    ) -> replicate.RunOutcome:
        return self.rt.run_replication(
            self.operator, "hospital", until_caught_up=until_caught_up, reload=reload, should_stop=should_stop
        )

    def status(self) -> replicate.TaskStatus:
        with self.rt.begin(self.operator) as uow:
            return replicate.status_of_tasks(uow)[0]

    @property
    def landing(self) -> Path:
        return self.rt.settings.lake / "staging" / "landing"

    def landed(self, table: str, schema: str = "hda") -> list[dict[str, Any]]:
        return landed_rows(self.landing / schema / table)

    def changes(self, table: str) -> list[dict[str, Any]]:
        return [row for row in self.landed(table) if not row["_position"].endswith(".0000000000")]

    def replayed(self, table: str, key: str = "id") -> dict[Any, dict[str, Any]]:
        return replay(self.landing / "hda" / table, key)

    def manifests(self, table: str) -> list[dict[str, Any]]:
        found = [json.loads(path.read_text()) for path in (self.landing / "hda" / table).rglob("*.manifest.json")]
        return sorted(found, key=lambda manifest: manifest["position"]["first"])

    def registered(self) -> list[str]:
        with self.rt.begin(self.operator) as uow:
            return [row["path"] for row in uow.rows("SELECT path FROM tracked_file ORDER BY path")]

    def schema_of(self, manifest: dict[str, Any]) -> Sequence[str]:
        return pq.read_schema(self.landing / manifest["path"]).names


@pytest.fixture
def replication(rt: Runtime, operator: Actor, source_database: SourceDatabase) -> Replication:
    deploy.keep_secret(rt.settings, "source", source_database.conninfo)
    source_database.execute("CREATE SCHEMA hda")
    return Replication(rt, operator, source_database)
