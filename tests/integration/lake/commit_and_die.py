"""A process of its own, started by `test_a_commit_killed_anywhere`: commits a row, and dies where it is told."""

import os
import signal
import sys
from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.table import Table

import pergamon.lake.commit
import pergamon.lake.named_files
from pergamon import lake
from pergamon.kernel import Actor, ActorKind
from pergamon.lake import tables
from pergamon.lake.metadata import file_io
from pergamon.runtime import open_runtime
from pergamon.settings import Settings
from pergamon.store import UnitOfWork

ACTOR = Actor(id="service:worker", kind=ActorKind.SERVICE)


class Kept(NoopCatalog):
    """Keeps what a commit would have sent."""

    updates: tuple[object, ...] = ()

    def commit_table(self, table: object, requirements: object, updates: tuple[object, ...]) -> None:  # type: ignore[override]
        self.updates = updates
        raise KeyboardInterrupt


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def write(record: lake.TableRecord) -> tuple[object, ...]:
    catalog = Kept("kept")
    metadata = lake.read_metadata(record.metadata_location)
    table = Table((record.id.database, record.id.name), metadata, record.metadata_location, file_io(), catalog)
    try:
        table.append(pa.table({"id": pa.array([1], pa.int64())}))
    except KeyboardInterrupt:
        return catalog.updates
    raise AssertionError("nothing was sent")


def main(point: str, conninfo: str, home: Path, lease_id: str) -> None:
    def hook(uow: UnitOfWork, lease: lake.Lease, snapshot_id: int) -> None:
        if point == "in the hook":
            die()

    if point == "between the metadata file and the pointer":
        tables.move_pointer = lambda *_: die()  # type: ignore[assignment,return-value]
    if point == "between two fsyncs":
        pergamon.lake.named_files.fsync_directory = lambda _: die()  # type: ignore[attr-defined]
    with open_runtime(Settings(home=home, database_url=conninfo)) as rt:
        with rt.begin(ACTOR) as uow:
            record = lake.read_table(uow, lake.TableId("raw_db", "patients"))
        updates = write(record)
        if point == "before the commit arrives":
            die()
        with rt.begin(ACTOR) as uow:
            planned = lake.plan_commit(uow, lease_id, "patients", updates)  # type: ignore[arg-type]
        durable = lake.make_durable(planned)
        if point == "when all is durable":
            die()
        with rt.begin(ACTOR) as uow:
            lake.finish_commit(uow, durable, hook)
            if point == "before PostgreSQL commits":
                die()
        die()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4])
