"""Joins rooms to adapters, and owns every transaction.

Entry points call a room's verb inside `begin`; what the verb recorded goes into the trail in the same transaction
(law 2); a refusal rolls the work back and is recorded in a transaction of its own.

Most commands need few rooms and no engine: the larger rooms are imported by the first who asks for them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from pergamon import audit, identity
from pergamon.adapters.database_relay import (
    DatabaseBeyondReach,
    HostRelay,
    database_address,
    relay_to_database,
    relay_to_socket,
    through_relay,
)
from pergamon.adapters.embedded_postgres import EmbeddedPostgres, free_port
from pergamon.adapters.network_namespace import is_isolated, launch_module
from pergamon.kernel import (
    Actor,
    ActorKind,
    Clock,
    Decision,
    LoadedWhenUsed,
    PergamonError,
    SystemClock,
    make_durable_directory,
    require,
    size_text,
    tell_incident,
)
from pergamon.policy import Action, Resource, decide
from pergamon.settings import Settings
from pergamon.store import Bell, Store, UnitOfWork, apply_migrations, require_conninfo

if TYPE_CHECKING:
    from pergamon import catalog, crawl, deploy, keys, objects, pipeline, quality, query, replicate, search
    from pergamon.adapters import (
        confined_reader,
        duckdb_sandbox,
        kept_engine,
        postgres_inspect,
        postgres_source,
        profile_engine,
    )
else:
    catalog = LoadedWhenUsed("pergamon.catalog")
    crawl = LoadedWhenUsed("pergamon.crawl")
    deploy = LoadedWhenUsed("pergamon.deploy")
    keys = LoadedWhenUsed("pergamon.keys")
    objects = LoadedWhenUsed("pergamon.objects")
    pipeline = LoadedWhenUsed("pergamon.pipeline")
    quality = LoadedWhenUsed("pergamon.quality")
    query = LoadedWhenUsed("pergamon.query")
    replicate = LoadedWhenUsed("pergamon.replicate")
    search = LoadedWhenUsed("pergamon.search")
    confined_reader = LoadedWhenUsed("pergamon.adapters.confined_reader")
    duckdb_sandbox = LoadedWhenUsed("pergamon.adapters.duckdb_sandbox")
    kept_engine = LoadedWhenUsed("pergamon.adapters.kept_engine")
    postgres_inspect = LoadedWhenUsed("pergamon.adapters.postgres_inspect")
    postgres_source = LoadedWhenUsed("pergamon.adapters.postgres_source")
    profile_engine = LoadedWhenUsed("pergamon.adapters.profile_engine")

TRAIL = Resource("trail", "main")
AWAITED = frozenset({"objects.put", "objects.removed", "objects.destroyed", "objects.tagged", "pipeline.run_requested"})
"""Events for which a worker waits: it is woken as soon as they are committed."""


LATE_ENTRIES = 1_000
"""So many unsigned entries are more than a second's worth: the sequencer does not run."""


