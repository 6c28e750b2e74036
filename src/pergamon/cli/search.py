"""`pergamon search`: find assets by words and facets, as a client of a server or as the operator."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click
from rich.console import Console
from rich.text import Text

from pergamon.cli.client import client_at
from pergamon.cli.context import CliContext, counted, echo_json, json_option
from pergamon.cli.one_line import one_line
from pergamon.cli.query import server_option, token_file_option
from pergamon.kernel import Actor, require

if TYPE_CHECKING:
    from pergamon.runtime import Runtime

FACETS = ("type", "project", "node", "account", "unit", "term", "tag", "classification", "format", "freshness")
SORTS = ("relevance", "name", "updated", "quality")
VALUES_SHOWN = 8
WIDE = 100_000

Told = dict[str, Any]  # Any: JSON


def facet_options(command: Any) -> Any:
    """One repeatable option for each facet."""
    for facet in reversed(FACETS):
        text = "Updated within a day, week, month, year; or older." if facet == "freshness" else f"Only this {facet}."
        command = click.option(f"--{facet}", multiple=True, metavar="VALUE", help=f"{text} Again: or.")(command)
    return command


@click.command("search")
@click.argument("words", nargs=-1, metavar="[TEXT]...")
@facet_options
@click.option("--sort", type=click.Choice(SORTS), default="relevance", show_default=True)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="Results on a page.")
@click.option("--after", metavar="CURSOR", help="The next page: the cursor that the page before told.")
@click.option("--facets", "with_facets", is_flag=True, help="Also how many there are of each kind.")
@click.option("--rebuild", is_flag=True, help="Operator: make the index anew, then search.")
@server_option
@token_file_option
@json_option
@click.pass_obj
def search_command(
    context: CliContext,
    /,
    *,
    words: tuple[str, ...],
    sort: str,
    limit: int,
    after: str | None,
    with_facets: bool,
    rebuild: bool,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
    **selected: tuple[str, ...],
) -> None:
    """Find assets by TEXT: words, or the beginning of the last one; slips are forgiven. Without TEXT: everything."""
    asked = [("text", " ".join(words)), ("sort", sort), ("limit", str(limit)), *([("after", after)] if after else [])]
    asked += [(facet, value) for facet, values in selected.items() for value in values]
    if server is None:
        told = _as_operator(context, asked, rebuild=rebuild)
    elif context.as_person is not None or rebuild:
        raise click.UsageError("--as and --rebuild belong to operator mode: with --server you are who your token says")
    else:
        told = client_at(server, token_file).get(f"/api/v1/search?{urlencode(asked, errors='replace')}")
    if as_json:
        echo_json(told)
    else:
        _print(told, with_facets=with_facets)


def _as_operator(context: CliContext, asked: list[tuple[str, str]], *, rebuild: bool) -> Told:
    """Without a server: the operator, who sees every description, or with `--as` the person the operator acts as."""
    from pergamon import search

    with context.open() as runtime:
        actor = context.actor(runtime)
        if rebuild:
            _make_anew(runtime, actor)
        return runtime.search_catalog(actor, search.request_of(asked)).as_json()


def _make_anew(runtime: Runtime, actor: Actor) -> None:
    """Raises: AccessDenied."""
    from pergamon import search
    from pergamon.policy import Action, Resource

    with runtime.begin(actor) as uow:
        require(runtime.decide(uow, Action.PLATFORM_OPERATE, Resource("search", "index")))
        search.discard_index(uow)
    runtime.searching.catch_up()


def _print(told: Told, *, with_facets: bool) -> None:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)  # a program gets whole lines
    for hit in told["results"]:
        console.print(_head(hit), overflow="fold")
        for line in _lines(hit):
            console.print(Text("    ").append_text(line), overflow="ellipsis", no_wrap=True)
    if with_facets:
        _print_facets(console, told["facets"])
    console.print(f"{counted_assets(told['total'])} found")
    if told["suggestion"]:
        console.print(Text("did you mean: ").append(one_line(told["suggestion"]), style="bold"))
    for notice in told.get("notices", []):
        console.print(_noticed(notice), soft_wrap=True)
    if told["after"]:
        console.print(f"more: --after {told['after']}", soft_wrap=True)


def _noticed(notice: Told) -> Text:
    """`unit cardio: nothing that you may find has this unit; did you mean clinic/cardiology?`"""
    said = Text(f"{notice['facet']} {one_line(notice['value'])}: {notice['message']}")
    if notice["near"]:
        said.append("; did you mean ").append(
            " or ".join(one_line(one) for one in notice["near"]), style="bold"
        ).append("?")
    return said


def counted_assets(total: int) -> str:
    """`1 asset`, `1,234 assets`."""
    return counted(total, "asset") if total < 1_000 else f"{total:,} assets"


def _head(hit: Told) -> Text:
    """Title, name when it is another, and where it belongs."""
    head = _marked(hit, "title", hit["title"])
    if hit["name"] != hit["title"]:
        head.append("  ").append_text(_marked(hit, "name", hit["name"]))
    where = [hit["type"], hit["project"], hit["unit"], hit["format"], hit["updated_at"][:10]]
    draft = "" if hit["is_published"] else "  (not published)"
    return head.append(f"  [{' · '.join(one_line(part) for part in where if part)}]{draft}", style="dim")


def _lines(hit: Told) -> list[Text]:
    """The description, and the columns and terms that were met."""
    lines = [_marked(hit, "description", hit["description"])] if hit["description"] else []
    for name in ("columns", "terms"):
        met = [
            _marked(hit, f"{name}.{i}", one) for i, one in enumerate(hit[name]) if f"{name}.{i}" in hit["highlights"]
        ]
        if met:
            lines.append(Text(f"{name}: ").append_text(Text(", ").join(met)))
    return lines


def _marked(hit: Told, field: str, text: str) -> Text:
    """A text with the words in bold that were met."""
    marked = Text(one_line(text))
    for start, end in hit["highlights"].get(field, []):
        marked.stylize("bold", start, end)
    return marked


def _print_facets(console: Console, facets: Told) -> None:
    for facet, counts in facets.items():
        values = counts["values"][:VALUES_SHOWN]
        if not values:
            continue
        line = ", ".join(
            f"{'*' if one['selected'] else ''}{one_line(one['value'])} ({one['count']:,})" for one in values
        )
        more = ", …" if counts["has_more"] or len(counts["values"]) > VALUES_SHOWN else ""
        console.print(Text(f"  {facet:<15}", style="bold").append(line + more, style="not bold"))
