"""`pergamon query` and `tables`: as a client of a server, or as the operator acting for a person, on the record.

A text is run while one waits, or submitted and its rows fetched later; texts are kept under names.
"""

import csv
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import click
from rich.console import Console
from rich.table import Table

from pergamon.cli.client import client_at
from pergamon.cli.context import CliContext, echo_json, json_option, tell
from pergamon.cli.one_line import one_line
from pergamon.cli.statement_place import StatementPlace, statement_place
from pergamon.kernel import Conflict, Invalid, NotFound, open_exclusive

ROWS_ON_SCREEN = 100
WIDEST_CELL = 80
RECENT = 50

server_option = click.option("--server", metavar="URL", help="Client mode: ask this server, with your token.")
token_file_option = click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A 0600 file with your token; PERGAMON_TOKEN goes before it, a login after it.",
)
SHORTEST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0


class StatementNotDone(Conflict):
    """A statement that was waited for ended without rows."""

    code = "client.statement_not_done"


class OutFile(click.Path):
    """A file whose ending says what is written into it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(value)
        if path.suffix not in (".parquet", ".arrow", ".csv"):
            self.fail("a file of rows ends with .parquet, .arrow or .csv", param, ctx)
        return path


OUT_FILE = OutFile()


class QueryGroup(click.Group):
    """`pergamon query "select …"` is short for `pergamon query run "select …"`: no verb of it could be a query."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        is_short = bool(args) and args[0] not in self.commands and args[0] not in ctx.help_option_names
        return super().parse_args(ctx, ["run", *args] if is_short else args)


def _with_options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options in their order."""

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


place_options = _with_options(server_option, token_file_option)
run_options = _with_options(
    click.option("--workgroup", help="Whose limits hold [default, or the only one that is yours]."),
    click.option("--background", is_flag=True, help="Submit it, print its id, and do not wait."),
    click.option("--out", type=OUT_FILE, metavar="FILE", help="Write all rows to FILE.parquet, .arrow or .csv."),
    server_option,
    token_file_option,
    json_option,
    click.option("--csv", "as_csv", is_flag=True, help="Print CSV for a program."),
)


@click.group("query", cls=QueryGroup)
def query_command() -> None:
    """Run SQL, one SELECT over the tables that you may read; now, or submitted and fetched later.

    `pergamon query "SELECT …"` is short for `pergamon query run "SELECT …"`.
    """


@query_command.command("run")
@click.argument("sql")
@run_options
@click.pass_obj
def run_command(context: CliContext, /, *, sql: str, **how: Any) -> None:
    """Run one SELECT over the tables that you may read. `-` reads it from standard input."""
    _run(context, sys.stdin.read() if sql == "-" else sql, **how)


@query_command.command("status")
@click.argument("query_id", metavar="[ID]", required=False)
@place_options
@json_option
@click.pass_obj
def status_command(
    context: CliContext, query_id: str | None, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """Say where a statement of yours is; without an ID, where the newest are."""
    with statement_place(context, server, token_file) as place:
        found = [place.state(query_id)] if query_id else place.history("", RECENT)
    if as_json:
        echo_json(found[0] if query_id else found)
        return
    for told in found:
        click.echo(_state_line(told))
    if query_id and found[0]["error_message"]:
        click.echo(one_line(f"  {found[0]['error_message']}"))


@query_command.command("history")
@click.argument("text", default="")
@click.option("--limit", default=RECENT, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
@place_options
@json_option
@click.pass_obj
def history_command(
    context: CliContext, *, text: str, limit: int, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """List what you ran, newest first; with TEXT, that in which it stands, in letters of either case."""
    with statement_place(context, server, token_file) as place:
        found = place.history(text, limit)
    if as_json:
        echo_json(found)
        return
    for told in found:
        click.echo(one_line(f"{told['submitted_at'][:16]}  {told['id']}  {told['status']}  {told['sql']}"))


@query_command.command("results")
@click.argument("query_id", metavar="ID")
@click.option("--out", type=OUT_FILE, metavar="FILE", help="Write all rows to FILE.parquet, .arrow or .csv.")
@place_options
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV for a program.")
@click.pass_obj
def results_command(
    context: CliContext,
    *,
    query_id: str,
    out: Path | None,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Fetch the rows of a statement of yours, as long as they are kept and you may read what they were read from."""
    started = time.monotonic()
    with statement_place(context, server, token_file) as place:
        if out is not None:
            _write(place.file(query_id, _form(out)), out, query_id)
            return
        told = place.rows(query_id)
    _print(told, started, as_json=as_json, as_csv=as_csv)