@dataclass(frozen=True)
class Component:
    """A part of the installation.

    state: `good`, `warn`, `bad`. told: what there is to say of it. figures: the numbers in that, as they are.
    """

    kind: str
    name: str
    state: str
    told: str
    figures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Runtime:
    """One installation, opened. Thread-safe."""

    settings: Settings
    store: Store
    clock: Clock = field(default_factory=SystemClock)

    @contextmanager
    def begin(self, actor: Actor) -> Iterator[UnitOfWork]:
        """One unit of work: committed with its events when the block ends; when it raises, nothing happened.

        A refusal (an error that carries a decision) is recorded as a denial before it goes on to the caller.
        """
        try:
            with self.store.transaction() as connection:
                uow = UnitOfWork(connection, actor, self.clock.now())
                yield uow
                is_awaited = any(event.code in AWAITED for event in uow.events)
                audit.record_events(uow)
        except PergamonError as error:
            if error.decision is not None and not error.decision.allowed:
                self._record_denial(actor, error.decision)
            raise
        if is_awaited:
            self.store.ring()

    def operator(self) -> Actor:
        """The service user at this host's command line (law 10)."""
        return Actor(id=f"operator:{_user_name()}", kind=ActorKind.OPERATOR)

    def service(self, name: str) -> Actor:
        """A part of the platform itself (`worker`, `sequencer`), for what it does unasked."""
        return Actor(id=f"service:{name}", kind=ActorKind.SERVICE)

    def operator_as(self, principal_id: str) -> Actor:
        """The operator acting as a person, where a role allows it, on the record."""
        with self.begin(self.operator()) as uow:
            return identity.operator_as(uow, principal_id)

    def authenticate(self, token: str) -> Actor:
        """The actor of a bearer token; raises `identity.Unauthenticated`."""
        with self.begin(self.service("web")) as uow:
            return identity.authenticate_token(uow, token)

    @cached_property
    def login_turns(self) -> identity.LoginTurns:
        """How many passwords are compared at once in this process."""
        return identity.LoginTurns()

    def log_in(self, person: str, password: str, *, previous_token: str | None = None) -> identity.Login:
        """A token for a name and a password; see `identity.log_in` for what it raises."""
        return identity.log_in(
            self.begin, self.login_turns, self.service("web"), person, password, previous_token=previous_token
        )

    def secret(self, name: str) -> str:
        """The value of `{{secret:name}}`; raises `deploy.SecretMissing`, which names every place that was tried."""
        return deploy.read_secret(self.settings, name)

    def decide(self, uow: UnitOfWork, action: Action, resource: Resource) -> Decision:
        """Ask the policy, with what the actor's roles allow at all."""
        held = identity.actions_of_roles(uow, uow.actor.roles) if uow.actor.roles else frozenset[str]()
        return decide(uow.actor, action, resource, actions=held)

    def put_object(
        self, actor: Actor, bucket: str, key: str, chunks: Iterable[bytes], **options: Unpack[objects.UploadOptions]
    ) -> objects.ObjectVersion:
        """Ask, receive, and make an object of what was received; see `objects.upload` for what it raises."""
        return objects.upload(lambda: self.begin(actor), self.settings.lake, bucket, key, chunks, **options)

    def drop_place(self) -> objects.DropPlace:
        """Where drop directories are watched from; see `objects.drop_step`."""
        return objects.DropPlace(begin=self.begin, lake_root=self.settings.lake)

    @cached_property
    def file_reader(self) -> confined_reader.LandlockedReader:
        """What looks into uploaded files where they can do no harm; made when the first one comes."""
        return confined_reader.LandlockedReader(
            lake=self.settings.lake,
            log=self.settings.logs / "file-reader.log",
            without_landlock=self.settings.without_landlock,
        )

    def crawl_place(self, worker: str) -> crawl.Place:
        """Where a worker of this name crawls."""
        actor = self.service("crawler")
        return crawl.Place(lambda: self.begin(actor), self.settings.lake, self.file_reader, worker)

    def close_file_reader(self) -> None:
        """End the process that waits for the next file, if there is one."""
        if "file_reader" in self.__dict__:
            self.file_reader.close()

    def free_contents(self) -> int:
        """Remove the contents of objects that were removed for good; see `objects.free_contents`."""
        sweeper = self.service("sweeper")
        return objects.free_contents(lambda: self.begin(sweeper))

    def sweep_contents(self) -> int:
        """Remove contents that never became objects; see `objects.sweep_contents`."""
        sweeper = self.service("sweeper")
        return objects.sweep_contents(lambda: self.begin(sweeper), self.settings.lake, now=self.clock.now())

    def expire(self) -> bool:
        """Let one batch of what has outlived its use go: versions, changes, profiles. Returns: may there be more?"""
        sweeper, more = self.service("sweeper"), False
        for let_go in (objects.expire_versions, catalog.forget_superseded_changes, quality.expire_profiles):
            with self.begin(sweeper) as uow:
                more = let_go(uow) or more
        return query.sweep_results(lambda: self.begin(sweeper), self.result_area, time.time()) or more

    @cached_property
    def query_engine(self) -> duckdb_sandbox.DuckDBSandbox:
        """The sandboxed engine of governed queries; made when the first query comes."""
        return duckdb_sandbox.DuckDBSandbox(
            lake=self.settings.lake,
            log=self.settings.logs / "query-engine.log",
            without_landlock=self.settings.without_landlock,
        )

    @cached_property
    def weak_confinement(self) -> str | None:
        """What still confines untrusted work where `without_landlock` was accepted and is needed; None: all of it."""
        if not self.settings.without_landlock:
            return None
        mode = self.query_engine.mode
        return None if "landlock" in mode.split("+") else mode

    @cached_property
    def query_catalog(self) -> query.LakeCatalog:
        """The tables that queries may name: the lake's, and those of subscriptions with their masks."""
        return query.LakeCatalog(self._mask_key)

    def _mask_key(self, uow: UnitOfWork, project: str, owner: str) -> bytes:
        """Of one owner's tables in one project, and of no others (ADR 0029)."""
        return keys.known_key(uow, self.settings.home, f"mask:{project}/{owner}")

    @cached_property
    def query_turns(self) -> query.Turns:
        """Who has how many queries under way in this process."""
        return query.Turns()

    def run_query(self, actor: Actor, sql: str, *, workgroup: str | None = None) -> query.QueryResult:
        """Run one governed query for an actor, when its turn has come; see `query.run_query` for what it raises."""
        with self.begin(actor) as uow:
            name, spec = query.usable_workgroup(uow, workgroup)
        bounds = {"most": spec.concurrency, "most_of_one": spec.concurrency_per_person}
        with self.query_turns.of(actor.id, name, **bounds):
            return query.run_query(
                lambda: self.begin(actor), self.query_catalog, self.query_engine, sql, workgroup=name
            )

    @cached_property
    def result_area(self) -> query.ResultArea:
        """Where the rows of submitted statements are kept."""
        return query.ResultArea(self.settings.home / "results")

    @cached_property
    def statement_bell(self) -> Bell:
        """Rung when a statement was submitted in this process."""
        return Bell()

    def submit_statement(self, uow: UnitOfWork, sql: str, *, workgroup: str | None = None) -> query.HistoryEntry:
        """Put a statement into the queue; see `query.submit_statement` for what it raises."""
        return query.submit_statement(uow, self.query_catalog, self.query_engine, sql, workgroup=workgroup)

    def result_page(self, actor: Actor, query_id: str, *, first_row: int = 0, limit: int = 1000) -> query.ResultPage:
        """Some rows of a statement of one's own; see `query.read_page` for what it raises."""
        return query.read_page(
            lambda: self.begin(actor), self.query_catalog, self.result_area, query_id, first_row=first_row, limit=limit
        )

    def result_file(self, actor: Actor, query_id: str, form: str) -> Iterator[bytes]:
        """The rows of a statement of one's own as a file; see `query.read_file` for what it raises."""
        return query.read_file(lambda: self.begin(actor), self.query_catalog, self.result_area, query_id, form)

    def statement_runner(self) -> query.StatementRunner:
        """Runs submitted statements, for the process that serves."""
        place = query.RunnerPlace(
            begin=self.begin,
            service=self.service("statements"),
            alone=self.store.alone,
            catalog=self.query_catalog,
            engine=self.query_engine,
            turns=self.query_turns,
            area=self.result_area,
            bell=self.statement_bell,
            tell_bug=lambda bug: tell_incident(self.settings.logs, bug, "running statements"),
        )
        return query.StatementRunner(place)

    def preview_request(
        self,
        actor: Actor,
        request_id: str,
        *,
        columns: Sequence[str] | None = None,
        rows: str | None = None,
        masks: Mapping[str, str] | None = None,
        days: int | None = None,
        own_masks: bool | None = None,
    ) -> query.RequestPreview:
        """Show who may approve a request what it would give; see `query.preview_request` for what it raises."""
        with self.query_turns.of(actor.id):
            return query.preview_request(
                lambda: self.begin(actor),
                self.query_catalog,
                self.query_engine,
                request_id,
                columns=columns,
                rows=rows,
                masks=masks,
                days=days,
                own_masks=own_masks,
            )

    def close_query_engine(self) -> None:
        """End the processes that wait for the next query or profile, if there are any."""
        if "query_engine" in self.__dict__:
            self.query_engine.close()
        if "profile_sandbox" in self.__dict__:
            self.profile_sandbox.close()

    @cached_property
    def searching(self) -> search.Search:
        """Search over the catalog; its index is a cache below the home."""
        follower = self.service("search")
        return search.Search(self.settings.home / "search", search.CatalogFeed(lambda: self.begin(follower)))

    def search_catalog(self, actor: Actor, request: search.SearchRequest) -> search.SearchPage:
        """One page of what an actor may find; see `search.Search.search` for what it raises."""
        with self.begin(actor) as uow:
            seer = search.seer_of(uow)
        return self.searching.search(seer, request, now=self.clock.now())

    @cached_property
    def profile_sandbox(self) -> duckdb_sandbox.DuckDBSandbox:
        """The sandboxed engine that measures tables; apart from the one of queries, so that neither waits."""
        return duckdb_sandbox.DuckDBSandbox(
            lake=self.settings.lake,
            log=self.settings.logs / "profile-engine.log",
            parallel=1,
            without_landlock=self.settings.without_landlock,
        )

    def profile_place(self, worker: str) -> quality.ProfilePlace:
        """Where a worker of this name measures tables; see `quality.profile_step`."""
        actor = self.service("quality")
        engine = profile_engine.SandboxedProfiles(self.profile_sandbox)
        return quality.ProfilePlace(begin=lambda: self.begin(actor), engine=engine, worker=worker)

    def replication_source(self, task: replicate.ReplicationTask) -> postgres_source.PostgresSource:
        """The source database of a task, its secrets resolved."""
        return postgres_source.PostgresSource(task.spec.source.resolved(self.secret))

    def test_replication(self, actor: Actor, name: str) -> list[replicate.Finding]:
        """Ask a task's source everything that a start would need; see `replicate.test_endpoint`."""
        with self.begin(actor) as uow:
            task = replicate.replication_task(uow, name)
        return replicate.test_endpoint(task, self.replication_source(task))

    def replication_script(self, actor: Actor, name: str) -> str:
        """The SQL that the administrator of a task's source runs once."""
        with self.begin(actor) as uow:
            task = replicate.replication_task(uow, name)
        return replicate.script_for(task, self.replication_source(task))

    def run_replication(
        self,
        actor: Actor,
        name: str,
        *,
        until_caught_up: bool = False,
        reload: bool = False,
        should_stop: Callable[[], bool] = lambda: False,
        progress: Callable[[replicate.Manifest], None] | None = None,
    ) -> replicate.RunOutcome:
        """Run a replication task in this process; see `replicate.run_task` for what it raises."""
        with self.begin(actor) as uow:
            task = replicate.start_replication(uow, name, reload=reload)
        replicator, source = self.service("replicator"), self.replication_source(task)

        def register(manifest: replicate.Manifest) -> None:
            path = f"{task.spec.bucket}/{task.spec.prefix}/{manifest.path}"
            with self.begin(replicator) as uow:
                is_new = pipeline.register_from_manifest(uow, manifest.document(), path)
                replicate.tell_landed(uow, task, manifest, source.conninfo, is_new=is_new)
            if is_new and progress is not None:
                progress(manifest)

        return replicate.run_task(
            task,
            source,
            self.settings.lake / task.spec.bucket / task.spec.prefix,
            clock=self.clock,
            begin=lambda: self.begin(replicator),
            on_landed=register,
            should_stop=should_stop,
            until_caught_up=until_caught_up,
            reload=reload,
        )

    @contextmanager
    def engine(self, catalog_uri: str, token: str) -> Iterator[kept_engine.KeptEngine]:
        """The trusted engine, for the process that serves its catalog endpoint; started when first asked for."""
        kept = kept_engine.KeptEngine(catalog_uri, token, logs=self.settings.logs, spill=self.settings.home / "spill")
        try:
            yield kept
        finally:
            kept.close()

    def workplace(self, engine: kept_engine.KeptEngine, worker: str) -> pipeline.Workplace:
        """Where a worker of this name merges and runs jobs."""
        actor = self.service("worker")
        return pipeline.Workplace(
            begin=lambda: self.begin(actor),
            engine=engine.session,
            lake_root=self.settings.lake,
            scratch=self.settings.home / "scratch",
            worker=worker,
        )

    def launch_worker(self, arguments: Sequence[str], *, trusted_host: bool) -> subprocess.Popen[bytes]:
        """Start a worker in a network of its own; while this runtime is open, it reaches the database from there.

        Raises:
            NamespacesForbidden: such a network cannot be had.
            DatabaseBeyondReach: see `require_database_in_reach`.
            RelayNotStarted: the way to a database on the network could not be opened.
        """
        relay = None if trusted_host else self.database_relay
        way_out = ["--database-relay", str(relay.path)] if relay else []
        given = ["--home", str(self.settings.home), *arguments, *way_out, "--inside"]
        database = {"PERGAMON_DATABASE_URL": self.settings.database_url} if self.settings.database_url else {}
        return launch_module("pergamon.worker", given, trusted_host=trusted_host, environment=os.environ | database)

    @cached_property
    def database_relay(self) -> HostRelay | None:
        """The workers' way to a database on the network; None for a socket, which they see. Made for the first one."""
        address = database_address(self.settings.database_url) if self.settings.database_url else None
        return relay_to_database(self.settings.home, address) if address else None

    def close_database_relay(self) -> None:
        """End the workers' way to the database, if there is one."""
        if self.__dict__.get("database_relay") is not None:
            self.__dict__.pop("database_relay").close()

    def keep_database_running(self) -> None:
        """Start the embedded PostgreSQL again if it has died; an outside one is its own keeper's.

        Raises:
            PostgresDidNotStart: see the server's log.
        """
        if self.settings.database_url is None:
            embedded_postgres(self.settings).start()

    def seal_trail(self) -> audit.Head:
        """Chain what has been committed and sign the head. The sequencer runs it every second."""
        sequencer = self.service("sequencer")
        with self.begin(sequencer) as uow:
            while audit.chain_new_events(uow) is not None:
                pass
        with self.begin(sequencer) as uow:
            return audit.seal(uow, self.head_file)

    def read_trail(
        self,
        actor: Actor,
        *,
        subject: str | None = None,
        code: str | None = None,
        by: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 50,
    ) -> list[audit.TrailEntry]:
        """The newest entries, for who may read the trail; see `audit.read_trail`."""
        with self.begin(actor) as uow:
            require(self.decide(uow, Action.AUDIT_READ, TRAIL))
            return audit.read_trail(
                uow, subject=subject, code=code, actor=by, since=since, until=until, before=before, limit=limit
            )

    def verify_trail(self, actor: Actor) -> audit.Verdict:
        """Seal what was committed, recompute the whole chain and hold it against the signed heads."""
        with self.begin(actor) as uow:
            require(self.decide(uow, Action.AUDIT_VERIFY, TRAIL))
        with suppress(
            audit.ChainBroken, audit.SigningKeyMissing, audit.SignedHeadDamaged
        ):  # the verdict will say where
            self.seal_trail()
        with self.begin(actor) as uow:
            require(self.decide(uow, Action.AUDIT_VERIFY, TRAIL))
            return audit.verify_trail(uow, self.head_file)

    def health(self, actor: Actor) -> list[Component]:
        """How each part of the installation is, for who may operate it; tasks, for who may control them."""
        with self.begin(actor) as uow:
            return self.health_in(uow)

    def health_in(self, uow: UnitOfWork) -> list[Component]:
        """The same, beside what else a unit of work asks."""
        require(self.decide(uow, Action.PLATFORM_OPERATE, Resource("platform", "main")))
        found = [self._database_health(uow), self._worker_health(uow), self._trail_health(uow), self._disk_health()]
        for status in objects.drop_directory_status(uow):
            troubled = status.problem or (f"{status.not_taken} files cannot be taken" if status.not_taken else "")
            found.append(Component("drop-directory", status.name, "warn" if troubled else "good", troubled))
        if self.decide(uow, Action.REPLICATION_CONTROL, Resource("replication_task", "all")).allowed:
            found += [_task_health(status) for status in replicate.status_of_tasks(uow)]
        return found

    def _database_health(self, uow: UnitOfWork) -> Component:
        row = uow.row(
            "SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS size_bytes"
        )
        told = f"version {row['version']}, {size_text(row['size_bytes'])}" if row else ""
        return Component("database", "postgresql", "good", told, {"size_bytes": row["size_bytes"]} if row else {})

    def _worker_health(self, uow: UnitOfWork) -> Component:
        if pipeline.has_living_worker(uow):
            return Component("worker", "worker", "good", "")
        waits = pipeline.has_work(uow)
        return Component("worker", "worker", "bad" if waits else "warn", "no worker runs" + " and runs wait" * waits)

    def _trail_health(self, uow: UnitOfWork) -> Component:
        try:
            newest, chained = self.head_file.newest(), audit.current_head(uow).length
        except audit.SignedHeadDamaged as damaged:
            return Component("trail", "trail", "bad", damaged.message)
        sealed = newest.length if newest else 0
        told = f"{chained:,} entries in the chain, {sealed:,} of them signed"
        state = "good" if sealed <= chained < sealed + LATE_ENTRIES else "bad"
        return Component("trail", "trail", state, told, {"chained": chained, "signed": sealed})

    def _disk_health(self) -> Component:
        disk = shutil.disk_usage(self.settings.lake)
        state = (
            "bad" if disk.free < objects.UploadLimits().spare_bytes else "warn" if disk.free < disk.total / 10 else ""
        )
        told = f"{size_text(disk.free)} of {size_text(disk.total)} free"
        figures = {"free_bytes": disk.free, "total_bytes": disk.total}
        return Component("disk", "lake", state or "good", told, figures)

    @property
    def head_file(self) -> audit.HeadFile:
        return audit.HeadFile(self.settings.audit)

    def _record_denial(self, actor: Actor, decision: Decision) -> None:
        with self.store.transaction() as connection:
            uow = UnitOfWork(connection, actor, self.clock.now())
            uow.record(
                audit.ActDenied(
                    subject=decision.resource,
                    action=decision.action,
                    reason=decision.reason,
                    decided_by=list(decision.decided_by),
                )
            )
            audit.record_events(uow)


