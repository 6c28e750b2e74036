"""`pergamon crawl`: which crawlers there are, what became of their files; run one, try set-aside files again.

As the operator on the host, or as a client of a server.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import click

from pergamon import crawl
from pergamon.cli.client import Client, client_at
from pergamon.cli.context import CliContext, counted, echo_json, json_option
from pergamon.cli.one_line import one_line
from pergamon.cli.query import server_option, token_file_option
from pergamon.kernel import Actor, Invalid, Unavailable
from pergamon.lake import TableId
from pergamon.runtime import Runtime

LOOK_EVERY_S = 0.2
NOBODY_AFTER_S = 15.0
PAGE = 1000
STATES = [state.value for state in crawl.FileState]

Json = dict[str, Any]  # Any: whatever JSON can hold


class NobodyCrawls(Unavailable):
    """A crawl was asked for, and no worker takes it up."""

    code = "crawl.nobody_crawls"


class Crawlers(Protocol):
    """Who answers: this host, or a server; in the same words."""

    def ls(self) -> list[Json]: ...

    def status(self, name: str) -> Json: ...

    def files(self, name: str, state: str | None) -> Iterator[Json]: ...

    def run(self, name: str) -> None: ...

    def replay(self, name: str, key: str | None) -> int: ...

    def rebuild(self, table: TableId) -> int: ...


@dataclass(frozen=True)
class _Here:
    """This host, as the operator, or as a person the operator acts for."""

    runtime: Runtime
    actor: Actor

    def ls(self) -> list[Json]:
        with self.runtime.begin(self.actor) as uow:
            return [status.as_json() for status in crawl.list_crawlers(uow)]

    def status(self, name: str) -> Json:
        with self.runtime.begin(self.actor) as uow:
            return crawl.crawler_status(uow, name).as_json()

    def files(self, name: str, state: str | None) -> Iterator[Json]:
        after = ""
        while True:
            with self.runtime.begin(self.actor) as uow:
                found = crawl.crawled_files(uow, name, state=state, after=after, limit=PAGE)
            yield from found
            if len(found) < PAGE:
                return
            after = found[-1]["key"]

    def run(self, name: str) -> None:
        with self.runtime.begin(self.actor) as uow:
            crawl.request_crawl(uow, name)

    def replay(self, name: str, key: str | None) -> int:
        with self.runtime.begin(self.actor) as uow:
            return crawl.replay_files(uow, name, key)

    def rebuild(self, table: TableId) -> int:
        with self.runtime.begin(self.actor) as uow:
            return crawl.rebuild_table(uow, table)


@dataclass(frozen=True)
class _There:
    """A server, as a client with a token."""

    client: Client

    def ls(self) -> list[Json]:
        return list(self.client.get("/api/v1/crawlers")["crawlers"])

    def status(self, name: str) -> Json:
        return dict(self.client.get(_path(name)))

    def files(self, name: str, state: str | None) -> Iterator[Json]:
        asked = {"limit": str(PAGE)} | ({"state": state} if state else {})
        while True:
            told = self.client.get(f"{_path(name)}/files?{urlencode(asked)}")
            yield from told["files"]
            if told["next"] is None:
                return
            asked["after"] = told["next"]

    def run(self, name: str) -> None:
        self.client.post(f"{_path(name)}/run", {})

    def replay(self, name: str, key: str | None) -> int:
        return int(self.client.post(f"{_path(name)}/replay", {"key": key})["files"])

    def rebuild(self, table: TableId) -> int:
        place = f"/api/v1/tables/{quote(table.database, safe='')}/{quote(table.name, safe='')}/rebuild"
        return int(self.client.post(place, {})["files"])


def _path(name: str) -> str:
    return f"/api/v1/crawlers/{quote(name, safe='')}"


@contextmanager
def _crawlers(context: CliContext, server: str | None, token_file: Path | None) -> Iterator[Crawlers]:
    if server is not None:
        if context.as_person:
            raise Invalid("--as is for the operator on this host", hint="a client acts as the person of its token")
        yield _There(client_at(server, token_file))
        return
    with context.open() as runtime:
        yield _Here(runtime, context.actor(runtime))


def _asked(command: Callable[..., None]) -> Callable[..., None]:
    """What every command here may be told."""
    return server_option(token_file_option(json_option(click.pass_obj(command))))


@click.group("crawl")
def crawl_group() -> None:
    """Crawlers: files that become tables."""


@crawl_group.command("ls")
@_asked
def ls_command(context: CliContext, server: str | None, token_file: Path | None, as_json: bool) -> None:
    """List the crawlers, with how many files are in which state."""
    with _crawlers(context, server, token_file) as crawlers:
        found = crawlers.ls()
    if as_json:
        echo_json(found)
        return
    for status in found:
        click.echo(f"{status['name']}  {_where(status)} -> {status['database']}  {_progress(status)}")


@crawl_group.command("status")
@click.argument("name", required=False)
@_asked
def status_command(
    context: CliContext, name: str | None, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """One crawler, or all: the tables, the files by state, and what failed."""
    with _crawlers(context, server, token_file) as crawlers:
        found = [crawlers.status(one) for one in ([name] if name else [status["name"] for status in crawlers.ls()])]
    if as_json:
        echo_json(found[0] if name else found)
        return
    for status in found:
        _show(status)


def _show(status: Json) -> None:
    """Folders are named by whoever uploads: their names cannot speak to the terminal."""
    click.echo(f"{status['name']}: {_where(status)} -> {status['database']}, {_when(status)}")
    click.echo(f"  {_progress(status)}")
    for table in status["tables"]:
        held = f"{counted(table['rows'], 'row')} in {counted(table['data_files'], 'data file')}"
        told = f"{table['database']}.{table['name']}  from {table['folder'] or '/'}: {table['reason'] or held}"
        click.echo(f"  {one_line(told)}")
    for failure in status["failures"]:
        click.echo(f"  {one_line(failure['folder'] or '/')}: {one_line(failure['failure'])}; it is tried again")


@crawl_group.command("files")
@click.argument("name")
@click.option("--quarantined", is_flag=True, help="Only what was set aside because it cannot be read.")
@click.option("--state", type=click.Choice(STATES), help="Only files in this state.")
@_asked
def files_command(
    context: CliContext,
    *,
    name: str,
    quarantined: bool,
    state: str | None,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """What became of each file, by key; with the reason where it was set aside."""
    wanted = crawl.FileState.QUARANTINED.value if quarantined else state
    with _crawlers(context, server, token_file) as crawlers:
        found = crawlers.files(name, wanted)
        if as_json:
            echo_json(list(found))
            return
        for file in found:
            click.echo(f"{file['state']:11}  {one_line(file['key'])}  {', '.join(file['tables'])}".rstrip())
            for text in [file["reason"], *file["warnings"]]:
                if text:
                    click.echo(f"    {one_line(text)}")


@crawl_group.command("run")
@click.argument("name")
@click.option("--watch", is_flag=True, help="Show how far it is, until it is done.")
@_asked
def run_command(
    context: CliContext, *, name: str, watch: bool, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """List everything that a crawler looks after, now. What is unchanged is not read again."""
    with _crawlers(context, server, token_file) as crawlers:
        crawlers.run(name)
        status = _watch(crawlers, name, quiet=as_json) if watch else crawlers.status(name)
    if as_json:
        echo_json(status)
    elif not watch:
        click.echo(f"{name}: it will be listed; see `pergamon crawl status {name}`")


@crawl_group.command("replay")
@click.argument("name")
@click.argument("key", required=False)
@_asked
def replay_command(
    context: CliContext, *, name: str, key: str | None, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """Let files that were set aside be tried again: the one with this KEY, or all."""
    with _crawlers(context, server, token_file) as crawlers:
        files = crawlers.replay(name, key)
    if as_json:
        echo_json({"files": files})
    else:
        click.echo(f"{counted(files, 'file')} will be tried again")


@crawl_group.command("rebuild")
@click.argument("table")
@_asked
def rebuild_command(
    context: CliContext, table: str, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """Build TABLE (database.table) anew: read its folder's files again, each column as narrow as its values allow."""
    with _crawlers(context, server, token_file) as crawlers:
        files = crawlers.rebuild(TableId.parse(table))
    if as_json:
        echo_json({"files": files})
    else:
        click.echo(f"{counted(files, 'file')} will be read again")


