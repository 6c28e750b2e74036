"""A PostgreSQL source: its catalog, its snapshot read by ADBC, its changes read over psycopg's low-level protocol.

psycopg 3 has no replication calls, but `psycopg.pq` speaks COPY_BOTH (ADR 0005). Every session that sends values has
the same output settings, so that the full load's text and the change stream's text of a value are one text.

Errors name the host, the user and the object, never a password; PostgreSQL's own message is passed on only where it can
hold no value.
"""

import re
import select
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from struct import Struct

import psycopg
import pyarrow as pa
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row

from pergamon.kernel import new_id
from pergamon.replicate import (
    ChangeStream,
    Data,
    Keepalive,
    Publication,
    ServerFacts,
    Slot,
    SlotInUse,
    SlotLost,
    Snapshot,
    SourceColumn,
    SourceRefused,
    SourceTable,
    SourceUnavailable,
    create_publication_sql,
    lsn_from_text,
    lsn_text,
    quoted,
)

OUTPUT_SETTINGS = {
    "DateStyle": "ISO",
    "TimeZone": "UTC",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "client_encoding": "UTF8",
}
HEARTBEAT_PREFIX = "pergamon"
OLDEST_SERVER = 140000
_POSTGRES_EPOCH_S = 946_684_800
_XLOG_DATA_HEADER = 25
_STATUS = Struct(">cQQQqB")
_MOST_MESSAGES = 5000


