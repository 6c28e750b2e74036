"""A lake with one table, its endpoint on a real port, and a real Sail that writes through it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.concurrency import run_in_threadpool
from pyiceberg.catalog.rest import RestCatalog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pergamon import lake
from pergamon.adapters.sail import RunningSail, start_sail
from pergamon.adapters.spark_connect import EngineSession, open_session
from pergamon.catalog_endpoint import RunningEndpoint, create_app, serve
from pergamon.kernel import Actor, new_secret
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork

PATIENTS = lake.TableId("raw_db", "patients")
COLUMNS = pa.schema([("id", pa.int64()), ("region", pa.string()), ("name", pa.string())])


@dataclass
class Lake:
    """A lake under test: what a worker does, in few words."""

    rt: Runtime
    actor: Actor
    hook: Callable[[], None] | None = None

    def open(self, table: lake.TableId = PATIENTS, **facts: object) -> lake.Lease:
        with self.rt.begin(self.actor) as uow:
            return lake.open_lease(uow, table, "merge", facts)

    def close(self, lease: lake.Lease) -> lake.LeaseOutcome:
        with self.rt.begin(self.actor) as uow:
            return lake.close_lease(uow, lease.id)

    def files(self, table: lake.TableId = PATIENTS) -> lake.TableFiles:
        with self.rt.begin(self.actor) as uow:
            return lake.table_files(uow, table)

    def history(self, table: lake.TableId = PATIENTS) -> list[lake.SnapshotRecord]:
        with self.rt.begin(self.actor) as uow:
            return lake.snapshot_history(uow, table)

    def on_commit(self, uow: UnitOfWork, lease: lake.Lease, snapshot_id: int) -> None:
        """Stands for the pipeline's hook: marks in a table of its own, in the same unit of work."""
        uow.execute("INSERT INTO marked (lease, snapshot_id) VALUES (%s, %s)", (lease.id, snapshot_id))
        if self.hook is not None:
            self.hook()

    def marks(self) -> list[str]:
        with self.rt.begin(self.actor) as uow:
            return [row["lease"] for row in uow.rows("SELECT lease FROM marked ORDER BY lease")]


@dataclass(frozen=True)
class Engine:
    """Sail with one session, and where it writes its changes from."""

    lake: Lake
    sail: RunningSail
    session: EngineSession
    directory: Path

    def parquet(self, name: str, rows: pa.Table) -> str:
        path = self.directory / f"{name}.parquet"
        pq.write_table(rows, path)
        return f"parquet.`{path}`"

    def insert(self, lease: lake.Lease, *ids: int) -> None:
        values = ", ".join(f"({number}, 'north', 'patient {number}')" for number in ids)
        self.session.execute_sql(f"INSERT INTO {lease.alias} VALUES {values}")

    def ids(self, table: str = "raw_db.patients") -> list[int]:
        return self.session.sql_to_arrow(f"SELECT id FROM {table} ORDER BY id")["id"].to_pylist()


@pytest.fixture
def world(rt: Runtime, operator: Actor) -> Lake:
    with rt.begin(operator) as uow:
        uow.execute("CREATE TABLE marked (lease text PRIMARY KEY, snapshot_id bigint NOT NULL)")
        for bucket in ("raw", "curated"):
            lake.put_bucket(uow, bucket, lake.BucketSpec())
            lake.put_database(uow, f"{bucket}_db", lake.DatabaseSpec(bucket=bucket, prefix="data"))
        lake.create_table(uow, rt.settings.lake, PATIENTS, COLUMNS)
    return Lake(rt, operator)


@pytest.fixture
def token() -> str:
    return new_secret()


class Wire:
    """The wire between engine and endpoint, which a test may cut, or hold while something else happens."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.before_commit: Callable[[], None] | None = None
        self.lose_request = False
        self.lose_answer = False
        self.hold_answer = False
        self.statuses: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        if self.before_commit is not None:
            happening, self.before_commit = self.before_commit, None
            await run_in_threadpool(happening)
        if self.lose_request:
            send.__self__.transport.abort()  # type: ignore[attr-defined]  # uvicorn's own end of the connection
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.statuses.append(message["status"])
            if not (self.lose_answer or self.hold_answer):
                await send(message)

        await self.app(scope, receive, answer)
        if self.hold_answer:
            await asyncio.sleep(3600)
        if self.lose_answer:
            send.__self__.transport.abort()  # type: ignore[attr-defined]


@pytest.fixture
def wire(world: Lake, token: str) -> Wire:
    return Wire(create_app(world.rt, token=token, on_commit=world.on_commit))


@pytest.fixture
def endpoint(wire: Wire) -> Iterator[RunningEndpoint]:
    with serve(wire) as running:
        yield running


@pytest.fixture
def iceberg(endpoint: RunningEndpoint, token: str) -> RestCatalog:
    """PyIceberg, as a second engine; it never retries a commit by itself here."""
    return RestCatalog("lake", uri=endpoint.uri, token=token)


@contextmanager
def engine_at(world: Lake, endpoint: RunningEndpoint, token: str) -> Iterator[Engine]:
    home = world.rt.settings.home
    with (
        start_sail(endpoint.uri, token, logs=home / "logs", spill=home / "spill") as sail,
        open_session(sail.remote, logs=home / "logs", timeout_s=60, is_alive=sail.is_alive) as session,
    ):
        directory = home / "changes"
        directory.mkdir(exist_ok=True)
        yield Engine(world, sail, session, directory)


@pytest.fixture
def engine(world: Lake, endpoint: RunningEndpoint, token: str) -> Iterator[Engine]:
    with engine_at(world, endpoint, token) as running:
        yield running
