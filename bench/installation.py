"""What several benchmarks stand on: a temporary installation and a source database, with durability on."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pergamon.adapters.embedded_postgres import EmbeddedPostgres
from pergamon.kernel import Actor, ActorKind
from pergamon.runtime import Runtime, open_runtime, sample_source
from pergamon.settings import Settings

OPERATOR = Actor(id="operator:bench", kind=ActorKind.OPERATOR)


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory of our own on the disk of `$TMPDIR`, removed afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="pergamon-bench-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def platform_database(directory: Path) -> Iterator[Settings]:
    """An installation whose PostgreSQL runs in this process's care, so that a measured process does not start it."""
    home = directory / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    try:
        yield Settings(home=home, database_url=server.conninfo)
    finally:
        server.stop()


@contextmanager
def source_database(directory: Path) -> Iterator[str]:
    """A second cluster, as a hospital's, with logical replication allowed. Gives its connection string."""
    server = sample_source(directory / "source")
    server.start()
    try:
        yield server.conninfo
    finally:
        server.stop()


@contextmanager
def opened(settings: Settings) -> Iterator[Runtime]:
    """The runtime, in the process that measures."""
    with open_runtime(settings) as runtime:
        yield runtime
