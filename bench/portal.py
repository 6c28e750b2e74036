"""What the benchmarks of the portal stand on: an installation of many years, served as `pergamon up` serves it, and
people who have signed in to it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path

import pyarrow as pa
from psycopg.types.json import Jsonb
from pyiceberg.catalog.rest import RestCatalog

from bench import grants
from bench.installation import OPERATOR, opened, platform_database, scratch
from bench.measure import rows_wanted
from pergamon import crawl, identity, lake, pipeline, query, replicate
from pergamon.catalog_endpoint import create_app, serve
from pergamon.deploy.kinds import KINDS, plain_spec
from pergamon.deploy.plan import comparable
from pergamon.kernel import new_secret
from pergamon.policy import Action
from pergamon.query.rights_digest import rights_digest
from pergamon.query.visible_tables import readable_table
from pergamon.runtime import Runtime, free_port
from pergamon.settings import Settings
from pergamon.store import UnitOfWork

SESSION = "__Host-pergamon-session"
WORKFLOWS, CRAWLERS, TASKS = 20, 20, 5
RUNS, QUERIES_EACH, LANDED, SET_ASIDE, EVENTS = 2_000, 20, 20_000, 1_000, 200_000
LAG_MINUTES = 2 * 24 * 60
ROWS = 1_000
PROFILES = 60
SETTLED_S = 5
"""What starts beside the first page is done by then: the engine that waits for a query, the search's index."""
RULE = {
    "rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
    "object-locator": {"schema-name": "public", "table-name": "%"},
}  # fmt: skip


def size_wanted() -> grants.Size:
    """BENCH_ASSETS (100,000) and BENCH_PEOPLE (1,000), and a grant for every tenth asset."""
    assets = rows_wanted("BENCH_ASSETS", 100_000)
    return grants.Size(grants=assets // 10, people=rows_wanted("BENCH_PEOPLE", 1_000), assets=assets)


@dataclass(frozen=True)
class Answer:
    """What came back, and how long it took until its last byte."""

    status: int
    kind: str
    body: bytes
    seconds: float


class Visitor:
    """Somebody's browser on one connection: opens pages, keeps none."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Cookie": f"{SESSION}={token}", "Accept": "text/html", "Accept-Language": "en"}

    def open(self, path: str) -> Answer:
        """A page; on a new connection where the server has closed the last one, which nobody used for long."""
        try:
            return self._opened(path)
        except (RemoteDisconnected, ConnectionError):
            self._connection.close()
            return self._opened(path)

    def _opened(self, path: str) -> Answer:
        started = time.perf_counter()
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        return Answer(answer.status, answer.getheader("Content-Type") or "", body, time.perf_counter() - started)


@dataclass(frozen=True)
class Served:
    """A filled installation that answers. sessions: a token of `admin` and of the first people."""

    size: grants.Size
    port: int
    sessions: dict[str, str]

    def visitor(self, name: str) -> Visitor:
        return Visitor(self.port, self.sessions[name])


@contextmanager
def served_portal(size: grants.Size, people: int) -> Iterator[Served]:
    """people: how many of them have signed in, beside `admin`, who may see every page."""
    with _place(size) as directory, platform_database(directory) as settings:
        with opened(settings) as runtime:
            filled = directory / "filled"
            if not filled.exists():
                _fill(runtime, size)
                filled.touch()
            with runtime.begin(OPERATOR) as uow:
                sessions = {name: _session(uow, name) for name in ("admin", *(f"n{n}" for n in range(people)))}
            runtime.searching.catch_up()
        with _web(settings) as port:
            yield Served(size, port, sessions)


@contextmanager
def _place(size: grants.Size) -> Iterator[Path]:
    """A directory that is removed afterwards; below BENCH_KEPT one that stays, and is filled the first time only."""
    kept = os.environ.get("BENCH_KEPT")
    if kept is None:
        with scratch() as directory:
            yield directory
        return
    directory = Path(kept) / f"{size.assets}-{size.people}"
    directory.mkdir(parents=True, exist_ok=True)
    yield directory


def _fill(runtime: Runtime, size: grants.Size) -> None:
    grants.fill(runtime, size)
    with runtime.begin(OPERATOR) as uow:
        _fill_rights(uow)
        _fill_what_moves(uow, size)
        _fill_what_was_said(uow, size)
        _fill_deployed(uow)
    _fill_tables(runtime)
    _fill_results(runtime, size)
    with runtime.begin(OPERATOR) as uow:
        uow.execute("ANALYZE")


def _session(uow: UnitOfWork, name: str) -> str:
    return identity.issue_token(uow, f"person:{name}", label="login", lifetime=timedelta(hours=8))


@contextmanager
def _web(settings: Settings) -> Iterator[int]:
    """The process that serves, by itself. Gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "pergamon.web", "--home", str(settings.home), "--port", str(port)]
    environment = os.environ | {"PERGAMON_DATABASE_URL": str(settings.database_url)}
    server = subprocess.Popen(command, env=environment)
    try:
        _wait_for(port, server)
        time.sleep(SETTLED_S)
        yield port
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        try:
            if Visitor(port, "").open("/healthz").status == 200:
                return
        except OSError:
            if server.poll() is not None:
                break
        time.sleep(0.1)
    raise TimeoutError("the portal did not come up")


