"""Writes what can be drawn from code and files: commands, routes, events, errors, the decisions, the pages.

Run `python docs/generate.py` after adding one of them; `tests/docs` compares the text.
"""

import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

import click

import pergamon
from pergamon.access import chart as access_chart
from pergamon.cli.main import EXIT_CODES, group
from pergamon.kernel import Event, PergamonError, event_class, event_codes
from pergamon.query import functions, states
from pergamon.query.states import StatementAct
from pergamon.web import api_document
from pergamon.web.openapi import ERRORS

DOCS = Path(__file__).parent
PAGES = DOCS / "reference"
KINDS = ("tutorial", "how-to", "explanation", "reference")
NOTE = "<!-- Written by docs/generate.py. Do not edit. -->"

EVENTS_HEAD = """# Events of the trail

Every act leaves an event, in the same transaction as the act. A code is for ever: it is never renamed and never given
a second meaning. Every event also carries its id, its time, who acted, the operator behind them if there is one, and
its subject, written `kind:name`. Facts are names, counts and identifiers, never the values of a row.
"""

ERRORS_HEAD = """# Errors

Every error that a caller may meet, by its code. A code is for ever. The kind says what a caller can do: `denied` (ask
for the right), `not_found` (there is none, or you may not know of it), `conflict` (look again: the state has moved on),
`invalid` (change what you gave), `unavailable` (try later). What a person sees is the message, and then what to do.
"""

FUNCTIONS_HEAD = """# Functions of a query

What SQL of `pergamon query` may call; everything else is refused. What each of them does stands in DuckDB's manual.
On a table of which a part is granted, `TABLESAMPLE`, `USING SAMPLE`, `approx_count_distinct`, `approx_quantile`,
`approx_top_k`, `reservoir_quantile` and `random` are refused too: what they tell depends on rows that are not given.
"""

FUNCTIONS = {
    "Operators": functions.OPERATORS,
    "Text": functions.TEXT,
    "Numbers": functions.NUMBERS,
    "Dates and times": functions.TIME,
    "Lists, structs and maps": functions.NESTED,
    "JSON": functions.JSON,
    "Conditions and the rest": functions.CONDITIONAL,
    "Aggregates": functions.AGGREGATES,
    "Windows": functions.WINDOWS,
    "Tables, in FROM": functions.TABLE_FUNCTIONS,
}

REQUESTS_HEAD = """# Requests and grants

What can happen to a request for access, and who may do it; drawn from the rules that decide. An act that is not in the
table of states is refused as a conflict. A request begins open; where the asset's conditions say `automatic`, it begins
approved. Where several people must approve, it stays open until the last of them does; an amendment that
changes something takes earlier approvals away.

A grant is `active` until the clock reaches its `valid_until`, then it is `expired`; it is `revoked` when somebody took
it back, or when its asset's table or its project is gone. Nothing leads back from there.
"""

STATEMENTS_HEAD = """# Statements

Where a query can be. One that is submitted begins `queued`; one whose caller waits for the rows begins `running`. An
act that is not in the table cannot happen: a statement that has ended stays as it is. Each change stands in the trail.
How to: [run statements](../how-to/run-statements.md).
"""

STATEMENT_ACTS = {
    StatementAct.START: "its turn has come, and everything was decided anew | `query.started`",
    StatementAct.FINISH: "the rows were handed over, or kept | `query.ran`",
    StatementAct.FAIL: "it was refused at its turn, met a limit, or a right that it needed has ended | `query.failed`",
    StatementAct.CANCEL: "who submitted it asked for its end | `query.cancelled`",
    StatementAct.ABANDON: "its process ended before it could say how it went, or none took it up within a day"
    " | `query.abandoned`",
}

TRUTH_HEAD = """One row for each part that somebody can have and each act. A cell says what they meet in that state:
the state of the request afterwards, `conflict` (the state does not let it be done), `denied`, or `not found` (they may
not know of it). The asset is listed; while it is not, the owners of its unit decide on nothing.
"""

BOUNDS = {"minimum": "from", "maximum": "to", "maxLength": "at most", "maxItems": "at most"}
WORD_OF_TYPE = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
}

API_HEAD = """# The API

Every route of the HTTP API, drawn from the description that the installation serves at `GET /api/v1/openapi.json`.
How to begin: [use the API](../how-to/use-the-api.md). Every route but those marked *public* needs the header
`Authorization: Bearer TOKEN`; *needs* says what the policy is asked for. What may not be known of is answered as 404.

Every error has the form `{"code", "message", "hint"}`; the [codes](errors.md) are for ever. Any route may answer:
"""

