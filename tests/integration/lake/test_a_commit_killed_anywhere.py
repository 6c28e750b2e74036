"""kill -9 of the process that commits, at every boundary: the lease tells the truth, and the next writer goes on."""

import os
import signal

import pyarrow as pa
import pytest

from pergamon import lake
from pergamon.kernel import Actor
from pergamon.runtime import Runtime
from tests import prepared_processes
from tests.integration.lake.commit_and_die import write

TABLE = lake.TableId("raw_db", "patients")
POINTS = {
    "before the commit arrives": False,
    "between two fsyncs": False,
    "when all is durable": False,
    "between the metadata file and the pointer": False,
    "in the hook": False,
    "before PostgreSQL commits": False,
    "after PostgreSQL committed": True,
}
"""Where the process dies, and whether the commit then stands."""


@pytest.mark.parametrize("point", POINTS)
def test_a_commit_that_is_killed_stands_whole_or_not_at_all(
    rt: Runtime, operator: Actor, postgres_url: str, point: str
) -> None:
    with rt.begin(operator) as uow:
        lake.put_bucket(uow, "raw", lake.BucketSpec())
        lake.put_database(uow, "raw_db", lake.DatabaseSpec(bucket="raw", prefix="data"))
        lake.create_table(uow, rt.settings.lake, TABLE, pa.schema([("id", pa.int64())]))
    with rt.begin(operator) as uow:
        lease = lake.open_lease(uow, TABLE, "merge")

    assert commit_and_die(rt, postgres_url, lease, point) == -signal.SIGKILL
    with rt.begin(operator) as uow:
        assert lake.close_lease(uow, lease.id).committed is POINTS[point]
        assert count_rows(lake.table_files(uow, TABLE)) == int(POINTS[point])
        events = uow.rows("SELECT 1 FROM audit_event WHERE code = 'lake.lease_committed'")
        assert len(events) == int(POINTS[point])

    with rt.begin(operator) as uow:
        again = lake.open_lease(uow, TABLE, "merge")
        updates = write(lake.read_table(uow, TABLE))
        planned = lake.plan_commit(uow, again.id, TABLE.name, updates)  # type: ignore[arg-type]
    durable = lake.make_durable(planned)
    with rt.begin(operator) as uow:
        lake.finish_commit(uow, durable, lake.no_hook)
    with rt.begin(operator) as uow:
        assert lake.close_lease(uow, again.id).committed
        assert count_rows(lake.table_files(uow, TABLE)) == 1 + int(POINTS[point])


def commit_and_die(rt: Runtime, conninfo: str, lease: lake.Lease, point: str) -> int:
    words = (point, conninfo, str(rt.settings.home), lease.id)
    done = prepared_processes.run("tests.integration.lake.commit_and_die", *words, env=os.environ)
    assert done.returncode < 0, done.stderr
    return done.returncode


def count_rows(files: lake.TableFiles) -> int:
    return sum(file.rows for file in files.data)