# --- data ---


def _fill_rights(uow: UnitOfWork) -> None:
    """Everybody may query; `admin` may open every page."""
    everything = identity.PolicySpec(actions=frozenset(action.value for action in Action))
    queries = identity.PolicySpec(actions=frozenset({"query.run"}))
    for name, policy in (("researcher", queries), ("admin", everything)):
        identity.put_policy(uow, name, policy, {})
        identity.put_role(uow, name, identity.RoleSpec(policies=frozenset({name})), {})
    spec = identity.PrincipalSpec(kind="person", display_name="Admin", roles=frozenset({"admin", "researcher"}))
    identity.put_principal(uow, "person:admin", spec, {})
    uow.execute(
        "INSERT INTO membership (principal_id, role) SELECT id, 'researcher' FROM principal WHERE id LIKE 'person:n%%'"
    )
    query.put_workgroup(uow, "default", query.WorkgroupSpec(users=frozenset({"researcher"})), {})


def _fill_what_moves(uow: UnitOfWork, size: grants.Size) -> None:
    """Workflows that ran, tasks that lagged, files that landed or were set aside."""
    step = pipeline.StepSpec(job="job")
    for n in range(WORKFLOWS):
        pipeline.put_workflow(uow, f"w{n}", pipeline.WorkflowSpec(steps=(step,), schedule="0 3 * * *"), {})
        crawler = crawl.CrawlerSpec(bucket=f"bucket{n % grants.UNITS}", prefixes=(f"p{n}/up",), database=f"db{n}")
        crawl.put_crawler(uow, f"c{n}", crawler, {})
    for n in range(TASKS):
        spec = {"source": {"conninfo": "{{secret:his}}"}, "rules": [RULE]}
        replicate.put_replication_task(uow, f"task{n}", replicate.ReplicationTaskSpec.model_validate(spec), {})
    values = {
        "runs": RUNS, "workflows": WORKFLOWS, "landed": LANDED, "aside": SET_ASIDE, "minutes": LAG_MINUTES,
        "crawlers": CRAWLERS, "files": size.assets,
    }  # fmt: skip
    uow.execute(
        "INSERT INTO pipeline_run SELECT 'run_' || n, 'w' || n %% %(workflows)s, now(), 'schedule', "
        "CASE n %% 10 WHEN 0 THEN 'failed' ELSE 'succeeded' END, '{\"steps\": [{\"job\": \"job\"}]}', false, NULL, "
        "NULL, 'service:worker', now() - n * interval '1 hour', now() - n * interval '1 hour' + n * interval '1 second'"
        " FROM generate_series(1, %(runs)s) n",
        values,
    )
    uow.execute(
        "INSERT INTO pipeline_run_part SELECT id, 'job:' || n, 'succeeded', '{\"attempts\": 1}', requested_at, "
        "ended_at FROM pipeline_run, generate_series(1, 10) n"
    )
    uow.execute(
        "INSERT INTO replication_lag SELECT name, date_trunc('minute', now()) - n * interval '1 minute', "
        "n * 1000 %% 7777, 5 FROM replication_task, generate_series(1, %(minutes)s) n",
        values,
    )
    uow.execute(
        "INSERT INTO tracked_file SELECT 'file_' || n, 'task0', 'landing/' || n, 'public', 't' || n %% 100, 'changes', "
        "n::text, n::text, 1000, 10, '{}', CASE WHEN n <= %(aside)s THEN 'quarantined' ELSE 'merged' END, "
        "'cut off', NULL, NULL, now(), now() FROM generate_series(1, %(landed)s) n",
        values,
    )
    uow.execute(
        "INSERT INTO crawl_file (id, crawler, folder, key, state, changed_at) SELECT 'cf' || n, "
        "'c' || n %% %(crawlers)s, 'f' || n %% 1000, 'f' || n %% 1000 || '/' || n, "
        "CASE n %% 50 WHEN 0 THEN 'quarantined' ELSE 'added' END, now() FROM generate_series(1, %(files)s) n",
        values,
    )
    uow.execute(
        "INSERT INTO object_version (id, bucket, key, size_bytes, sha256, content_type, owner, created_at, is_current, "
        "is_deletion, path) SELECT 'obj_' || n, 'bucket' || n %% 10, 'p' || n %% 100 || '/f' || n / 1000 || '/' || n, "
        "1000, repeat('0', 64), 'text/csv', 'person:n0', now(), true, false, 'x' || n "
        "FROM generate_series(1, %(files)s) n",
        values,
    )


