"""What the benchmarks of the portal stand on: an installation of many years, served as `pergamon up` serves it, and
people who have signed in to it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path

import pyarrow as pa

from bench import grants
from bench.installation import OPERATOR, opened, platform_database, scratch
from bench.measure import rows_wanted
from pergamon import crawl, identity, lake, pipeline, query, replicate
from pergamon.policy import Action
from pergamon.runtime import Runtime, free_port
from pergamon.settings import Settings
from pergamon.store import UnitOfWork

SESSION = "__Host-pergamon-session"
WORKFLOWS, CRAWLERS, TASKS = 20, 20, 5
RUNS, QUERIES_EACH, LANDED, SET_ASIDE, EVENTS = 2_000, 20, 20_000, 1_000, 200_000
LAG_MINUTES = 2 * 24 * 60
PROFILES = 60
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
    with scratch() as directory, platform_database(directory) as settings:
        with opened(settings) as runtime:
            grants.fill(runtime, size)
            with runtime.begin(OPERATOR) as uow:
                _fill_rights(uow)
                _fill_what_moves(uow, size)
                _fill_what_was_said(uow, size)
            _make_metadata(runtime, directory)
            with runtime.begin(OPERATOR) as uow:
                uow.execute("ANALYZE")
                sessions = {name: _session(uow, name) for name in ("admin", *(f"n{n}" for n in range(people)))}
            runtime.searching.catch_up()
        with _web(settings) as port:
            yield Served(size, port, sessions)


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


def _make_metadata(runtime: Runtime, directory: Path) -> None:
    """Each table that is granted has a file of metadata; all have the same columns."""
    schema = pa.schema([(f"c{n}", pa.int64()) for n in range(1, grants.COLUMNS + 1)])
    with runtime.begin(OPERATOR) as uow:
        record = lake.create_table(uow, runtime.settings.lake, lake.TableId("db0", "original"), schema)
        text = Path(record.metadata_location.removeprefix("file://")).read_text()
        folder = directory / "metadata"
        folder.mkdir()
        for row in uow.rows("SELECT DISTINCT lake_table FROM access_grant"):
            (folder / f"{row['lake_table']}.metadata.json").write_text(text)
        uow.execute(
            "UPDATE lake_table SET metadata_location = %s || database || '.' || name || '.metadata.json' "
            "WHERE database || '.' || name IN (SELECT lake_table FROM access_grant)",
            (f"file://{folder}/",),
        )
