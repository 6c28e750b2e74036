"""Who runs what was submitted? The process that serves: it takes up what waits, and runs each when its turn has come.

The queue is the history itself, so nothing of it is lost with a process. Each process holds a lock for as long as it
lives; what a process that is gone had waiting is taken up by the next one that looks, and what it ran is abandoned.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

from pergamon import identity
from pergamon.kernel import Actor, ActorKind, NotFound, PergamonError, new_id
from pergamon.query import tables
from pergamon.query.events import QueryTakenUp
from pergamon.query.model import QueryInterrupted
from pergamon.query.ports import QueryEngine, TableCatalog
from pergamon.query.results import ResultArea
from pergamon.query.run import QueryPlace, run_queued, tell_abandoned
from pergamon.query.tables import QueuedStatement
from pergamon.query.turns import Turn, Turns
from pergamon.store import Bell, UnitOfWork, nobody_is_at

LOOK_EVERY_S = 2.0
"""What is submitted here is taken up at once; this is for what others left."""
REST_AFTER_TROUBLE_S = 2.0
STOP_WITHIN_S = 8.0


@dataclass(frozen=True)
class RunnerPlace:
    """What a runner works with.

    alone: as `store.Store.alone`. bell: rung when something was submitted here. tell_bug: keeps what should not happen.
    """

    begin: Callable[[Actor], AbstractContextManager[UnitOfWork]]
    service: Actor
    alone: Callable[[str, str], AbstractContextManager[None]]
    catalog: TableCatalog
    engine: QueryEngine
    turns: Turns
    area: ResultArea
    bell: Bell
    tell_bug: Callable[[Exception], None]


class StatementRunner:
    """Runs submitted statements while `running` lasts."""

    def __init__(self, place: RunnerPlace) -> None:
        self._place = place
        self.server = new_id("server")
        self._stop = threading.Event()
        self._wake = place.bell.ear()
        self._known: dict[str, Turn] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run what is submitted. At the end what runs is interrupted, what waits is left for the next process."""
        keeper = threading.Thread(target=self._keep, name="statements", daemon=True)
        with ThreadPoolExecutor(self._place.turns.at_once, thread_name_prefix="statement") as self._threads:
            keeper.start()
            try:
                yield
            finally:
                self._stop.set()
                self._wake.set()
                keeper.join(STOP_WITHIN_S)
                for turn in list(self._known.values()):
                    self._place.turns.withdraw(turn)

    def _keep(self) -> None:
        while not self._stop.is_set():
            try:
                with self._place.alone(tables.server_work(self.server), ""):
                    while not self._stop.is_set() and self._look():
                        self._wake.wait(LOOK_EVERY_S)
                        self._wake.clear()
            except PergamonError:
                self._stop.wait(REST_AFTER_TROUBLE_S)  # PostgreSQL is away; it is asked again
            except Exception as bug:  # it must not end the taking up
                self._place.tell_bug(bug)
                self._stop.wait(REST_AFTER_TROUBLE_S)

    def _look(self) -> bool:
        """Take up what waits. Returns: whether this process still holds its lock."""
        known = list(self._known)
        with self._place.begin(self._place.service) as uow:
            if nobody_is_at(uow, tables.server_work(self.server)):
                return False  # the connection that held it was lost: others may take this process for gone
            gone = tables.gone_servers(uow, self.server)
            tell_abandoned(uow, tables.abandon_running(uow, gone, self.server, known))
            found = tables.take_up(uow, gone, self.server, known)
            for queued in found:
                if queued.is_taken_over:
                    uow.record(QueryTakenUp(subject=f"query:{queued.id}", workgroup=queued.workgroup))
            waiting = tables.queued_of(uow, self.server)
            bounds = tables.workgroups(uow)
        for query_id in set(known) - waiting:
            self._forget_if_waiting(query_id)
        for queued in found:
            spec = bounds.get(queued.workgroup)
            self._enter(queued, spec.concurrency if spec else None, spec.concurrency_per_person if spec else None)
        return True

    def _forget_if_waiting(self, query_id: str) -> None:
        """It was cancelled, or its time was over."""
        turn = self._known.get(query_id)
        if turn is not None and self._place.turns.withdraw(turn):
            self._known.pop(query_id, None)

    def _enter(self, queued: QueuedStatement, most: int | None, most_of_one: int | None) -> None:
        def begin() -> None:
            self._threads.submit(self._run, queued)

        turn = Turn(queued.actor, queued.workgroup, begin, most, most_of_one)
        self._known[queued.id] = turn
        self._place.turns.enter(turn)

    def _run(self, queued: QueuedStatement) -> None:
        try:
            if not self._stop.is_set():
                actor = self._actor_of(queued)
                place = QueryPlace(lambda: self._place.begin(actor), self._place.catalog, self._place.engine)
                run_queued(place, queued, server=self.server, area=self._place.area, must_end=self._must_end)
        except PergamonError:
            pass  # it stands in the history; if it could not be written there, the next look closes it
        except Exception as bug:
            self._place.tell_bug(bug)
        finally:
            turn = self._known.pop(queued.id)
            self._place.turns.leave(turn)

    def _actor_of(self, queued: QueuedStatement) -> Actor:
        """Who submitted it, with the roles of this moment; somebody who is not active any more has none."""
        try:
            with self._place.begin(self._place.service) as uow:
                actor = identity.principal_actor(uow, queued.actor)
        except NotFound:
            actor = Actor(queued.actor, ActorKind.PERSON)
        return replace(actor, operator=queued.operator)

    def _must_end(self) -> None:
        if self._stop.is_set():
            raise QueryInterrupted("the process that ran the query was told to stop", hint="submit it again")