@query_command.command("cancel")
@click.argument("query_id", metavar="ID")
@place_options
@json_option
@click.pass_obj
def cancel_command(
    context: CliContext, query_id: str, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """End a statement of yours that waits or runs."""
    with statement_place(context, server, token_file) as place:
        told = place.cancel(query_id)
    tell(told, "cancelled" if told["status"] == "cancelled" else "it ends within a second", as_json=as_json)


@query_command.command("save")
@click.argument("name")
@click.argument("sql")
@click.option("--project", help="Its members may read the text, too.")
@place_options
@json_option
@click.pass_obj
def save_command(
    context: CliContext,
    *,
    name: str,
    sql: str,
    project: str | None,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Keep a text under a name; nothing is run. `-` reads it from standard input."""
    text = sys.stdin.read() if sql == "-" else sql
    with statement_place(context, server, token_file) as place:
        told = place.save(name, text, project)
    tell(told, f"saved; run it with `pergamon query run-saved {name}`", as_json=as_json)


@query_command.command("saved")
@click.option("--rm", "removed", metavar="NAME", help="Remove this one of yours.")
@place_options
@json_option
@click.pass_obj
def saved_command(
    context: CliContext, *, removed: str | None, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """List the texts that you keep, and those that your projects share; or remove one of yours."""
    with statement_place(context, server, token_file) as place:
        if removed is not None:
            place.remove_saved(removed)
            tell({"name": removed}, f"{one_line(removed)} is removed", as_json=as_json)
            return
        found = place.saved()
    if as_json:
        echo_json(found)
        return
    for told in found:
        shared = f"  shared with {told['project']}" if told["project"] else ""
        click.echo(one_line(f"{told['name']}  {told['owner']}{shared}"))


@query_command.command("run-saved")
@click.argument("name")
@click.option("--of", "owner", metavar="PERSON", help="Whose; without it, your own.")
@run_options
@click.pass_obj
def run_saved_command(context: CliContext, /, *, name: str, owner: str | None, **how: Any) -> None:
    """Run a text that is kept under a name; every table in it is decided on for you, now."""
    whose = f"person:{owner}" if owner and ":" not in owner else owner
    with statement_place(context, how["server"], how["token_file"]) as place:
        text = place.saved_text(name, whose)
    _run(context, text, **how)


def _run(
    context: CliContext,
    text: str,
    *,
    workgroup: str | None,
    background: bool,
    out: Path | None,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    started = time.monotonic()
    if out is not None and server is None and not background:
        _out_as_operator(context, text, workgroup, out)
        return
    if background or out is not None:
        with statement_place(context, server, token_file) as place:
            told = place.submit(text, workgroup)
            if background:
                _tell_submitted(told, as_json=as_json)
            elif out is not None:
                _wait_for(place, told["id"])
                _write(place.file(told["id"], _form(out)), out, told["id"])
        return
    if server is not None:
        context.refuse_impersonation()
        result = client_at(server, token_file).post("/api/v1/query", {"sql": text, "workgroup": workgroup})
    else:
        result = _as_operator(context, text, workgroup)
    _print(result, started, as_json=as_json, as_csv=as_csv)


def _tell_submitted(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        echo_json(told)
        return
    click.echo(told["id"])
    click.echo(f"its rows: `pergamon query results {told['id']}`", err=True)


def _wait_for(place: StatementPlace, query_id: str) -> None:
    """Until it is done.

    Raises:
        StatementNotDone: it ended in another way.
    """
    pause_s = SHORTEST_PAUSE_S
    while (told := place.state(query_id))["status"] in ("queued", "running"):
        time.sleep(pause_s)
        pause_s = min(LONGEST_PAUSE_S, pause_s * 1.5)
    if told["status"] != "done":
        why = told["error_message"] or f"the statement {query_id} is {told['status']}"
        raise StatementNotDone(why, hint=told["error_hint"])


def _out_as_operator(context: CliContext, sql: str, workgroup: str | None, out: Path) -> None:
    """Without a server nobody may be there to take a statement up: it is run here."""
    from pergamon import query

    with context.open() as runtime:
        result = runtime.run_query(context.actor(runtime), sql, workgroup=workgroup)
    with TemporaryDirectory() as folder:
        kept = query.ResultArea(Path(folder)).keep("rows", result.id, result.table)
        _write(query.pieces_of(kept.path, _form(out)), out, result.id)


def _form(out: Path) -> str:
    return out.suffix.removeprefix(".")


def _write(pieces: Iterable[bytes], out: Path, query_id: str) -> None:
    """The file has its name only when it is whole."""
    half = out.with_name(f".{out.name}.{query_id}.part")
    try:
        with open_exclusive(half) as file:
            for piece in pieces:
                file.write(piece)
        half.replace(out)
    except OSError as error:
        raise Invalid(
            f"{out} cannot be written ({type(error).__name__})", hint="name a file in a folder where you may write"
        ) from None
    finally:
        half.unlink(missing_ok=True)
    click.echo(f"{out}  {out.stat().st_size:,} bytes", err=True)


def _state_line(told: dict[str, Any]) -> str:
    rows = f"  {told['rows']:,} {'row' if told['rows'] == 1 else 'rows'}" if told["rows"] is not None else ""
    kept = f"  rows until {told['result_until'][:16]}" if told["result_until"] else ""
    why = f"  {told['error_code']}" if told["error_code"] else ""
    return one_line(f"{told['id']}  {told['status']}{rows}{why}{kept}")


def _print(result: dict[str, Any], started: float, *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        echo_json(result)
    elif as_csv:
        _print_csv(result)
    else:
        _print_table(result, time.monotonic() - started)


@click.command("tables")
@click.argument("name", metavar="[DATABASE.TABLE]", required=False)
@server_option
@token_file_option
@json_option
@click.pass_obj
def tables_command(
    context: CliContext, name: str | None, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """List the tables that you may read; or the columns of one, with their types."""
    if server is not None:
        context.refuse_impersonation()
        path = "/api/v1/tables" + (f"/{quote(_database(name), safe='')}/{quote(_table(name), safe='')}" if name else "")
        told = client_at(server, token_file).get(path)
    else:
        told = _table_as_operator(context, name) if name else _tables_as_operator(context)
    if as_json:
        echo_json(told)
    elif name:
        _print_columns(told["columns"])
        if told["asset"]:
            click.echo(f"asset {told['asset']['id']}  {one_line(told['asset']['title'])}", err=True)
    else:
        for table in told["tables"]:
            click.echo(f"{table['database']}.{table['table']}")


def _database(name: str) -> str:
    return _parts(name)[0]


def _table(name: str) -> str:
    return _parts(name)[1]


def _parts(name: str) -> tuple[str, str]:
    """Names are matched without regard to case, as in a query."""
    database, dot, table = name.lower().partition(".")
    if not database or not dot or not table or "." in table:
        raise Invalid("this is not the name of a table in a database", hint="write DATABASE.TABLE")
    return database, table


def _print_columns(columns: list[dict[str, str]]) -> None:
    width = max((len(one_line(column["name"])) for column in columns), default=0)
    for column in columns:
        click.echo(f"{one_line(column['name']):<{width}}  {one_line(column['type'])}")


def _as_operator(context: CliContext, sql: str, workgroup: str | None) -> dict[str, Any]:
    """Without a server: the operator, who reads no data, or with `--as` the person the operator acts as."""
    with context.open() as runtime:
        actor = context.actor(runtime)
        runtime.query_engine.prewarm()
        try:
            return runtime.run_query(actor, sql, workgroup=workgroup).as_json()
        except NotFound as error:
            _tell_operator(context, error)
            raise


def _tables_as_operator(context: CliContext) -> dict[str, Any]:
    from pergamon import query

    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        names = query.visible_tables(uow, runtime.query_catalog)
    return {"tables": [{"database": name.database, "table": name.table} for name in names]}


def _table_as_operator(context: CliContext, name: str) -> dict[str, Any]:
    from pergamon import query

    asked = query.TableName(*_parts(name))
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        try:
            return query.table_as_told(uow, runtime.query_catalog, asked)
        except NotFound as error:
            _tell_operator(context, error)
            raise


def _tell_operator(context: CliContext, error: NotFound) -> None:
    if context.as_person is None:
        error.hint = "the operator reads no data: ask with --server and a token, or --as a person"


def _print_csv(result: dict[str, Any]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow([column["name"] for column in result["columns"]])
    writer.writerows(result["rows"])
    if result["truncated"]:
        click.echo(_cut(result), err=True)


def _print_table(result: dict[str, Any], elapsed_s: float) -> None:
    table = Table(*(_cell(column["name"]) for column in result["columns"]), highlight=False)
    for row in result["rows"][:ROWS_ON_SCREEN]:
        table.add_row(*(_cell(value) for value in row))
    console = Console()
    if result["columns"]:
        console.print(table)
    shown = min(len(result["rows"]), ROWS_ON_SCREEN)
    more = f", the first {shown} shown" if shown < result["row_count"] else ""
    count = f"{result['row_count']:,} row{'' if result['row_count'] == 1 else 's'}"
    console.print(f"{count}{more}; {elapsed_s:.2f} s", highlight=False)
    if result["truncated"]:
        click.echo(_cut(result), err=True)


def _cut(result: dict[str, Any]) -> str:
    return f"there are more rows: the workgroup returns at most {result['row_count']:,}"


def _cell(value: Any) -> str:
    """A value on a screen: one line, no control characters (they could drive the terminal), no markup."""
    if value is None:
        return "[dim]null[/dim]"
    text = one_line(str(value))
    shown = text if len(text) <= WIDEST_CELL else text[: WIDEST_CELL - 1] + "…"
    return shown.replace("[", "\\[")
