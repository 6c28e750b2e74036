"""What a worker does all day: beat, take requested and due runs, take over from the dead, notice runs that broke
down."""

import threading
import time
from datetime import timedelta

from pergamon import pipeline
from pergamon.kernel import Unavailable
from pergamon.store import Bell, Pace
from pergamon.worker.durable import DurableRuns

LOOK_EVERY_S = 0.2
IDLE_EVERY_S = 1.0
"""A look while nothing happens: a run that is requested rings the bell."""
BEAT_EVERY = timedelta(seconds=3)


class WorkerLoop:
    """The loop of one worker. `until_idle`: end when no run is left."""

    def __init__(self, place: pipeline.Workplace, runs: DurableRuns, bell: Bell, *, until_idle: bool) -> None:
        self._place, self._runs, self._until_idle = place, runs, until_idle
        self._bell, self._pace = bell, Pace(bell, busy_s=LOOK_EVERY_S, idle_s=IDLE_EVERY_S)
        self._stop = threading.Event()

    def request_stop(self) -> None:
        self._stop.set()
        self._bell.ring_here()

    def run(self) -> None:
        """Work until stopped, or until idle when that was asked for."""
        self._begin()
        next_beat = 0.0
        while not self._stop.is_set():
            try:
                if time.monotonic() >= next_beat:
                    self._beat()
                    next_beat = time.monotonic() + BEAT_EVERY.total_seconds()
                if self._take():
                    self._pace.stay_awake()
                elif self._until_idle:
                    break
            except Unavailable:
                next_beat = 0.0  # PostgreSQL is away; it is asked again
            self._pace.rest()
        with self._place.begin() as uow:
            pipeline.say_goodbye(uow, self._place.worker)

    def _begin(self) -> None:
        with self._place.begin() as uow:
            pipeline.beat(uow, self._place.worker)
            unfinished = pipeline.own_unfinished_runs(uow, self._place.worker)
        self._runs.launch()
        for run_id in unfinished:
            self._runs.start(run_id)

    def _beat(self) -> None:
        with self._place.begin() as uow:
            pipeline.beat(uow, self._place.worker)
            pipeline.request_due_runs(uow)
            dead, inherited = pipeline.inherit_from_the_dead(uow, self._place.worker)
            mine = pipeline.own_unfinished_runs(uow, self._place.worker)
        self._runs.take_over(dead)
        for run_id in inherited:
            self._runs.start(run_id)
        for run_id in mine:
            if self._runs.broke_down(run_id):
                self._give_up(run_id)

    def _give_up(self, run_id: str) -> None:
        with self._place.begin() as uow:
            pipeline.finish_run(uow, run_id, ["the worker could not carry it out; see the operator's log"])

    def _take(self) -> bool:
        """Start what is requested. Returns: whether any run is left."""
        with self._place.begin() as uow:
            taken = pipeline.take_runs(uow, self._place.worker)
            left = pipeline.has_work(uow)
        for run_id in taken:
            self._runs.start(run_id)
        return left
