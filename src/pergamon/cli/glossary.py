"""`pergamon glossary`: what words mean here; and the metadata forms, which say what else is to be told of an asset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pergamon.cli.catalog import (
    Command,
    Door,
    Json,
    LoadedWhenUsed,
    door_options,
    echo_table,
    in_path,
    limit_option,
    note_if_more,
    plain,
    plain_lines,
)
from pergamon.cli.context import CliContext, echo_json, json_option
from pergamon.kernel import Invalid

if TYPE_CHECKING:
    from pergamon import catalog
    from pergamon.catalog import TermSpec
    from pergamon.store import UnitOfWork
else:
    catalog = LoadedWhenUsed("pergamon.catalog")

TERMS = "/api/v1/glossary/terms"


@click.group("glossary")
def glossary_group() -> None:
    """The glossary: terms, how they stand to each other, and which assets carry them."""


@glossary_group.command("ls")
@limit_option
@door_options
@json_option
@click.pass_obj
def list_command(
    context: CliContext, *, limit: int, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """List the terms: what is approved, and drafts that you may write."""

    def here(uow: UnitOfWork) -> list[Json]:
        return [term.as_json() for term in catalog.list_terms(uow, limit=limit)]

    found = Door(context, server, token_file).pages(TERMS, "terms", limit, here)
    if as_json:
        echo_json(found)
        return
    rows = ((t["name"], t["title"], t["state"], t["definition"].replace("\n", " ")) for t in found)
    echo_table(("term", "title", "state", "definition"), rows)
    note_if_more(found, limit)


@glossary_group.command("show")
@click.argument("term")
@door_options
@json_option
@click.pass_obj
def show_command(context: CliContext, *, term: str, server: str | None, token_file: Path | None, as_json: bool) -> None:
    """Show a TERM, how it stands to others, and assets that carry it."""
    path = f"{TERMS}/{in_path(term)}"
    told = Door(context, server, token_file).get(path, lambda uow: catalog.read_term(uow, term).as_json())
    if as_json:
        echo_json(told)
        return
    click.echo(f"{plain(told['title'])}  [{told['name']}, {told['state']}, version {told['version']}]")
    for text in (told["definition"], told["description"]):
        if text:
            click.echo("\n".join(plain_lines(text)))
    for kind, names in {**told["relations"], **told["incoming"]}.items():
        click.echo(f"  {kind}: {', '.join(names)}")
    for asset in told["assets"]:
        click.echo(f"  on {plain(asset['name'])}  {asset['id']}")


def _term_options(command: Command) -> Command:
    options = (
        click.option("--title", required=True, help="The term as people write it."),
        click.option("--definition", default="", help="What it means, in a sentence."),
        click.option("--description", default="", help="More about it."),
        click.option("--is-a", multiple=True, metavar="TERM", help="A broader term. Again for more."),
        click.option("--has-a", multiple=True, metavar="TERM", help="A term that is part of it."),
        click.option("--synonym", multiple=True, metavar="TERM", help="A term that means the same."),
        click.option("--related", multiple=True, metavar="TERM", help="Another term worth a look."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@glossary_group.command("suggest")
@click.argument("name")
@click.option("--unit", required=True, help="The domain unit whose owners approve it.")
@_term_options
@door_options
@json_option
@click.pass_obj
def suggest_command(
    context: CliContext,
    /,
    *,
    name: str,
    unit: str,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Write a new term NAME, as a draft."""
    term = _term_of(given)
    told = Door(context, server, token_file).post(
        TERMS,
        {"name": name, "unit": unit, "term": term},
        lambda uow: catalog.suggest_term(uow, name, _checked(term), unit=unit).as_json(),
    )
    _tell(told, as_json=as_json)


@glossary_group.command("edit")
@click.argument("name")
@_term_options
@click.option("--expected-version", type=click.IntRange(1, 2**31 - 1), help="Refuse when it is another one by now.")
@door_options
@json_option
@click.pass_obj
def edit_command(
    context: CliContext,
    /,
    *,
    name: str,
    expected_version: int | None,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Write the term NAME anew, all of it. One that is approved is for those who may approve it."""
    door, path, term = Door(context, server, token_file), f"{TERMS}/{in_path(name)}", _term_of(given)
    expected = expected_version or door.get(path, lambda uow: catalog.read_term(uow, name).as_json())["version"]
    told = door.post(
        f"{path}/edit",
        {"expected_version": expected, "term": term},
        lambda uow: catalog.edit_term(uow, name, _checked(term), expected_version=expected).as_json(),
    )
    _tell(told, as_json=as_json)


@glossary_group.command("approve")
@click.argument("name")
@door_options
@json_option
@click.pass_obj
def approve_command(
    context: CliContext, *, name: str, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """Make the draft NAME a term that everyone sees."""
    told = Door(context, server, token_file).post(
        f"{TERMS}/{in_path(name)}/approve", {}, lambda uow: catalog.approve_term(uow, name).as_json()
    )
    _tell(told, as_json=as_json)


@glossary_group.command("rm")
@click.argument("name")
@door_options
@click.pass_obj
def remove_command(context: CliContext, *, name: str, server: str | None, token_file: Path | None) -> None:
    """Remove the term NAME, which people wrote and nothing carries."""
    Door(context, server, token_file).delete(f"{TERMS}/{in_path(name)}", lambda uow: catalog.remove_term(uow, name))
    click.echo(f"{plain(name)} is removed")


@glossary_group.command("forms")
@door_options
@json_option
@click.pass_obj
def forms_command(context: CliContext, *, server: str | None, token_file: Path | None, as_json: bool) -> None:
    """Show the metadata forms with their fields, and where they must be filled in."""

    def here(uow: UnitOfWork) -> Json:
        forms, rules = catalog.read_forms(uow).items(), catalog.read_rules(uow).items()
        return {
            "forms": [{"name": name, **spec.model_dump(mode="json")} for name, spec in forms],
            "rules": [{"name": name, **spec.model_dump(mode="json")} for name, spec in rules],
        }

    told = Door(context, server, token_file).get("/api/v1/metadata-forms", here)
    if as_json:
        echo_json(told)
        return
    for form in told["forms"]:
        click.echo(f"{form['name']}  {plain(form['title'] or '')}".rstrip())
        for name, field in form["fields"].items():
            needed = ", required" if field["required"] else ""
            choices = f": {', '.join(plain(choice) for choice in field['choices'])}" if field["choices"] else ""
            click.echo(f"  {name}  ({field['type']}{needed}{choices})")
    for rule in told["rules"]:
        where = ", ".join([*rule["units"], *rule["projects"], *rule["asset_kinds"]]) or "everywhere"
        click.echo(f"at {rule['when']}, {where}: {', '.join(rule['forms'])}")


def _term_of(given: Json) -> Json:
    relations = {
        kind: list(given[option])
        for kind, option in (("is-a", "is_a"), ("has-a", "has_a"), ("synonym", "synonym"), ("related", "related"))
        if given[option]
    }
    told = {name: given[name] for name in ("title", "definition", "description")}
    return told | {"relations": relations}


def _checked(term: Json) -> TermSpec:
    from pydantic import ValidationError

    try:
        return catalog.TermSpec.model_validate(term)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        raise Invalid("; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults[:10])) from None


def _tell(term: Json, *, as_json: bool) -> None:
    if as_json:
        echo_json(term)
    else:
        click.echo(f"{plain(term['title'])} [{term['name']}] is {term['state']}, version {term['version']}")
