"""What crawling needs from outside: units of work, the lake's directory, and a reader of files that is confined."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from pergamon.crawl.model import Limits
from pergamon.formats import ConfinedReader
from pergamon.store import UnitOfWork


@dataclass(frozen=True)
class Place:
    """Where a worker crawls. `worker`: a name that is stable over restarts, so that it takes up its own work again."""

    begin: Callable[[], AbstractContextManager[UnitOfWork]]
    lake_root: Path
    reader: ConfinedReader
    worker: str
    limits: Limits = field(default_factory=Limits)