def _fill_what_was_said(uow: UnitOfWork, size: grants.Size) -> None:
    """The trail, everybody's queries, what was measured, where tables come from, and the search's feed."""
    values = {"people": size.people, "each": QUERIES_EACH, "events": EVENTS, "profiles": PROFILES}
    uow.execute(
        "INSERT INTO query_history (id, workgroup, actor, status, submitted_at, started_at, deadline_at, finished_at, "
        "tables, snapshots, rows, truncated, duration_ms, sql_sha256, sql_text) SELECT 'query_' || p || '_' || n, "
        "'default', 'person:n' || p, 'done', now() - n * interval '1 day', now(), now(), now(), '{}', '{}', 10, false, "
        "12, '0', 'SELECT ' || n || ' FROM p0_sub.t1' FROM generate_series(0, %(people)s - 1) p, "
        "generate_series(1, %(each)s) n",
        values,
    )
    uow.execute(
        "INSERT INTO query_saved SELECT 'person:n0', 'text-' || n, NULL, 'SELECT ' || n || ' FROM p0_sub.t1', now() "
        "FROM generate_series(1, %(each)s) n",
        values,
    )
    uow.execute(
        "INSERT INTO audit_event (id, at, actor, code, subject, facts) SELECT 'evt_' || lpad(n::text, 32, '0'), "
        "now() - n * interval '1 minute', 'person:n' || n %% %(people)s, 'query.finished', 'query:query_' || n, '{}' "
        "FROM generate_series(1, %(events)s) n",
        values,
    )
    uow.execute(
        "INSERT INTO quality_profile (id, database, name, state, at, row_count, score, dimensions, duration_ms) "
        "SELECT 'prof_' || n || '_' || a.id, a.table_database, a.table_name, 'done', now() - n * interval '1 day', "
        "1000, 0.5 + n / 200.0, '{\"completeness\": 0.9}', 12 FROM generate_series(1, %(profiles)s) n, "
        "(SELECT * FROM catalog_asset ORDER BY id LIMIT 500) a",
        values,
    )
    uow.execute(
        "INSERT INTO lineage_dataset (namespace, name) SELECT 'pergamon', database || '.' || name FROM lake_table "
        "ORDER BY key"
    )
    uow.execute(
        "INSERT INTO lineage_edge SELECT one.id, '', two.id, '', 'job ' || one.id, 'job', 'platform', 'run_1', now(), "
        "now() FROM lineage_dataset one JOIN lineage_dataset two ON two.id IN (one.id + 1, one.id + 7)"
    )
    uow.execute("INSERT INTO catalog_change (asset_id) SELECT id FROM catalog_asset")


