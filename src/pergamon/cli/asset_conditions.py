"""What the options of `pergamon asset conditions` say is to change of what an owner demands of whoever asks."""

from __future__ import annotations

from typing import Any

import click

from pergamon.cli.asset_edit import pairs_of
from pergamon.cli.catalog import Command, Json, plain, plain_lines


def condition_options(command: Command) -> Command:
    """One option for each condition."""
    options = (
        click.option("--approval", type=click.Choice(["manual", "automatic"]), help="Decided by people, or at once."),
        click.option("--approvals", type=click.IntRange(min=1), help="How many different people must approve."),
        click.option("--text", help="What whoever asks must accept. An empty one takes it away."),
        click.option("--purpose", multiple=True, metavar="WORD", help="One of the purposes allowed; all together."),
        click.option("--any-purpose", is_flag=True, help="Allow any purpose, or none."),
        click.option("--longest-days", type=click.IntRange(min=0), help="Of a grant; 0: without an end."),
        click.option("--renewable/--not-renewable", default=None, help="May a grant be renewed?"),
        click.option(
            "--mask", multiple=True, metavar="COLUMN=MASK", help="On every grant; an empty mask takes it off."
        ),
        click.option("--rows", metavar="FILTER", help="On every grant: only these rows. Empty: all."),
        click.option("--identifier", multiple=True, metavar="COLUMN", help="Identifies a person; all together."),
        click.option("--isolated/--not-isolated", default=None, help="Are queries kept away from the raw files?"),
        click.option("--own-masks/--shared-masks", default=None, help="Do a grant's masks hold in its own rows alone?"),
        click.option("--none", "clear", is_flag=True, help="Demand nothing at all any more."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def conditions_of(given: dict[str, Any], current: Json) -> Json | None:
    """The conditions that options name, as JSON of the API; empty: none is named; None: all are to go.

    Raises:
        Invalid: a mask cannot be read. click.UsageError: options that contradict each other.
    """
    plainly = ("approval", "approvals", "text", "renewable", "rows", "isolated", "own_masks")
    named: Json = {name: given[name] for name in plainly if given[name] is not None}
    if given["purpose"] and given["any_purpose"]:
        raise click.UsageError("--purpose and --any-purpose contradict each other")
    if given["purpose"] or given["any_purpose"]:
        named["purposes"] = list(given["purpose"])
    if given["longest_days"] is not None:
        named["longest_days"] = given["longest_days"] or None
    if given["identifier"]:
        named["identifiers"] = list(given["identifier"])
    if given["mask"]:
        masks = current["masks"] | dict(pairs_of(given["mask"], "--mask"))
        named["masks"] = {column: mask for column, mask in masks.items() if mask}
    if not given["clear"]:
        return named
    if named:
        raise click.UsageError("--none stands alone")
    return None


def echo_conditions(conditions: Json) -> None:
    """What whoever asks meets."""
    said = {
        "decided": "at once" if conditions["approval"] == "automatic" else f"by {_people(conditions['approvals'])}",
        "purposes": ", ".join(conditions["purposes"]) or "any",
        "longest": f"{conditions['longest_days']} days" if conditions["longest_days"] else "without an end",
        "renewable": "yes" if conditions["renewable"] else "no",
        "rows": conditions["rows"] or "all",
        "identifiers": ", ".join(conditions["identifiers"]),
        "isolated": "yes" if conditions["isolated"] else "",
        "own masks": "yes" if conditions["own_masks"] else "",
    }
    for name, value in said.items():
        if value:
            click.echo(f"  {name:<11}  {plain(value)}")
    for column, mask in conditions["masks"].items():
        click.echo(f"  mask         {plain(column)}: {plain(mask)}")
    if conditions["text"]:
        click.echo("to be accepted:")
        click.echo("\n".join(plain_lines(conditions["text"])))


def _people(number: int) -> str:
    return "one person" if number == 1 else f"{number} people"
