"""What the options of `pergamon asset edit`, and a file of edits, say is to change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
import yaml

from pergamon.cli.catalog import Command, Json
from pergamon.kernel import Invalid

SHOWN_IN = "docs/how-to/describe-and-publish.md shows such files and options"
LARGEST_FILE = 8 * 1024 * 1024
CONTACT = re.compile(r"\s*(?P<name>[^<>]*[^<>\s])\s*(?:<(?P<email>[^<>\s]+)>)?\s*")

Forms = dict[str, Json]
"""Form name -> its fields by name, as the server tells them."""


class _PlainLoader(yaml.SafeLoader):
    """YAML whose dates stay text: a form's field says itself whether it holds a date."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def edit_options(command: Command) -> Command:
    """The options that say what to change."""
    options = (
        click.option("--title", help="The name that people read. An empty one takes it away."),
        click.option("--description", help="What it is."),
        click.option(
            "--readme", type=click.Path(path_type=Path, dir_okay=False), help="A Markdown file; kept as it is."
        ),
        click.option("--column", multiple=True, metavar="NAME=TEXT", help="What a column means. Again for more."),
        click.option("--term", multiple=True, metavar="TERM", help="Put a term of the glossary on it."),
        click.option("--no-term", multiple=True, metavar="TERM", help="Take a term off it."),
        click.option("--column-term", multiple=True, metavar="COLUMN=TERM,…", help="The terms of a column."),
        click.option("--tag", multiple=True, metavar="NAME=VALUE", help="A tag; an empty value removes it."),
        click.option("--classification", help="How sensitive it is, in your own words: small letters, digits, dashes."),
        click.option("--contact", multiple=True, metavar="'NAME <EMAIL>'", help="Whom to ask; all of them together."),
        click.option("--form", multiple=True, metavar="FORM.FIELD=VALUE", help="A field; an empty value clears it."),
        click.option("--asset", "assets", multiple=True, metavar="ASSET", help="Of a product: what it bundles; all."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def edit_of(given: dict[str, Any], current: Callable[[], Json], forms: Callable[[], Forms]) -> Json:
    """The edit that options ask for, as JSON of the API.

    current: the asset as it stands, asked for only where an option adds to it. forms: what fields there are.

    Raises:
        Invalid: an option cannot be read.
    """
    edit: Json = {name: given[name] or None for name in ("title", "classification") if given[name] is not None}
    edit |= {"description": given["description"]} if given["description"] is not None else {}
    if given["readme"] is not None:
        edit["readme"] = _text_of(given["readme"])
    if given["column"]:
        edit["column_descriptions"] = {name: text or None for name, text in pairs_of(given["column"], "--column")}
    if given["column_term"]:
        pairs = pairs_of(given["column_term"], "--column-term")
        edit["column_terms"] = {name: [term for term in terms.split(",") if term] for name, terms in pairs}
    if given["tag"]:
        edit["tags"] = {name: value or None for name, value in pairs_of(given["tag"], "--tag")}
    if given["contact"]:
        edit["contacts"] = [_contact(text) for text in given["contact"]]
    if given["assets"]:
        edit["assets"] = list(given["assets"])
    if given["term"] or given["no_term"]:
        kept = [term for term in current()["terms"] if term not in given["no_term"]]
        edit["terms"] = list(dict.fromkeys([*kept, *given["term"]]))
    if given["form"]:
        edit["forms"] = form_values(given["form"], forms())
    return edit


def edits_in(path: Path, version_of: Callable[[str], int]) -> list[Json]:
    """The edits in a YAML file: a list of `asset`, `edit`, and `expected_version`, which is looked up when left out.

    Raises:
        Invalid: the file cannot be read, or is no such list.
    """
    try:
        told = yaml.load(_text_of(path), Loader=_PlainLoader)  # noqa: S506 - a SafeLoader without dates
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise Invalid(f"{path} is not YAML{where}", hint=SHOWN_IN) from None
    if not isinstance(told, list) or not all(
        isinstance(one, dict) and isinstance(one.get("asset"), str) for one in told
    ):
        raise Invalid(f"{path} is not a list of edits", hint="write `- asset: NAME`, and below it `edit:` with changes")
    return [{"expected_version": None, **one} | _version(one, version_of) for one in told]


def _version(one: Json, version_of: Callable[[str], int]) -> Json:
    return {} if one.get("expected_version") is not None else {"expected_version": version_of(one["asset"])}


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise Invalid(
                f"{path} is larger than {LARGEST_FILE} bytes",
                hint=SHOWN_IN,
            )
        return content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(
            f"{path} cannot be read as UTF-8 text ({type(error).__name__})",
            hint=SHOWN_IN,
        ) from None


def pairs_of(given: Iterable[str], option: str) -> list[tuple[str, str]]:
    """Names with their values. Raises: Invalid."""
    pairs = []
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Invalid(f"{option} is written NAME=VALUE", hint="put it in quotes when there are blanks in it")
        pairs.append((name, value))
    return pairs


def _contact(text: str) -> Json:
    match = CONTACT.fullmatch(text)
    if match is None:
        raise Invalid(
            "--contact is written 'NAME <EMAIL>' or 'NAME'",
            hint=SHOWN_IN,
        )
    return {"name": match["name"], "email": match["email"]}


def form_values(given: Iterable[str], forms: Forms) -> Json:
    """Fields by form, each of its type. Raises: Invalid."""
    values: dict[str, Json] = {}
    for name, text in pairs_of(given, "--form"):
        form, dot, field = name.partition(".")
        if not dot:
            raise Invalid(
                "--form is written FORM.FIELD=VALUE",
                hint=SHOWN_IN,
            )
        kind = forms.get(form, {}).get(field, {}).get("type", "text")
        values.setdefault(form, {})[field] = _value(text, kind)
    return values


def _value(text: str, kind: str) -> Any:
    """A field's value of its type; what does not fit goes as text, and is refused with what it should be."""
    if text == "":
        return None
    if kind == "boolean" and text.lower() in ("true", "false", "yes", "no"):
        return text.lower() in ("true", "yes")
    if kind in ("integer", "number"):
        try:
            return int(text) if kind == "integer" or text.lstrip("-").isdigit() else float(text)
        except ValueError:
            return text
    return text
