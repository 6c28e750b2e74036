"""The connection to PostgreSQL: a small pool, UTC, time-outs on every session."""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from pergamon.kernel import Conflict, Invalid, Unavailable
from pergamon.store.bell import CHANNEL, RUNG_AGAIN_AFTER_S
from pergamon.store.unit_of_work import UnitOfWork

logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())
"""The pool says every second try to the terminal; `StoreUnavailable` says it once, to whoever asked."""


class StoreUnavailable(Unavailable):
    """The platform's own PostgreSQL does not answer."""

    code = "store.unavailable"


class BadDatabaseUrl(Invalid):
    """`PERGAMON_DATABASE_URL` does not say where a PostgreSQL is."""

    code = "store.bad_database_url"


class AlreadyAtWork(Conflict):
    """Somebody else does what only one may do at a time."""

    code = "store.already_at_work"


SESSION_OPTIONS = (
    "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=60s -c idle_in_transaction_session_timeout=60s"
)


class Store:
    """PostgreSQL as the rooms see it. Thread-safe."""

    def __init__(self, conninfo: str, *, max_size: int = 8) -> None:
        """conninfo: a libpq connection string or URL. It may hold a password: never print it.

        Raises:
            BadDatabaseUrl: it cannot be one; the message says why, in words of our own.
        """
        require_conninfo(conninfo)
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
        self._rung_at = -RUNG_AGAIN_AFTER_S

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

    def ring(self) -> None:
        """Wake who waits for what was just committed, in every process; once a second is enough (see `bell`)."""
        if time.monotonic() - self._rung_at < RUNG_AGAIN_AFTER_S:
            return
        self._rung_at = time.monotonic()
        with suppress(StoreUnavailable), self.transaction() as connection:  # it is committed, and will be found
            connection.execute(f"NOTIFY {CHANNEL}")

    @contextmanager
    def alone(self, work: str, who: str) -> Iterator[None]:
        """Do `work` while nobody else of this installation does. PostgreSQL ends it when this process does.

        who: what another is told, as long as PostgreSQL keeps a session's name (63 bytes).
        Raises:
            AlreadyAtWork: somebody else is at it; the message says who, and since when.
            StoreUnavailable: PostgreSQL does not answer.
        """
        try:
            connection = psycopg.connect(
                self._conninfo, autocommit=True, row_factory=dict_row, application_name=f"{work} {who}"
            )
        except psycopg.OperationalError:
            raise StoreUnavailable("the platform's own PostgreSQL does not answer", hint="is it up?") from None
        with connection:
            taken = connection.execute(_TAKE, {"work": work}).fetchone()
            if not (taken and taken["taken"]):
                holder = connection.execute(_HOLDER, {"work": work}).fetchone()
                by = f": {holder['name'].removeprefix(work).strip()}, since {holder['since']} UTC" if holder else ""
                raise AlreadyAtWork(f"a {work} is under way{by}", hint="wait until it has ended, then start again")
            yield

    def close(self) -> None:
        self._pool.close()


def nobody_is_at(uow: UnitOfWork, work: str) -> bool:
    """Is nobody at this work (`Store.alone`)? Nobody can begin it before this unit of work has ended."""
    row = uow.row("SELECT pg_try_advisory_xact_lock(hashtext('pergamon'), hashtext(%s)) AS taken", (work,))
    return bool(row and row["taken"])


_TAKE = "SELECT pg_try_advisory_lock(hashtext('pergamon'), hashtext(%(work)s)) AS taken"
_HOLDER = """
SELECT a.application_name AS name, to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS since
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.database = a.datid
  AND a.datname = current_database()
  AND l.classid::bigint = hashtext('pergamon')::bigint & 4294967295
  AND l.objid::bigint = hashtext(%(work)s)::bigint & 4294967295
"""


def require_conninfo(conninfo: str) -> None:
    """
    Raises:
        BadDatabaseUrl: this is no connection string of PostgreSQL. Nothing of it is repeated but a scheme before `://`.
    """
    fault = _fault_of(conninfo)
    if fault is not None:
        raise BadDatabaseUrl(f"PERGAMON_DATABASE_URL {fault}", hint=_AS_A_URL)


_AS_A_URL = (
    "postgresql://user@host:5432/database, or host=… dbname=… user=…; in a URL, write @ : / ? # % of a password as "
    "%40 %3A %2F %3F %23 %25"
)
_FAULTS = (
    ("query parameter|connection option", "has an option that PostgreSQL does not know"),
    ("percent-encoded", "has a % that does not begin the number of a character"),
    ("after .* in connection info|missing .=", "is neither a URL nor words as name=value"),
    ("quoted string", "has a quote that is not closed"),
    ("bracket|IPv6", "has a network address that cannot be read"),
    ("unexpected character|port", "has a host or port that cannot be read"),
)
"""What libpq says, without what it quotes."""


def _fault_of(conninfo: str) -> str | None:
    if not conninfo.strip():
        return "is empty; without it, the embedded PostgreSQL is used"
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://", conninfo)
    if scheme and scheme[1] not in ("postgresql", "postgres"):
        return f"begins with {scheme[1]}://, and a PostgreSQL is named by postgresql://"
    try:
        parts = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError as error:
        said = str(error)
        return next((fault for pattern, fault in _FAULTS if re.search(pattern, said)), "cannot be read")
    ports = str(parts.get("port") or "5432").split(",")
    if not all(re.fullmatch(r"[0-9]{0,5}", port) and int(port or 1) in range(1, 65536) for port in ports):
        return "has a port that is no number from 1 to 65535"
    if "@" in str(parts.get("host") or "")[1:]:
        return "has an @ in its host"
    return None
