"""`pergamon glossary`: what words mean here; and the metadata forms, which say what else is to be told of an asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pergamon.cli.catalog import (
    Command,
    Door,
    Json,
    answering,
    asking,
    echo_table,
    in_path,
    listing,
    plain,
    plain_lines,
)
from pergamon.cli.context import json_option, tell
from pergamon.kernel import Invalid, LoadedWhenUsed

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


def _echo_terms(found: list[Json]) -> None:
    rows = ((t["name"], t["title"], t["state"], t["definition"].replace("\n", " ")) for t in found)
    echo_table(("term", "title", "state", "definition"), rows)


@glossary_group.command("ls")
@listing(_echo_terms)
def list_command(door: Door, *, limit: int) -> list[Json]:
    """List the terms: what is approved, and drafts that you may write."""

    def here(uow: UnitOfWork) -> list[Json]:
        return [term.as_json() for term in catalog.list_terms(uow, limit=limit)]

    return door.pages(TERMS, "terms", limit, here)


def _echo_term(told: Json) -> None:
    click.echo(f"{plain(told['title'])}  [{told['name']}, {told['state']}, version {told['version']}]")
    for text in (told["definition"], told["description"]):
        if text:
            click.echo("\n".join(plain_lines(text)))
    for kind, names in {**told["relations"], **told["incoming"]}.items():
        click.echo(f"  {kind}: {', '.join(names)}")
    for asset in told["assets"]:
        click.echo(f"  on {plain(asset['name'])}  {asset['id']}")


@glossary_group.command("show")
@click.argument("term")
@answering(_echo_term)
def show_command(door: Door, *, term: str) -> Any:
    """Show a TERM, how it stands to others, and assets that carry it."""
    return door.get(f"{TERMS}/{in_path(term)}", lambda uow: catalog.read_term(uow, term).as_json())


def _echo_state(term: Json) -> None:
    click.echo(f"{plain(term['title'])} [{term['name']}] is {term['state']}, version {term['version']}")


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
@answering(_echo_state)
def suggest_command(door: Door, /, *, name: str, unit: str, **given: Any) -> Any:
    """Write a new term NAME, as a draft."""
    term = _term_of(given)
    return door.post(
        TERMS,
        {"name": name, "unit": unit, "term": term},
        lambda uow: catalog.suggest_term(uow, name, _checked(term), unit=unit).as_json(),
    )


@glossary_group.command("edit")
@click.argument("name")
@_term_options
@click.option("--expected-version", type=click.IntRange(1, 2**31 - 1), help="Refuse when it is another one by now.")
@answering(_echo_state)
def edit_command(door: Door, /, *, name: str, expected_version: int | None, **given: Any) -> Any:
    """Write the term NAME anew, all of it. One that is approved is for those who may approve it."""
    path, term = f"{TERMS}/{in_path(name)}", _term_of(given)
    expected = expected_version or door.get(path, lambda uow: catalog.read_term(uow, name).as_json())["version"]
    return door.post(
        f"{path}/edit",
        {"expected_version": expected, "term": term},
        lambda uow: catalog.edit_term(uow, name, _checked(term), expected_version=expected).as_json(),
    )


@glossary_group.command("approve")
@click.argument("name")
@answering(_echo_state)
def approve_command(door: Door, *, name: str) -> Any:
    """Make the draft NAME a term that everyone sees."""
    path = f"{TERMS}/{in_path(name)}/approve"
    return door.post(path, {}, lambda uow: catalog.approve_term(uow, name).as_json())


@glossary_group.command("rm")
@click.argument("name")
@asking
@json_option
def remove_command(door: Door, *, name: str, as_json: bool) -> None:
    """Remove the term NAME, which people wrote and nothing carries."""
    door.delete(f"{TERMS}/{in_path(name)}", lambda uow: catalog.remove_term(uow, name))
    tell({"name": name}, f"{plain(name)} is removed", as_json=as_json)


def _echo_forms(told: Json) -> None:
    for form in told["forms"]:
        click.echo(f"{form['name']}  {plain(form['title'] or '')}".rstrip())
        for name, field in form["fields"].items():
            needed = ", required" if field["required"] else ""
            choices = f": {', '.join(plain(choice) for choice in field['choices'])}" if field["choices"] else ""
            click.echo(f"  {name}  ({field['type']}{needed}{choices})")
    for rule in told["rules"]:
        where = ", ".join([*rule["units"], *rule["projects"], *rule["asset_kinds"]]) or "everywhere"
        click.echo(f"at {rule['when']}, {where}: {', '.join(rule['forms'])}")


@glossary_group.command("forms")
@answering(_echo_forms)
def forms_command(door: Door) -> Any:
    """Show the metadata forms with their fields, and where they must be filled in."""

    def here(uow: UnitOfWork) -> Json:
        forms, rules = catalog.read_forms(uow).items(), catalog.read_rules(uow).items()
        return {
            "forms": [{"name": name, **spec.model_dump(mode="json")} for name, spec in forms],
            "rules": [{"name": name, **spec.model_dump(mode="json")} for name, spec in rules],
        }

    return door.get("/api/v1/metadata-forms", here)


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
        raise Invalid(
            "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults[:10]),
            hint="`pergamon glossary suggest --help` says how a term is written",
        ) from None