@crawl_group.command("release")
@click.argument("table")
@click.option("--to", help="What the table of that folder is called from now on; by default the name with a number.")
@json_option
@click.pass_obj
def release_command(context: CliContext, table: str, to: str | None, as_json: bool) -> None:
    """Take the name TABLE (database.table) from the folder that has it. Only the operator, on the host."""
    found = TableId.parse(table)
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        name = crawl.release_name(uow, found, to=to)
    if as_json:
        echo_json({"released": str(found), "now_called": name})
    else:
        rest = (
            "its files are gone, and so is the table" if name is None else f"its files become {found.database}.{name}"
        )
        click.echo(f"{found} is free: {rest}")


def _watch(crawlers: Crawlers, name: str, *, quiet: bool) -> Json:
    """Follow a crawler until nothing is left to do.

    Raises:
        NobodyCrawls: the listing is not begun; no worker runs.
    """
    told, begun = "", time.monotonic()
    while True:
        status = crawlers.status(name)
        line = _progress(status)
        if not quiet and line != told:
            click.echo(f"{name}: {line}")
        if status["is_idle"]:
            return status
        if line != told:
            told, begun = line, time.monotonic()
        if status["is_listing"] and time.monotonic() - begun > NOBODY_AFTER_S:
            raise NobodyCrawls(f"nobody takes up the crawl of {name}", hint="is a worker running? `pergamon up`")
        time.sleep(LOOK_EVERY_S)


def _progress(status: Json) -> str:
    """`12 added, 3 pending; at work in 1 folder`."""
    parts = [f"{status['files'][state]:,} {state}" for state in STATES if status["files"].get(state)]
    work = "listing" if status["is_listing"] else ""
    if status["folders_at_work"]:
        work = f"{work}{', ' if work else ''}at work in {counted(status['folders_at_work'], 'folder')}"
    return "; ".join(filter(None, [", ".join(parts) or "no files", work]))


def _where(status: Json) -> str:
    return ", ".join(f"{status['bucket']}/{prefix}" for prefix in status["prefixes"])


def _when(status: Json) -> str:
    ways = ["at once when something is uploaded"] if status["on_event"] else []
    ways += [f"at {status['schedule']}"] if status["schedule"] else []
    return " and ".join(ways) or "when it is asked to"
