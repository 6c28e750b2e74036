"""What does governed SQL cost, against plain DuckDB on the same files: a first query, a small one, a heavy one?

Contenders for each statement: governed (parsed and checked in a confined process, policy asked, recorded in the trail,
run by a sandboxed DuckDB process of its own over the Iceberg table, its Arrow answer validated), first alone and then
with an engine that waits; plain DuckDB in a process of ours with `read_parquet` over the same files, nothing checked.

Data: a table of 5 million rows of 4 columns. Statements: a look-up of one row; an aggregate over every row with a
distinct count. Checked: governed and plain return the same rows. Command: `python -m bench query` (`BENCH_ROWS`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from pyiceberg.catalog.rest import RestCatalog

from bench.installation import OPERATOR, opened, platform_database, scratch
from bench.measure import Measured, Steps, measure_prepared, measure_warm, report, rows_wanted
from pergamon import identity, lake, query
from pergamon.catalog_endpoint import create_app, serve
from pergamon.kernel import Actor, new_secret
from pergamon.settings import Settings

TABLE = lake.TableId("curated_db", "readings")
STATEMENTS = {
    "small": "SELECT id, code, value FROM {table} WHERE id = 4242",
    "heavy": "SELECT code, count(*) AS n, count(DISTINCT patient) AS patients, sum(value)::bigint AS total "
    "FROM {table} GROUP BY code ORDER BY code",
}


def main() -> None:
    rows = rows_wanted("BENCH_ROWS", 5_000_000)
    with scratch() as directory, platform_database(directory) as settings:
        actor, files = _prepare(settings, rows)
        for name, statement in STATEMENTS.items():
            plain = measure_warm(f"{name}: plain DuckDB", lambda s=statement: _plain(files, s))
            warm = measure_warm(f"{name}: governed", lambda s=statement: _governed(settings, actor, s))
            contenders = [*warm, *plain]
            if name == "small":
                contenders.insert(0, _cold(settings, actor, statement))
            assert all(found.result == plain[0].result for found in contenders), "governed and plain differ"
            shown = [replace(found, result=len(found.result)) for found in contenders]
            report("query", shown, plain[0].name, {"rows": rows, "statement": statement})


def _cold(settings: Settings, actor: Actor, statement: str) -> Measured:
    """No engine waits: the process that parses and the one that runs are started first."""
    return measure_prepared("small: governed, the first", lambda: _governed(settings, actor, statement))


@contextmanager
def _governed(settings: Settings, actor: Actor, statement: str) -> Iterator[Steps]:
    sql = statement.format(table=TABLE)
    with opened(settings) as runtime:
        yield Steps(lambda: _rows(runtime.run_query(actor, sql).table))


@contextmanager
def _plain(files: list[Path], statement: str) -> Iterator[Steps]:
    sql = statement.format(table=f"read_parquet({[str(file) for file in files]})")
    with duckdb.connect() as connection:
        yield Steps(lambda: _rows(connection.execute(sql).to_arrow_table()))


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    return table.to_pylist()


def _prepare(settings: Settings, rows: int) -> tuple[Actor, list[Path]]:
    """A table, somebody who may read it, and its files."""
    random = np.random.default_rng(42)
    data = pa.table(
        {
            "id": np.arange(rows),
            "patient": random.integers(0, 100_000, rows),
            "code": pa.array([f"code-{n}" for n in range(97)]).take(pa.array(random.integers(0, 97, rows))),
            "value": random.integers(0, 1000, rows),
        }
    )
    token = new_secret()
    with opened(settings) as runtime:
        with runtime.begin(OPERATOR) as uow:
            rules = (lake.AccessRuleSpec(prefix="data", ReadRoles=("data-user",)),)
            lake.put_bucket(uow, "curated", lake.BucketSpec(access_rules=rules))
            lake.put_database(uow, TABLE.database, lake.DatabaseSpec(bucket="curated", prefix="data"))
            identity.put_policy(uow, "run", identity.PolicySpec(actions=frozenset({"query.run"})), {})
            identity.put_role(uow, "data-user", identity.RoleSpec(policies=frozenset({"run"})), {})
            query.put_workgroup(uow, "default", query.WorkgroupSpec(users=frozenset({"data-user"})), {})
            person = identity.PrincipalSpec(kind="person", display_name="Ada", roles=frozenset({"data-user"}))
            identity.put_principal(uow, "person:ada", person, {})
            lake.create_table(uow, settings.lake, TABLE, data.schema)
            lease = lake.open_lease(uow, TABLE, "load", {})
        with serve(create_app(runtime, token=token)) as endpoint:
            RestCatalog("lake", uri=endpoint.uri, token=token).load_table(lease.alias).append(data)
        with runtime.begin(OPERATOR) as uow:
            assert lake.close_lease(uow, lease.id).committed
            location = lake.read_table(uow, TABLE).location
            actor = identity.principal_actor(uow, "person:ada")
    return actor, sorted(Path(location.removeprefix("file://"), "data").rglob("*.parquet"))
