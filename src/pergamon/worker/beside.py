"""Beside the worker's runs: a thread that looks again and again whether there is something to do.

Trouble with one thing must not end the looking after all others: it is kept as an incident, and the next look comes
after a rest.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pergamon.kernel import PergamonError, tell_incident


@dataclass(frozen=True)
class Round:
    """What one thread goes round with.

    name: the thread's. doing: what it does, for people. look: do what there is to do; whether there was something, so
    that the next look comes at once. first: done once before all looks, again and again until it succeeds.
    patience_s: how long its end is waited for; what is cut off then goes on when the worker starts again.
    """

    name: str
    doing: str
    look: Callable[[], bool]
    every_s: float
    after_trouble_s: float
    patience_s: float
    first: Callable[[], object] = lambda: None


@contextmanager
def going_round(logs: Path, work: Round) -> Iterator[None]:
    """Look while this block lasts."""
    stop = threading.Event()
    thread = threading.Thread(target=_go_round, args=(logs, work, stop), name=work.name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=work.patience_s)


def _go_round(logs: Path, work: Round, stop: threading.Event) -> None:
    is_begun = False

    def look() -> bool:
        nonlocal is_begun
        if not is_begun:
            work.first()
            is_begun = True
        return work.look()

    while not stop.is_set():
        match tried(logs, work.doing, look):
            case None:
                stop.wait(work.after_trouble_s)
            case False:
                stop.wait(work.every_s)


def tried(logs: Path, doing: str, look: Callable[[], object]) -> bool | None:
    """Was there something to do? None: there was trouble."""
    try:
        return bool(look())
    except PergamonError:
        return None  # PostgreSQL is away, or the lake is; they are asked again
    except Exception as bug:
        tell_incident(logs, bug, doing)
        return None
