"""`pergamon query` and `tables`: as a client of a server, or as the operator acting for a person, on the record."""

import csv
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from rich.console import Console
from rich.table import Table

from pergamon.cli.client import client_at
from pergamon.cli.context import CliContext, echo_json, json_option
from pergamon.kernel import Invalid, NotFound

ROWS_ON_SCREEN = 100
WIDEST_CELL = 80

server_option = click.option("--server", metavar="URL", help="Client mode: ask this server, with your token.")
token_file_option = click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A 0600 file with your token; PERGAMON_TOKEN goes before it, a login after it.",
)


@click.command("query")
@click.argument("sql")
@click.option("--workgroup", help="Whose limits hold [default, or the only one that is yours].")
@server_option
@token_file_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV for a program.")
@click.pass_obj
def query_command(
    context: CliContext,
    *,
    sql: str,
    workgroup: str | None,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Run SQL, one SELECT over the tables that you may read. `-` reads it from standard input."""
    text = sys.stdin.read() if sql == "-" else sql
    started = time.monotonic()
    if server is not None:
        context.refuse_impersonation()
        result = client_at(server, token_file).post("/api/v1/query", {"sql": text, "workgroup": workgroup})
    else:
        result = _as_operator(context, text, workgroup)
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
    width = max((len(_plain(column["name"])) for column in columns), default=0)
    for column in columns:
        click.echo(f"{_plain(column['name']):<{width}}  {_plain(column['type'])}")


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
            found = query.describe_table(uow, runtime.query_catalog, asked)
        except NotFound as error:
            _tell_operator(context, error)
            raise
    return found.description()


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


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "·" for c in text)


def _cell(value: Any) -> str:
    """A value on a screen: one line, no control characters (they could drive the terminal), no markup."""
    if value is None:
        return "[dim]null[/dim]"
    text = _plain(str(value))
    shown = text if len(text) <= WIDEST_CELL else text[: WIDEST_CELL - 1] + "…"
    return shown.replace("[", "\\[")