@dataclass(frozen=True)
class PostgresSource:
    """One source database. Each call opens the connection it needs; none is held between calls."""

    conninfo: str = field(repr=False)

    # --- what it is ---

    def facts(self) -> ServerFacts:
        with self._connection() as connection:
            rows = connection.execute(_FACTS).fetchall()
        return ServerFacts(**rows[0])

    def tables(self) -> list[SourceTable]:
        """Every ordinary and partitioned table outside the system's schemas, with columns in order."""
        with self._connection() as connection:
            columns: dict[int, list[SourceColumn]] = {}
            for row in connection.execute(_COLUMNS).fetchall():
                relation = row.pop("relation")
                columns.setdefault(relation, []).append(SourceColumn(**row))
            rows = connection.execute(_TABLES).fetchall()
        return [
            SourceTable(
                schema=row["schema"],
                table=row["table"],
                columns=tuple(columns.get(row["relation"], ())),
                primary_key=tuple(row["primary_key"]),
                identity=row["identity"],
                identity_columns=_identity_columns(row, columns.get(row["relation"], [])),
                estimated_rows=max(0, int(row["estimated_rows"])),
                partitioned=row["partitioned"],
                owned=row["owned"],
                readable=row["readable"],
            )
            for row in rows
        ]

    # --- publication and slot ---

    def publication(self, name: str) -> Publication | None:
        with self._connection() as connection:
            head = connection.execute(_PUBLICATION, (name,)).fetchone()
            if head is None:
                return None
            tables = connection.execute(_PUBLICATION_TABLES, (name,)).fetchall()
            filtered: list[DictRow] = []
            if connection.info.server_version >= 150000:
                filtered = connection.execute(_PUBLICATION_FILTERS, (name,)).fetchall()
        return Publication(
            name=name,
            tables=frozenset((row["schema"], row["table"]) for row in tables),
            actions=frozenset(action for action in ("insert", "update", "delete", "truncate") if head[action]),
            via_root=head["via_root"],
            filtered=frozenset((row["schema"], row["table"]) for row in filtered),
        )

    def create_publication(self, name: str, tables: Sequence[SourceTable], *, inserts_only: bool) -> None:
        """Raises: SourceRefused: it needs ownership of each table, and the right to create in the database."""
        self._administer(
            create_publication_sql(name, [(table.schema, table.table) for table in tables], inserts_only=inserts_only),
            f"the publication {name}",
        )

    def extend_publication(self, name: str, tables: Sequence[SourceTable]) -> None:
        """Raises: SourceRefused: it needs ownership of the publication and of each table."""
        self._administer(
            f"ALTER PUBLICATION {self.quote(name)} ADD TABLE {self._table_list(tables)}", f"the publication {name}"
        )

    def slot(self, name: str) -> Slot | None:
        with self._connection() as connection:
            row = connection.execute(_SLOT, (name,)).fetchone()
        if row is None:
            return None
        return Slot(
            name=name,
            plugin=row["plugin"] or "",
            confirmed_lsn=lsn_from_text(row["confirmed"]) if row["confirmed"] else 0,
            active=row["active"],
            wal_status=row["wal_status"],
            retained_bytes=int(row["retained"] or 0),
        )

    def create_slot(self, name: str) -> int:
        """Raises: SourceRefused: no replication right, no free slot, or `wal_level` is not logical."""
        with self._replication_connection() as connection:
            result = self._command(
                connection,
                f"CREATE_REPLICATION_SLOT {self.quote(name)} LOGICAL pgoutput (SNAPSHOT 'nothing')",
                f"slot {name}",
            )
            return lsn_from_text((result.get_value(0, 1) or b"0/0").decode())

    def drop_slot(self, name: str) -> None:
        with self._replication_connection() as connection:
            self._command(connection, f"DROP_REPLICATION_SLOT {self.quote(name)} WAIT", f"slot {name}")

    def current_lsn(self) -> int:
        with self._connection() as connection:
            row = connection.execute("SELECT pg_current_wal_insert_lsn()::text AS lsn").fetchone()
        return lsn_from_text(row["lsn"]) if row else 0

    def heartbeat(self) -> None:
        """Write a mark into the source's log, so that quiet tables do not make it keep everybody's."""
        with self._connection() as connection:
            connection.execute("SELECT pg_logical_emit_message(true, %s, '')", (HEARTBEAT_PREFIX,))

    # --- reading ---

    @contextmanager
    def snapshot(self, *, consistent_with_slots: bool) -> Iterator[Snapshot]:
        """One moment of the source.

        consistent_with_slots: the moment is exactly a place in the change stream (a temporary slot exports it; needs
        the replication right). Otherwise an ordinary exported snapshot, for a full load alone.
        """
        if consistent_with_slots:
            with self._replication_connection() as connection:
                name = new_id("pergamon_load")[:63]
                result = self._command(
                    connection,
                    f"CREATE_REPLICATION_SLOT {self.quote(name)} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export')",
                    "a temporary slot for the full load",
                )
                lsn, exported = (result.get_value(0, 1) or b"").decode(), (result.get_value(0, 2) or b"").decode()
                yield PostgresSnapshot(self, lsn_from_text(lsn), exported)
            return
        with self._connection(autocommit=False) as holder:
            holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            row = holder.execute(
                "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() "
                "END::text AS lsn, pg_export_snapshot() AS exported"
            ).fetchone()
            found = row or {"lsn": "0/0", "exported": ""}
            yield PostgresSnapshot(self, lsn_from_text(found["lsn"]), found["exported"])

    @contextmanager
    def stream(self, slot: str, publications: Sequence[str], start_lsn: int) -> Iterator[ChangeStream]:
        """Open the change stream. Raises: SlotInUse, SlotLost, SourceRefused, SourceUnavailable."""
        with self._replication_connection() as connection:
            version = connection.server_version
            names = ",".join(self.quote(name) for name in publications)
            options = ["proto_version '2'", "streaming 'on'", "messages 'true'", f"publication_names '{names}'"]
            if version < OLDEST_SERVER:
                raise SourceRefused(
                    "the source is older than PostgreSQL 14", hint="upgrade it, or use a full load alone"
                )
            self._command(
                connection,
                f"START_REPLICATION SLOT {self.quote(slot)} LOGICAL {lsn_text(start_lsn)} ({', '.join(options)})",
                f"slot {slot}",
                expected=pq.ExecStatus.COPY_BOTH,
            )
            yield PostgresChangeStream(connection, self._where())

    def quote(self, name: str) -> str:
        return quoted(name)

    # --- connections ---

    def _session(self, **more: str) -> str:
        options = " ".join(f"-c {name}={value}" for name, value in OUTPUT_SETTINGS.items())
        return make_conninfo(
            self.conninfo,
            application_name="pergamon",
            keepalives="1",
            keepalives_idle="30",
            options=options,
            **more,
        )

    def session_conninfo(self) -> str:
        """With the output settings; it may hold a password: never print it."""
        return self._session()

    @contextmanager
    def _connection(self, *, autocommit: bool = True) -> Iterator[psycopg.Connection[DictRow]]:
        try:
            connection = psycopg.connect(self._session(), autocommit=autocommit, row_factory=dict_row)
        except psycopg.OperationalError as error:
            raise self._cannot_connect(str(error)) from None
        try:
            yield connection
        except psycopg.errors.InsufficientPrivilege as error:
            raise SourceRefused(
                f"{self._where()}: {error.diag.message_primary}", hint="run the script of `pergamon replication script`"
            ) from None
        except psycopg.OperationalError as error:
            raise SourceUnavailable(f"{self._where()} broke off: {reason_of(str(error))}", hint=_AGAIN) from None
        finally:
            connection.close()

    @contextmanager
    def _replication_connection(self) -> Iterator[pq.abc.PGconn]:
        connection = pq.PGconn.connect(self._session(replication="database").encode())
        try:
            if connection.status != pq.ConnStatus.OK:
                raise self._cannot_connect(connection.get_error_message())
            yield connection
        finally:
            connection.finish()

    def _where(self) -> str:
        parts = conninfo_to_dict(self.conninfo)
        host, user = parts.get("host", "localhost"), parts.get("user", "the default user")
        return f"the source {parts.get('dbname', '')} at {host} as {user}"

    def _cannot_connect(self, message: str) -> SourceUnavailable | SourceRefused:
        if re.search("password authentication failed|no password supplied", message):
            return SourceRefused(
                f"{self._where()} refuses the password",
                hint="`pergamon secret set NAME`, with the name that the task's source gives",
            )
        if re.search("walsender|WAL sender|REPLICATION attribute|no pg_hba.conf entry for replication", message):
            return SourceRefused(
                f"{self._where()} may not replicate",
                hint=f"ALTER ROLE ... REPLICATION: {_ASK}",
            )
        if re.search("no pg_hba.conf entry|does not exist|not permitted", message):
            return SourceRefused(
                f"{self._where()} refuses the connection: {reason_of(message)}", hint="see pg_hba.conf there"
            )
        return SourceUnavailable(f"{self._where()} does not answer: {reason_of(message)}", hint="is it up? " + _AGAIN)

    def _administer(self, statement: str, what: str) -> None:
        with self._connection() as connection:
            try:
                connection.execute(statement.encode())
            except psycopg.Error as error:
                raise SourceRefused(
                    f"{self._where()} cannot make {what}: {error.diag.message_primary}",
                    hint=_ASK,
                ) from None

    def _table_list(self, tables: Sequence[SourceTable]) -> str:
        return ", ".join(f"{self.quote(table.schema)}.{self.quote(table.table)}" for table in tables)

    def _command(
        self,
        connection: pq.abc.PGconn,
        command: str,
        what: str,
        *,
        expected: pq.ExecStatus = pq.ExecStatus.TUPLES_OK,
    ) -> pq.abc.PGresult:
        result = connection.exec_(command.encode())
        if result.status in (expected, pq.ExecStatus.COMMAND_OK):
            return result
        state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        message = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"the connection broke off").decode()
        raise _refusal(self._where(), what, state, message)


