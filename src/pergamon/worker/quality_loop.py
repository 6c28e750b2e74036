"""Beside the worker's runs: measure tables that have changed, and apply their rules.

A thread of its own: measuring a large table holds up neither a merge nor a crawl. The reading itself is done by a
process that is confined (ADR 0019); what happens in this thread is waiting.
"""

import os
import threading
import time
from contextlib import AbstractContextManager

from pergamon import quality
from pergamon.runtime import Runtime
from pergamon.worker.beside import Round, going_round

LOOK_EVERY_S = 1.0
NOTICE_EVERY_S = 60.0
REST_AFTER_TROUBLE_S = 5.0
GRACE_S = 2.0
NICENESS = 10


def measuring(runtime: Runtime, worker: str) -> AbstractContextManager[None]:
    """Make profiles while this block lasts. One that is cut off at its end is made by the next worker."""
    place, notice_at = runtime.profile_place(worker), 0.0

    def begin() -> None:
        _let_others_go_first()
        quality.release(place)

    def look() -> bool:
        nonlocal notice_at
        if time.monotonic() >= notice_at:
            notice_at = time.monotonic() + NOTICE_EVERY_S
            with place.begin() as uow:
                quality.notice_changes(uow)
        return bool(quality.profile_step(place))

    work = Round(
        name="quality",
        doing="measuring a table",
        first=begin,
        look=look,
        every_s=LOOK_EVERY_S,
        after_trouble_s=REST_AFTER_TROUBLE_S,
        patience_s=GRACE_S,
    )
    return going_round(runtime.settings.logs, work)


def _let_others_go_first() -> None:
    """Who waits for an upload to be found does not wait for a profile: on Linux a thread has a niceness of its own, and
    what it starts has it too."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
