"""The connection to PostgreSQL: a small pool, UTC, time-outs on every session."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from pergamon.kernel import Unavailable

logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())
"""The pool says every second try to the terminal; `StoreUnavailable` says it once, to whoever asked."""


class StoreUnavailable(Unavailable):
    """The platform's own PostgreSQL does not answer."""

    code = "store.unavailable"


SESSION_OPTIONS = (
    "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=60s -c idle_in_transaction_session_timeout=60s"
)


class Store:
    """PostgreSQL as the rooms see it. Thread-safe."""

    def __init__(self, conninfo: str, *, max_size: int = 8) -> None:
        """conninfo: a libpq connection string or URL. It may hold a password: never print it."""
        self._conninfo = conninfo
        self._pool: ConnectionPool[Connection[DictRow]] = ConnectionPool(
            conninfo,
            connection_class=Connection[DictRow],
            min_size=1,
            max_size=max_size,
            open=False,
            kwargs={"row_factory": dict_row, "options": SESSION_OPTIONS, "application_name": "pergamon"},
            check=ConnectionPool.check_connection,
            timeout=10,
        )
        self._pool.open()

    @property
    def conninfo(self) -> str:
        """For the workflow engine, which keeps its own connections to the same database."""
        return self._conninfo

    @contextmanager
    def transaction(self) -> Iterator[Connection[DictRow]]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises:
            StoreUnavailable: no connection could be had, or it was lost; the transaction did not commit
                unless the loss fell on the commit itself, which callers find out by reading their own outcome.
        """
        try:
            with self._pool.connection() as connection:
                yield connection
        except (PoolTimeout, psycopg.OperationalError) as error:
            if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
                raise StoreUnavailable("PostgreSQL took too long", hint="try again; a long lock may be held") from None
            hint = "is PERGAMON_DATABASE_URL right, if it is set? is that server up, or `pergamon up`?"
            raise StoreUnavailable("the platform's own PostgreSQL does not answer", hint=hint) from None

    def close(self) -> None:
        self._pool.close()