CLI_HEAD = """# The command line

Every verb of `pergamon`, as `--help` tells it. Without `--server` a command acts as the operator, the user that owns
the data directory; with it, as whoever the token says: that of `PERGAMON_TOKEN`, of `--token-file`, or of a login.
Options of `pergamon` stand before the verb.
"""

ENVIRONMENT = """## Environment

| Variable | Means |
|---|---|
| `PERGAMON_HOME` | the data directory; `--home` wins. Without either: `~/.local/share/pergamon` |
| `PERGAMON_DATABASE_URL` | a PostgreSQL of your own, by socket or network, in place of the embedded one |
| `PERGAMON_TOKEN` | who you are, in client mode; goes before `--token-file` and before a login |
| `XDG_CONFIG_HOME` | where `pergamon login` keeps tokens, in `pergamon/`; without it: `~/.config` |
| `PERGAMON_SECRET_NAME` | the secret `name`, where no file and no systemd credential holds it; dashes as underscores |
"""


def import_every_room() -> None:
    """Import all modules of the package, so that every event and error is registered."""
    for module in pkgutil.walk_packages(pergamon.__path__, "pergamon."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


def our_events() -> list[type[Event]]:
    """The event classes of the package, by code; those that a test defines do not count."""
    return [cls for code in event_codes() if is_ours(cls := event_class(code))]


def our_errors() -> list[type[PergamonError]]:
    """The error classes of the package that have a code of their own, by code."""
    with_code = (cls for cls in descendants(PergamonError) if is_ours(cls) and "code" in vars(cls))
    return sorted(with_code, key=lambda cls: (cls.code, cls.__name__))


def descendants(cls: type[PergamonError]) -> Iterator[type[PergamonError]]:
    for child in cls.__subclasses__():
        yield child
        yield from descendants(child)


def is_ours(cls: type) -> bool:
    return cls.__module__.startswith("pergamon.")


def meaning(cls: type) -> str:
    """The first paragraph of a class's own docstring, on one line; without one, its name read as words."""
    text = cls.__dict__.get("__doc__") or ""
    if not text or text.startswith(f"{cls.__name__}("):  # what @dataclass writes when there is no docstring
        text = re.sub(r"(?<!^)(?=[A-Z])", " ", cls.__name__).capitalize() + "."
    return " ".join(inspect.cleandoc(text).split("\n\n")[0].split()).replace("|", "\\|")


def events_page() -> str:
    """The page of events: one section per room, one row per code."""
    parts = [EVENTS_HEAD, NOTE + "\n"]
    for room, events in groupby(our_events(), key=lambda cls: cls.code.split(".")[0]):
        rows = [f"| `{cls.code}` | {meaning(cls)} | {facts(cls)} |" for cls in events]
        parts.append("\n".join([f"## {room}\n", "| Event | Meaning | Facts |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)


def facts(cls: type[Event]) -> str:
    """The facts that an event carries besides its subject."""
    return ", ".join(f"`{field.name}`" for field in fields(cls) if field.name != "subject")


def errors_page() -> str:
    """The page of errors: one row per code."""
    rows = [f"| `{cls.code}` | {cls.kind} | {meaning(cls)} |" for cls in our_errors()]
    return "\n".join([ERRORS_HEAD, NOTE + "\n", "| Code | Kind | Meaning |", "|---|---|---|", *rows, ""])


def functions_page() -> str:
    """The page of functions that a query may call, by what they are for."""
    parts = [FUNCTIONS_HEAD, NOTE + "\n"]
    for name, listed in FUNCTIONS.items():
        parts.append(f"## {name}\n\n" + " ".join(f"`{function}`" for function in sorted(listed)) + "\n")
    return "\n".join(parts)


def api_page() -> str:
    """The page of routes: the errors that all have, then one section per group, one part per route."""
    document = api_document()
    rows = [f"| {status} | {said} |" for status, said in ERRORS.items()]
    parts = [API_HEAD, "\n".join(["| Status | Means |", "|---|---|", *rows, ""]), NOTE + "\n"]
    routes = [
        (said["tags"][0], path, method.upper(), said)
        for path, methods in document["paths"].items()
        for method, said in methods.items()
    ]
    for group_name, of_group in groupby(sorted(routes, key=lambda route: route[:2]), key=lambda route: route[0]):
        parts.append(f"## {group_name}\n")
        parts += [route_part(path, method, said, document) for _, path, method, said in of_group]
    return "\n".join(parts)


def route_part(path: str, method: str, said: dict[str, Any], document: dict[str, Any]) -> str:
    """One route: what it does, what it needs, what it takes, what it answers."""
    needs = said.get("x-pergamon-permission")
    lines = [f"### {method} {path}\n", prose_of(said.get("description", "")) + "\n"]
    lines.append(f"Needs: {needs}." if needs else "*Public.*")
    lines.append("Answers: " + "; ".join(answers(said, document)) + ".\n")
    taken = [parameter_row(parameter, document) for parameter in said.get("parameters", [])]
    taken += [field_row(*field) for field in body_fields(said, document)]
    return "\n".join([*lines, *(["| Takes | In | Form | Means |", "|---|---|---|---|", *taken, ""] if taken else [])])


def prose_of(docstring: str) -> str:
    """What a route's docstring says, without its list of errors."""
    return docstring.partition("Raises:")[0].strip()


def answers(said: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    """What a route answers besides the errors that all have."""
    for status, answer in said["responses"].items():
        if "$ref" in answer:
            continue
        forms = [form_of(content.get("schema", {}), document) for content in answer.get("content", {}).values()]
        what = next((form for form in forms if form != "anything"), "")
        said_so = answer["description"].rstrip(".").replace("Successful Response", "done")
        meaning = what if status[0] == "2" and what else said_so[:1].lower() + said_so[1:]
        yield f"{status} {meaning}".replace("|", "\\|")


def parameter_row(parameter: dict[str, Any], document: Any) -> str:
    """A parameter of an address, a query or a header."""
    name = f"`{parameter['name']}`" + ("" if parameter.get("required") else ", optional")
    meaning = cell(parameter.get("description", ""))
    return f"| {name} | {parameter['in']} | {cell(form_of(parameter['schema'], document))} | {meaning} |"


def body_fields(said: dict[str, Any], document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], bool, Any]]:
    """The fields of a JSON body, or the body as a whole."""
    for kind, content in said.get("requestBody", {}).get("content", {}).items():
        schema = content.get("schema", {})
        named = resolved(schema, document)
        for name, field in named.get("properties", {}).items():
            yield name, field, name in named.get("required", []), document
        if not named.get("properties"):
            yield kind, schema, said["requestBody"].get("required", False), document


def field_row(name: str, field: dict[str, Any], required: bool, document: Any) -> str:
    """A field of a body."""
    told = f"`{name}`" + ("" if required else ", optional")
    return f"| {told} | body | {cell(form_of(field, document))} | {cell(field.get('description', ''))} |"


def resolved(schema: dict[str, Any], document: Any) -> dict[str, Any]:
    """A schema, or the one that it refers to."""
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = document["components"]["schemas"][name] if name and document else schema
    return found


def form_of(schema: dict[str, Any], document: Any) -> str:
    """A schema in a few words."""
    if "$ref" in schema and "enum" not in resolved(schema, document):
        return str(schema["$ref"].rpartition("/")[2])
    schema = resolved(schema, document)
    if "anyOf" in schema:
        return " or ".join(
            dict.fromkeys(form_of(one, document) for one in schema["anyOf"] if one.get("type") != "null")
        )
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {form_of(schema.get('items', {}), document)}"
    bounds = [f"{word} {int(schema[key])}" for key, word in BOUNDS.items() if key in schema]
    default = [f"default `{schema['default']}`"] if schema.get("default") not in (None, "", [], {}) else []
    return ", ".join([WORD_OF_TYPE.get(schema.get("type", ""), "anything"), *bounds, *default])


def cli_page() -> str:
    """The page of commands: the options of `pergamon`, one section per verb, the exit codes, the environment."""
    context = click.Context(group, info_name="pergamon")
    parts = [CLI_HEAD, NOTE + "\n", options_table(group, context)]
    parts += [section for name in group.list_commands(context) for section in command_sections(name, context)]
    return "\n".join([*parts, exit_codes(), ENVIRONMENT])


def command_sections(name: str, above: click.Context) -> Iterator[str]:
    """A verb's section; for a group, the section of each of its verbs."""
    command = above.command.get_command(above, name) if isinstance(above.command, click.Group) else None
    if command is None:
        return
    context = click.Context(command, info_name=name, parent=above)
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from command_sections(inner, context)
        return
    yield f"## {context.command_path}\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    yield f"```text\n{usage(command, context)}\n```\n"
    yield options_table(command, context)


def usage(command: click.Command, context: click.Context) -> str:
    """How a verb is written."""
    return " ".join([context.command_path, *command.collect_usage_pieces(context)])


def options_table(command: click.Command, context: click.Context) -> str:
    """A verb's options but `--help`, as they are told by it; nothing when there are none."""
    records = [option.get_help_record(context) for option in command.params if isinstance(option, click.Option)]
    rows = [f"| `{cell(record[0])}` | {cell(record[1])} |" for record in records if record is not None]
    return "\n".join(["| Option | Means |", "|---|---|", *rows, ""]) if rows else ""


def requests_page() -> str:
    """The page of requests and grants: their states, and who may do what in which."""
    chart = f"```mermaid\n{access_chart.state_chart()}\n```\n"
    return "\n".join(
        [
            REQUESTS_HEAD,
            NOTE + "\n",
            "## States\n",
            access_chart.state_table() + "\n",
            chart,
            "## Who may do what\n",
            TRUTH_HEAD,
            access_chart.truth_table() + "\n",
            "## Seeing, asking, revoking\n",
            access_chart.other_rights() + "\n",
        ]
    )


def statements_page() -> str:
    """The page of statements: their states, and what leads where."""
    chart = f"```mermaid\n{states.state_chart()}\n```\n"
    acts = [f"| `{act}` | {said} |" for act, said in STATEMENT_ACTS.items()]
    table = "\n".join(["| Act | What happened | Event |", "|---|---|---|", *acts, ""])
    return "\n".join([STATEMENTS_HEAD, NOTE + "\n", states.state_table() + "\n", chart, table])


def cell(text: str) -> str:
    """A text as a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def exit_codes() -> str:
    """What a script can tell from how a command ended."""
    known = [(0, "done"), (1, "a bug of ours; the message names a log"), *((v, str(k)) for k, v in EXIT_CODES.items())]
    rows = [f"| {number} | {meaning} |" for number, meaning in [*known, (130, "interrupted")]]
    return "\n".join(["## Exit codes\n", "| Code | Means |", "|---|---|", *rows, ""])


def title(text: str) -> str:
    """A page's first heading."""
    return next(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))


def first_sentence(text: str) -> str:
    """The first sentence of the paragraph below a page's title."""
    paragraph = " ".join(text.partition("# ")[2].partition("\n\n")[2].partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?]) ", paragraph)[0].rstrip(":")


def decided(text: str) -> str:
    """The sentence that a decision comes down to."""
    section = text.partition("## Decision\n")[2].partition("\n## ")[0]
    return " ".join(section.split())


def decisions_list() -> str:
    """The index of decisions: number, title with link, the sentence."""
    rows = []
    for path in sorted((DOCS / "adr").glob("[0-9]*.md")):
        text = path.read_text(encoding="utf-8")
        rows.append(f"| {path.name[:4]} | [{title(text)}]({path.name}) | {decided(text)} |")
    return "\n".join(["| | Decision | In one sentence |", "|---|---|---|", *rows])


def pages_list(kind: str) -> str:
    """The pages of one kind, each with its first sentence."""
    lines = []
    for path in sorted((DOCS / kind).glob("*.md")):
        text = path.read_text(encoding="utf-8")
        lines.append(f"- [{title(text)}]({kind}/{path.name}): {first_sentence(text)}")
    return "\n".join(lines)


def with_list(path: Path, name: str, content: str, text: str | None = None) -> str:
    """A page with the list between its markers `<!-- list: name -->` and `<!-- end -->` replaced."""
    text = path.read_text(encoding="utf-8") if text is None else text
    head, _, rest = text.partition(f"<!-- list: {name} -->\n")
    return f"{head}<!-- list: {name} -->\n{content}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"


def map_page() -> str:
    """The map of the documentation, with the pages of every kind."""
    path, text = DOCS / "README.md", None
    for kind in KINDS:
        text = with_list(path, kind, pages_list(kind), text)
    return text or ""


def pages() -> dict[Path, str]:
    """Every page that is written here, wholly or in part, and the text that it must have."""
    import_every_room()
    return {
        PAGES / "events.md": events_page(),
        PAGES / "errors.md": errors_page(),
        PAGES / "cli.md": cli_page(),
        PAGES / "api.md": api_page(),
        PAGES / "functions.md": functions_page(),
        PAGES / "requests-and-grants.md": requests_page(),
        PAGES / "statements.md": statements_page(),
        DOCS / "adr" / "README.md": with_list(DOCS / "adr" / "README.md", "decisions", decisions_list()),
        DOCS / "README.md": map_page(),
    }


def main() -> None:
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(DOCS)}: {len(text.splitlines())} lines\n")


if __name__ == "__main__":
    main()