def _refusal(  # noqa: PLR0911 - one line for each way to be refused
    where: str, what: str, state: str, message: str
) -> SourceUnavailable | SourceRefused | SlotInUse | SlotLost:
    if state == "55006":
        return SlotInUse(
            f"{where}: {what} is read by another process", hint="stop the other replicator, or name another slot"
        )
    if state == "42704" or "can no longer get changes" in message or "has been invalidated" in message:
        return SlotLost(
            f"{where}: {what}: {message}", hint="start the task with --reload: a new slot and a new full load"
        )
    if state == "53400":
        return SourceRefused(
            f"{where} has no free replication slot", hint="raise max_replication_slots, or drop unused slots"
        )
    if state == "42501":
        return SourceRefused(
            f"{where} may not replicate: {message}", hint="run the script of `pergamon replication script` there"
        )
    if "wal_level" in message:
        return SourceRefused(
            f"{where}: wal_level is not logical", hint="set wal_level = logical and restart the source"
        )
    if not state:
        return SourceUnavailable(f"{where} broke off", hint=_AGAIN)
    return SourceRefused(f"{where}: {what}: {message}", hint=f"PostgreSQL error {state}")


class PostgresSnapshot:
    """A snapshot, valid while its context is open."""

    def __init__(self, source: PostgresSource, lsn: int, exported: str) -> None:
        self._source, self._lsn, self._exported = source, lsn, exported

    @property
    def lsn(self) -> int:
        return self._lsn

    def read(self, table: SourceTable, columns: Sequence[tuple[str, str]]) -> Iterator[pa.RecordBatch]:
        """Stream a table in batches of some 16 MB. Memory does not grow with the table.

        Raises:
            SourceRefused: the table cannot be read.
            SourceUnavailable: the source broke off.
        """
        import adbc_driver_manager
        import adbc_driver_postgresql.dbapi as adbc

        quote = self._source.quote
        chosen = ", ".join(f"{expression} AS {quote(name)}" for name, expression in columns)
        statement = f"SELECT {chosen} FROM {quote(table.schema)}.{quote(table.table)}"  # noqa: S608 - quoted names
        try:
            with (
                adbc.connect(self._source.session_conninfo(), autocommit=False) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{self._exported}'")
                cursor.execute(statement)
                yield from cursor.fetch_record_batch()
        except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
            raise _load_failure(table, error) from None


def _load_failure(table: SourceTable, error: Exception) -> SourceRefused | SourceUnavailable:
    state = getattr(error, "sqlstate", None)
    if state == "42501":
        return SourceRefused(
            f"table {table.full_name} may not be read",
            hint=f"GRANT SELECT: {_ASK}",
        )
    if state is not None and not state.startswith(("57", "08", "XX")):
        return SourceRefused(
            f"table {table.full_name} cannot be read: PostgreSQL error {state}", hint="see the source's log"
        )
    return SourceUnavailable(f"the source broke off while {table.full_name} was read", hint=_AGAIN)


class PostgresChangeStream:
    """START_REPLICATION, running."""

    def __init__(self, connection: pq.abc.PGconn, where: str) -> None:
        self._connection, self._where = connection, where
        connection.nonblocking = 1

    def receive(self, timeout_s: float) -> Sequence[Data | Keepalive]:
        """Raises: SourceUnavailable when the source broke off."""
        found = self._buffered()
        if found or not self._readable(timeout_s):
            return found
        try:
            self._connection.consume_input()
        except psycopg.OperationalError:
            raise self._broken_off() from None
        return self._buffered()

    def confirm(self, lsn: int, *, reply: bool = False) -> None:
        now_us = int((time.time() - _POSTGRES_EPOCH_S) * 1_000_000)
        try:
            self._connection.put_copy_data(_STATUS.pack(b"r", lsn, lsn, lsn, now_us, int(reply)))
            while self._connection.flush() == 1:
                select.select([], [self._connection.socket], [], 5)
        except psycopg.OperationalError:
            raise self._broken_off() from None

    def close(self) -> None:
        self._connection.finish()

    def _buffered(self) -> list[Data | Keepalive]:
        found: list[Data | Keepalive] = []
        get, append = self._connection.get_copy_data, found.append
        while len(found) < _MOST_MESSAGES:
            length, data = get(1)
            if length == 0:
                break
            if length < 0:
                raise self._broken_off()
            kind = data[0]
            if kind == 0x77:  # w: XLogData
                append(Data(bytes(data[_XLOG_DATA_HEADER:])))
            elif kind == 0x6B:  # k: keepalive
                append(Keepalive(int.from_bytes(data[1:9], "big")))
        return found

    def _readable(self, timeout_s: float) -> bool:
        return bool(select.select([self._connection.socket], [], [], timeout_s)[0])

    def _broken_off(self) -> SourceUnavailable | SlotLost | SlotInUse | SourceRefused:
        result = self._connection.get_result()
        state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode() if result else ""
        message = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode() if result else ""
        if state and not state.startswith(("57", "08")):
            return _refusal(self._where, "the change stream", state, message)
        return SourceUnavailable(f"{self._where} broke off the change stream", hint=_AGAIN)


_ASK = "the source's administrator runs the script of `pergamon replication script`"
_AGAIN = "start the task again once the source answers: it goes on where it was"


def reason_of(message: str) -> str:
    """One line that says what failed: the last, of those that libpq sets not in by a tab to ask if the server runs."""
    lines = [line.strip() for line in message.splitlines() if line.strip() and not line.startswith("\t")]
    reason = re.sub(r"^(- host: .*, hostaddr: \S+: )?(connection (failed|is bad): )?", "", lines[-1]) if lines else ""
    return "".join(c if c.isprintable() else "·" for c in reason)[:300] or "no reason given"


def _identity_columns(row: DictRow, columns: Sequence[SourceColumn]) -> tuple[str, ...]:
    match row["identity"]:
        case "d":
            return tuple(row["primary_key"])
        case "i":
            return tuple(row["identity_index"])
        case "f":
            return tuple(row["primary_key"]) or tuple(column.name for column in columns)
        case _:
            return ()


_FACTS = """
SELECT current_setting('server_version_num')::int AS version,
       current_setting('wal_level') AS wal_level,
       r.rolreplication OR r.rolsuper AS can_replicate,
       has_database_privilege(current_database(), 'CREATE') AS can_create,
       current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots)::int AS free_slots,
       current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication)::int AS free_senders,
       current_user::text AS user, current_database()::text AS database, pg_is_in_recovery() AS is_standby
FROM pg_roles r WHERE r.rolname = current_user
"""

_COLUMNS = """
SELECT a.attrelid::bigint AS relation, a.attname::text AS name, a.atttypid::bigint AS type_oid, a.atttypmod AS typmod,
       CASE WHEN n.nspname = 'pg_catalog' THEN b.typname::text ELSE n.nspname || '.' || b.typname END AS type_name,
       a.attnotnull AS not_null
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
JOIN pg_namespace s ON s.oid = c.relnamespace AND s.nspname !~ '^pg_' AND s.nspname <> 'information_schema'
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
JOIN pg_namespace n ON n.oid = b.typnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attrelid, a.attnum
"""

_KEY_OF_INDEX = """
coalesce((SELECT array_agg(a.attname::text ORDER BY k.place)
          FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
          WHERE i.indrelid = c.oid AND i.{which} AND k.place <= i.indnkeyatts), '{{}}')
"""

_TABLES = f"""
SELECT c.oid::bigint AS relation, s.nspname::text AS schema, c.relname::text AS table, c.relreplident::text AS identity,
       c.reltuples::bigint AS estimated_rows, c.relkind = 'p' AS partitioned,
       pg_has_role(c.relowner, 'USAGE') AS owned,
       has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(s.oid, 'USAGE') AS readable,
       {_KEY_OF_INDEX.format(which="indisprimary")} AS primary_key,
       {_KEY_OF_INDEX.format(which="indisreplident")} AS identity_index
FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
  AND s.nspname !~ '^pg_' AND s.nspname <> 'information_schema'
ORDER BY s.nspname, c.relname
"""  # noqa: S608 - no value is interpolated

_PUBLICATION = """
SELECT pubinsert AS insert, pubupdate AS update, pubdelete AS delete, pubtruncate AS truncate, pubviaroot AS via_root
FROM pg_publication WHERE pubname = %s
"""
_PUBLICATION_TABLES = (
    "SELECT schemaname::text AS schema, tablename::text AS table FROM pg_publication_tables WHERE pubname = %s"
)
_PUBLICATION_FILTERS = """
SELECT s.nspname::text AS schema, c.relname::text AS table
FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid
JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE p.pubname = %s AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL)
"""
_SLOT = """
SELECT plugin::text AS plugin, confirmed_flush_lsn::text AS confirmed, active, wal_status::text AS wal_status,
       pg_current_wal_insert_lsn() - restart_lsn AS retained
FROM pg_replication_slots WHERE slot_name = %s
"""