def _task_health(status: replicate.TaskStatus) -> Component:
    state = {"failed": "bad", "parked": "bad", "stopped": "warn"}.get(status.state.value, "good")
    behind, why = size_text(status.lag_bytes), f": {status.message}" if status.message else ""
    state = "warn" if status.warnings and state == "good" else state
    told = f"{status.state.value}, {behind} behind{why}"
    return Component("replication", status.name, state, told, {"lag_bytes": status.lag_bytes})


def _user_name() -> str:
    """The service user's name; its number where it has none (a container with an arbitrary user)."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


def embedded_postgres(settings: Settings) -> EmbeddedPostgres:
    """The embedded cluster of an installation."""
    return EmbeddedPostgres(settings.home / "postgres")


def sample_source(directory: Path) -> EmbeddedPostgres:
    """A cluster for the sample hospital, apart from the platform's: a slot in ours would hold back our own log."""
    settings = {"wal_level": "logical", "max_replication_slots": "8", "max_wal_senders": "8"}
    return EmbeddedPostgres(directory, database="hospital", user="hospital", settings=settings)


def inspect_postgres(conninfo: str, password: str | None) -> deploy.FoundSource:
    """Look at a source before anything is deployed; see the adapter for what it raises."""
    return postgres_inspect.inspect_postgres(conninfo, password)


