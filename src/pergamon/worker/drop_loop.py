"""Beside the worker's runs: copy what is dropped into directories, free removed contents, sweep what is lost or over.

A thread of its own, so that a long merge holds up no upload, and a long copy no merge.
"""

import time
from contextlib import AbstractContextManager

from pergamon import objects
from pergamon.runtime import Runtime
from pergamon.worker.beside import Round, going_round

LOOK_EVERY_S = 0.5
FREE_EVERY_S = 2.0
SWEEP_EVERY_S = 3600.0
REST_AFTER_TROUBLE_S = 5.0


def dropping(runtime: Runtime) -> AbstractContextManager[None]:
    """Watch drop directories while this block lasts."""
    place, turns = runtime.drop_place(), _Turns(runtime)

    def look() -> bool:
        turns.take()
        return bool(objects.drop_step(place))

    work = Round(
        name="drop-directories",
        doing="watching drop directories",
        look=look,
        every_s=LOOK_EVERY_S,
        after_trouble_s=REST_AFTER_TROUBLE_S,
        patience_s=objects.LONGEST_STEP_S,
    )
    return going_round(runtime.settings.logs, work)


class _Turns:
    """What comes round less often than a look."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._free_at, self._sweep_at = 0.0, time.monotonic() + SWEEP_EVERY_S / 60
        self._expire_at = self._sweep_at

    def take(self) -> None:
        now = time.monotonic()
        if now >= self._free_at:
            self._free_at = now + FREE_EVERY_S
            self._runtime.free_contents()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY_S
            self._runtime.sweep_contents()
        if now >= self._expire_at:
            self._expire_at = now + (FREE_EVERY_S if self._runtime.expire() else SWEEP_EVERY_S)
