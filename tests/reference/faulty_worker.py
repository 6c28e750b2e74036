"""A worker that is killed, loses its engine, its answers or its lease at a boundary that its seed chooses.

It is put together from the very parts of the real one; only what passes between them is counted. A boundary is the
begin or the commit of a unit of work, a statement's begin or end, a commit's request or answer.
"""

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pergamon import lake, pipeline
from pergamon.adapters.kept_engine import KeptEngine
from pergamon.catalog_endpoint import create_app, serve
from pergamon.kernel import Actor, ActorKind, new_secret
from pergamon.runtime import Runtime, open_runtime
from pergamon.settings import Settings
from pergamon.store import Bell, UnitOfWork
from pergamon.worker.durable import DurableRuns
from pergamon.worker.loop import WorkerLoop

ACTOR = Actor(id="service:worker", kind=ActorKind.SERVICE)
DIE, ENGINE_DIES, ANSWER_LOST, FENCED = "worker killed", "engine killed", "answer lost", "lease taken away"


RARE = ("statement begins", "statement ends", "query begins", "query ends", "commit requested", "commit answered")
FREQUENT = ("unit of work begins", "unit of work is about to commit", "unit of work has committed")


def faults_of(seed: int) -> dict[tuple[str, int], str]:
    """One death and up to two lesser faults, each at the n-th crossing of some boundary."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    kinds = [DIE, *chance.choices([ENGINE_DIES, FENCED, ANSWER_LOST], k=chance.randint(0, 2))]
    faults = {}
    for kind in kinds:
        boundary = "commit answered" if kind == ANSWER_LOST else chance.choice([*RARE, *FREQUENT])
        latest = 5 if boundary in RARE else 60
        faults[(boundary, chance.randint(1, latest))] = kind
    return faults


@dataclass
class Fate:
    """What happens at which boundary. `log` gets a line for each fault, before it happens."""

    seed: int
    log: Path
    clean: bool = False
    seen: Counter[str] = field(default_factory=Counter)
    engine: KeptEngine | None = None
    runtime: Runtime | None = None

    def __post_init__(self) -> None:
        self.faults = {} if self.clean else faults_of(self.seed)
        self.lock = threading.Lock()

    def cross(self, boundary: str) -> str | None:
        """Count a boundary, and let happen what is due there. Returns: what happened."""
        with self.lock:
            self.seen[boundary] += 1
            fault = self.faults.pop((boundary, self.seen[boundary]), None)
        if fault is None:
            return None
        with self.log.open("a") as log:
            log.write(f"{fault} at: {boundary}\n")
        if fault == DIE:
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault == ENGINE_DIES and self.engine is not None:
            os.kill(self.engine.process_id(), signal.SIGKILL)
        elif fault == FENCED and self.runtime is not None:
            self.fence(self.runtime)
        return fault

    def fence(self, rt: Runtime) -> None:
        """A rival closes whatever lease is open: the head may move under its holder."""
        with rt.begin(ACTOR) as uow:
            for lease in lake.unclosed_leases(uow):
                lake.close_lease(uow, lease.id)


class WatchedSession:
    """An engine's session whose statements are boundaries."""

    def __init__(self, session: Any, fate: Fate) -> None:
        self._session, self._fate = session, fate

    def execute_sql(self, sql: str) -> None:
        self._around("statement", lambda: self._session.execute_sql(sql))

    def sql_to_arrow(self, sql: str) -> Any:
        return self._around("query", lambda: self._session.sql_to_arrow(sql))

    def create_view(self, name: str, rows: Any) -> None:
        self._session.create_view(name, rows)

    def run(self, work: Callable[[Any], Any]) -> Any:
        return self._session.run(work)

    def _around(self, name: str, work: Callable[[], Any]) -> Any:
        self._fate.cross(f"{name} begins")
        result = work()
        self._fate.cross(f"{name} ends")
        return result


class WatchedWire:
    """The wire between engine and endpoint: a commit's request and answer are boundaries, and one answer may be
    lost."""

    def __init__(self, app: ASGIApp, fate: Fate) -> None:
        self._app, self._fate = app, fate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        self._fate.cross("commit requested")
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        if self._fate.cross("commit answered") == ANSWER_LOST:
            send.__self__.transport.abort()  # type: ignore[attr-defined]  # uvicorn's own end of the connection
            return
        for message in answer:
            await send(message)


def live(home: Path, url: str, seed: int, clean: bool) -> None:
    """One life of the worker, until no run is left or its fate is met. Runs in a process of its own."""
    fate = Fate(seed, home / "faults.log", clean)
    with open_runtime(Settings(home=home, database_url=url)) as rt:
        token = new_secret()
        wire = WatchedWire(create_app(rt, token=token, on_commit=pipeline.on_commit), fate)
        with serve(wire) as endpoint, rt.engine(endpoint.uri, token) as engine:  # type: ignore[arg-type]
            fate.engine, fate.runtime = engine, rt
            runs = DurableRuns(_watched_place(rt, engine, fate), url, rt.settings.logs)
            WorkerLoop(runs.place, runs, Bell(), until_idle=True).run()
            runs.close()


def _watched_place(rt: Runtime, engine: KeptEngine, fate: Fate) -> pipeline.Workplace:
    plain = rt.workplace(engine, "worker")

    @contextmanager
    def begin() -> Iterator[UnitOfWork]:
        fate.cross("unit of work begins")
        with plain.begin() as uow:
            yield uow
            fate.cross("unit of work is about to commit")
        fate.cross("unit of work has committed")

    @contextmanager
    def session() -> Iterator[WatchedSession]:
        with plain.engine() as own:
            yield WatchedSession(own, fate)

    return pipeline.Workplace(begin, session, plain.lake_root, plain.scratch, plain.worker)