def without_password(conninfo: str) -> tuple[str, str | None]:
    """A connection string without its password, and the password; see the adapter for what it raises."""
    return postgres_inspect.without_password(conninfo)


@contextmanager
def open_runtime(settings: Settings, *, clock: Clock | None = None) -> Iterator[Runtime]:
    """Open an installation: have its PostgreSQL running, migrate, and hand out the runtime.

    An embedded PostgreSQL is started when needed and stopped by the last of its users.
    Raises:
        Unavailable: PostgreSQL does not start or does not answer.
        MigrationFailed: the database is from another version.
    """
    make_private_home(settings.home)
    make_durable_directory(settings.lake)  # before any process is confined to it
    with ExitStack() as stack:
        conninfo = settings.database_url
        if conninfo is None:
            server = embedded_postgres(settings)
            stack.enter_context(server.in_use())
            conninfo = server.conninfo
        store = Store(conninfo)
        stack.callback(store.close)
        with store.transaction() as connection:
            apply_migrations(connection)
        runtime = Runtime(settings=settings, store=store, clock=clock or SystemClock())
        stack.callback(runtime.close_query_engine)
        stack.callback(runtime.close_file_reader)
        stack.callback(runtime.close_database_relay)
        yield runtime


def require_database_in_reach(settings: Settings) -> None:
    """Refuse a PostgreSQL that a worker in its own network could not reach (law 8), before anything starts.

    Raises:
        BadDatabaseUrl: it is no connection string.
        DatabaseBeyondReach: the database URL names several hosts, an abstract socket or a service.
    """
    if settings.database_url is not None:
        require_conninfo(settings.database_url)
        database_address(settings.database_url)