def _fill_deployed(uow: UnitOfWork) -> None:
    """All that is in force came with one deployment; every fiftieth part was changed since."""
    uow.execute("INSERT INTO deployment VALUES ('hospital/d/prod', '0', now(), 'operator:bench')")
    parts = [(kind.name, name, spec) for kind in KINDS.values() for name, spec in kind.read(uow).items()]
    copying = "COPY deployment_resource (kind, name, deployment_id, module, tags, spec, deployed_at) FROM STDIN"
    with uow.connection.cursor().copy(copying) as copy:
        for kind, name, spec in parts:
            deployed = Jsonb(comparable(plain_spec(spec)))
            copy.write_row((kind, name, "hospital/d/prod", "d/prod/all", Jsonb({}), deployed, uow.now))
    uow.execute("UPDATE principal SET display_name = display_name || ' changed' WHERE id LIKE 'person:n%%50'")


def _fill_tables(runtime: Runtime) -> None:
    """Each table that is granted has the same thousand rows: one file of data, and a file of metadata of its own."""
    columns = {f"c{n}": grants.TYPES[n % len(grants.TYPES)] for n in range(1, grants.COLUMNS + 1)}
    rows = pa.table({name: _values(kind) for name, kind in columns.items()})
    original, token = lake.TableId("db0", "original"), new_secret()
    with runtime.begin(OPERATOR) as uow:
        lake.create_table(uow, runtime.settings.lake, original, rows.schema)
        lease = lake.open_lease(uow, original, "load", {})
    with serve(create_app(runtime, token=token, on_commit=lake.no_hook)) as endpoint:
        RestCatalog("lake", uri=endpoint.uri, token=token).load_table(lease.alias).append(rows)
    folder = runtime.settings.lake / "bucket0" / "metadata"
    folder.mkdir(parents=True)
    with runtime.begin(OPERATOR) as uow:
        assert lake.close_lease(uow, lease.id).committed
        text = Path(lake.read_table(uow, original).metadata_location.removeprefix("file://")).read_text()
        for row in uow.rows("SELECT DISTINCT lake_table FROM access_grant"):
            (folder / f"{row['lake_table']}.metadata.json").write_text(text)
        uow.execute(
            "UPDATE lake_table SET metadata_location = %s || database || '.' || name || '.metadata.json' "
            "WHERE database || '.' || name IN (SELECT lake_table FROM access_grant)",
            (f"file://{folder}/",),
        )


def _values(kind: str) -> pa.Array:
    """Of one of `grants.TYPES`."""
    numbers = range(ROWS)
    match kind:
        case "string":
            return pa.array([("north", "south")[n % 2] for n in numbers])
        case "date":
            return pa.array([date(2020, 1, 1) + timedelta(days=n) for n in numbers])
        case "double":
            return pa.array([n / 7 for n in numbers], pa.float64())
        case _:
            return pa.array(numbers, pa.int32() if kind == "int" else pa.int64())


def _fill_results(runtime: Runtime, size: grants.Size) -> None:
    """What the first person's queries gave is kept."""
    with runtime.begin(OPERATOR) as uow:
        actor = identity.principal_actor(uow, "person:n0")
    table = query.TableName("p0_sub", f"t{grants.granted_asset(size, 0, 0)}")
    rows = runtime.run_query(actor, f"SELECT * FROM {table}").table
    with runtime.begin(actor) as uow:
        digest = rights_digest(readable_table(uow, runtime.query_catalog, table).rights)
    with runtime.begin(OPERATOR) as uow:
        for n in range(1, QUERIES_EACH + 1):
            runtime.result_area.keep("default", f"query_0_{n}", rows)
        uow.execute(
            "UPDATE query_history SET rows = %s, rights = %s, result_until = now() + interval '30 days' "
            "WHERE actor = 'person:n0' AND id LIKE 'query_0_%%'",
            (rows.num_rows, Jsonb({str(table): digest})),
        )
