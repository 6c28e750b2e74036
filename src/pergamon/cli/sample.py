"""`pergamon sample`: put a sample hospital into any PostgreSQL, keep it alive, or run one with a server of its own."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import psycopg

from pergamon import samples
from pergamon.cli.context import echo_json, json_option
from pergamon.kernel import Conflict, Invalid, Unavailable, durable_write


class SourceNotNamed(Invalid):
    """The database to fill was given twice, or not at all."""

    code = "samples.source_not_named"


class SourceUnreachable(Unavailable):
    """The database did not let us in, or went away."""

    code = "samples.source_unreachable"


class SourceRefused(Invalid):
    """The database refused a statement: a missing right, most often."""

    code = "samples.source_refused"


class NotASampleDirectory(Conflict):
    """The directory holds something else; a hospital is not started among other people's files."""

    code = "samples.not_a_sample_directory"


@click.group("sample")
def sample_group() -> None:
    """Sample data to try everything on."""


@sample_group.command("hospital")
@click.argument("conninfo", required=False)
@click.option(
    "--database-url-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Read the connection string from this file, so that its password shows in no process list.",
)
@click.option("--patients", default=1_000, show_default=True, type=click.IntRange(20, 10_000_000), help="How many.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same hospital.")
@click.option("--until", type=click.DateTime(), help="Newest instant in the data, UTC [the server's present hour].")
@click.option("--replace", is_flag=True, help="Drop an earlier sample hospital first.")
@click.option("--live", "rate", type=click.FloatRange(0.01, 10_000), help="Then keep changing it: transactions/s.")
@click.option("--duration", "duration_s", type=click.FloatRange(0.1), help="With --live: stop after this many seconds.")
@click.option("--changes", "limit", type=click.IntRange(1), help="With --live: stop after this many transactions.")
@json_option
def hospital_command(
    *,
    conninfo: str | None,
    database_url_file: Path | None,
    patients: int,
    seed: int,
    until: datetime | None,
    replace: bool,
    rate: float | None,
    duration_s: float | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Fill the PostgreSQL at CONNINFO (a libpq string or URL) with a sample hospital.

    The password may come from PGPASSWORD, PGPASSFILE or --database-url-file. With --live, a hospital that is already
    there is kept and changed.
    """
    if rate is None and (duration_s is not None or limit is not None):
        raise click.UsageError("--duration and --changes go with --live")
    with _connected(_where(conninfo, database_url_file)) as connection:
        answer: dict[str, Any] = {}
        if rate is None or replace or not samples.is_sample_hospital(connection):
            answer["rows"] = samples.fill_hospital(
                connection,
                patients=patients,
                seed=seed,
                until=until.replace(tzinfo=UTC) if until else None,
                replace=replace,
                on_progress=None if as_json else _tell_rows,
            )
        if rate is not None:
            answer["changes"] = _live(connection, seed, rate=rate, duration_s=duration_s, limit=limit, as_json=as_json)
    if as_json:
        echo_json(answer)
    elif "rows" in answer:
        click.echo(f"{sum(answer['rows'].values()):,} rows in {len(answer['rows'])} tables")


@sample_group.command("serve")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--patients", default=400, show_default=True, type=click.IntRange(20, 10_000_000), help="How many.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same hospital.")
@click.option("--live", "rate", type=click.FloatRange(0.01, 10_000), help="Keep changing it: transactions/s.")
def serve_command(directory: Path, patients: int, seed: int, rate: float | None) -> None:
    """Run a sample hospital in DIRECTORY, in the foreground, on a PostgreSQL of its own; end it with Ctrl-C.

    The first time it is filled. How to connect is written to DIRECTORY/hospital.url, readable by you alone.
    """
    from pergamon.runtime import sample_source  # here: the other verbs of this file need no engine

    directory = directory.absolute()
    if directory.exists() and any(directory.iterdir()) and not (directory / URL_FILE).exists():
        raise NotASampleDirectory(f"{directory} holds other files", hint="name a new directory")
    source = sample_source(directory / "server")
    with _asked_to_stop() as stop, source.in_use():
        durable_write(directory / URL_FILE, source.conninfo.encode())
        with _connected(source.conninfo) as connection:
            if not samples.is_sample_hospital(connection):
                samples.fill_hospital(connection, patients=patients, seed=seed, replace=True, on_progress=_tell_rows)
            _tell_where(directory, source.parameters())
            if rate is None:
                stop.wait()
            else:
                samples.keep_changing(connection, seed=seed, rate_per_s=rate, wait=stop.wait, on_change=_tell_change())
    click.echo("stopped; the hospital is kept, and starts again with the same command")


@sample_group.command("medical-assets")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--patients", default=200, show_default=True, type=click.IntRange(1, 1_000_000), help="How many.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same files.")
@json_option
def medical_assets_command(directory: Path, patients: int, seed: int, *, as_json: bool) -> None:
    """Write a folder of sample files, in several formats, into DIRECTORY: something to upload."""
    told = None if as_json else lambda path, rows: click.echo(f"  {path:<48} {rows:>8,} rows")
    written = samples.write_medical_assets(directory, patients=patients, seed=seed, on_file=told)
    if as_json:
        echo_json({"rows": dict(written)})
    else:
        click.echo(f"{sum(written.values()):,} rows in {len(written)} files in {directory}")


URL_FILE = "hospital.url"


def _tell_where(directory: Path, parameters: dict[str, str]) -> None:
    """The connection without its password, which stands in two files that only this user can read."""
    click.echo("The hospital is open. Ctrl-C closes it.")
    click.echo(f"  host      {parameters['host']}")
    click.echo(f"  database  {parameters['dbname']}, user {parameters['user']}")
    click.echo(f"  password  in {directory / 'server' / 'password'}")
    click.echo(f"  together  in {directory / URL_FILE}")


def _live(
    connection: psycopg.Connection[Any],
    seed: int,
    *,
    rate: float,
    duration_s: float | None,
    limit: int | None,
    as_json: bool,
) -> dict[str, int]:
    with _asked_to_stop() as stop:
        counts = samples.keep_changing(
            connection,
            seed=seed,
            rate_per_s=rate,
            duration_s=duration_s,
            limit=limit,
            wait=stop.wait,
            on_change=None if as_json else _tell_change(),
        )
    if not as_json:
        for kind, count in sorted(counts.items()):
            click.echo(f"  {kind:<24} {count:>9,}")
        click.echo(f"{sum(counts.values()):,} transactions")
    return counts


def _where(conninfo: str | None, database_url_file: Path | None) -> str:
    if (conninfo is None) == (database_url_file is None):
        raise SourceNotNamed(
            "name one database", hint="give CONNINFO, as host=… dbname=… user=…, or --database-url-file"
        )
    return conninfo if conninfo is not None else database_url_file.read_text().strip() if database_url_file else ""


@contextmanager
def _connected(conninfo: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection whose troubles become errors of ours. The server's own text may hold row values: only its class."""
    try:
        with psycopg.connect(conninfo, autocommit=True, application_name="pergamon-sample") as connection:
            yield connection
    except psycopg.ProgrammingError as refused:
        state = refused.sqlstate or "connection string"
        raise SourceRefused(
            f"the database refused ({state}, {type(refused).__name__})",
            hint="the user needs CREATE on the database; the connection string must be one that libpq reads",
        ) from refused
    except psycopg.OperationalError as gone:
        raise SourceUnreachable(
            "the database does not answer, or does not let us in", hint="check host, port, user and password"
        ) from gone


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set, so that a running transaction is finished first."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda *_: stop.set())
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell_rows(table: str, rows: int, total: int) -> None:
    click.echo(f"  {table:<26} {rows:>10,} of {total:,}")


def _tell_change() -> Callable[[str, int], None]:
    def tell(kind: str, done: int) -> None:
        if done % 100 == 0 or kind == "add column":
            click.echo(f"  {done:>9,} transactions, the last: {kind}")

    return tell