@contextmanager
def settings_inside(settings: Settings, relay: Path | None) -> Iterator[Settings]:
    """The settings as they hold inside a worker's network: its database by way of the host's relay, if there is one."""
    url = settings.database_url
    address = database_address(url) if relay and url else None
    if relay is None or url is None or address is None:
        yield settings
        return
    inner = relay_to_socket(relay, prefer_port=address.port)
    try:
        yield replace(settings, database_url=through_relay(url, inner.port))
    finally:
        inner.close()


class HomeNotPrivate(PergamonError):
    """The data directory can be read by other users of this host."""

    code = "runtime.home_not_private"


class HomeNotUsable(PergamonError):
    """The data directory cannot be made or entered by this user."""

    code = "runtime.home_not_usable"


def make_private_home(home: Path) -> None:
    """Make the data directory 0700 when it is missing; refuse one that others may enter (law 8).

    Raises:
        HomeNotPrivate: it exists with wider rights; they are not changed, because others may rely on them.
        HomeNotUsable: it cannot be made, or belongs to somebody else.
    """
    try:
        if not home.exists():
            make_durable_directory(home)
        usable = home.is_dir() and os.access(home, os.R_OK | os.W_OK | os.X_OK)
    except OSError:
        usable = False
    if not usable:
        raise HomeNotUsable(
            f"the data directory {home} cannot be made or used by {_user_name()}",
            hint="name another with --home or PERGAMON_HOME, or run as the user that owns it",
        )
    if home.stat().st_mode & 0o077:
        raise HomeNotPrivate(f"the data directory {home} is open to other users", hint=f"chmod 700 {home}")


__all__ = [
    "DatabaseBeyondReach",
    "HomeNotPrivate",
    "HomeNotUsable",
    "Runtime",
    "embedded_postgres",
    "free_port",
    "inspect_postgres",
    "is_isolated",
    "make_private_home",
    "open_runtime",
    "require_database_in_reach",
    "sample_source",
    "settings_inside",
    "without_password",
]
