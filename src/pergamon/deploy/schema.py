"""Says what may be written, from the typed documents themselves: JSON Schemas for editors, and the reference page.

Both are generated, published under docs/reference, and compared with the code by a test.
"""

import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pergamon.deploy.documents.top import TagFile, Top
from pergamon.deploy.hygiene import RULES
from pergamon.deploy.registry import MODULE_TYPES
from pergamon.kernel import NotFound

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PLACEHOLDER = {"type": "string", "pattern": r"\{\{.+\}\}"}
"""What may stand instead of a number, a word of a list, or true and false."""


class UnknownSchema(NotFound):
    """There is no schema of that name."""

    code = "deploy.unknown_schema"


def schema_names() -> tuple[str, ...]:
    """`pergamon` for pergamon.yaml, `tags` for tag files, and each module type."""
    return ("pergamon", "tags", *MODULE_TYPES)


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of one kind of file.

    Raises:
        UnknownSchema: there is none of that name.
    """
    schema = _model(name).model_json_schema(by_alias=True)
    if name in MODULE_TYPES:
        schema = _in_parts(schema)
        title = f"module type {name}"
    else:
        title = "pergamon.yaml" if name == "pergamon" else "tag file"
    return {"$schema": DIALECT, **_with_placeholders(schema), "title": f"Pergamon: {title}"}


def schema_text(name: str) -> str:
    """The JSON Schema as its published file holds it."""
    return json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n"


def _model(name: str) -> type[BaseModel]:
    if name == "pergamon":
        return Top
    if name == "tags":
        return TagFile
    if name not in MODULE_TYPES:
        raise UnknownSchema(f"there is no schema {name}", hint=f"there are: {', '.join(schema_names())}")
    return MODULE_TYPES[name].document


def _in_parts(schema: Any) -> Any:  # Any: JSON values
    """A module may have several files, and each may hold a part: nothing is required of one file."""
    if isinstance(schema, dict):
        return {key: _in_parts(value) for key, value in schema.items() if key != "required" or isinstance(value, dict)}
    return [_in_parts(item) for item in schema] if isinstance(schema, list) else schema


def _with_placeholders(schema: Any) -> Any:  # Any: JSON values
    """Let a placeholder stand where a number, a truth value or a word of a list is asked for."""
    if isinstance(schema, list):
        return [_with_placeholders(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _with_placeholders(value) for key, value in schema.items()}
    if inner.get("type") in ("integer", "number", "boolean") or "enum" in inner or "const" in inner:
        about = {key: inner.pop(key) for key in ("description", "default", "title") if key in inner}
        return {"anyOf": [inner, PLACEHOLDER], **about}
    return inner


def configuration_reference() -> str:
    """The reference page of the configuration."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield HEAD
    yield "## `pergamon.yaml`"
    yield ""
    shown: set[type[BaseModel]] = set()
    yield from _document(Top, shown)
    yield "## Tag files"
    yield ""
    yield from _document(TagFile, shown)
    for kind in MODULE_TYPES.values():
        yield f"## Module type `{kind.name}`"
        yield ""
        yield f"{kind.summary} JSON Schema: [`{kind.name}.schema.json`](schemas/{kind.name}.schema.json)."
        yield ""
        yield from _document(kind.document, shown)
    yield "## Hygiene rules"
    yield ""
    yield RULES_HEAD
    yield ""
    yield "| Rule | Says | Otherwise |"
    yield "|---|---|---|"
    yield from (f"| `{rule.id}` | {rule.sentence} | {rule.advice} |" for rule in RULES.values())


def _document(model: type[BaseModel], shown: set[type[BaseModel]]) -> Iterator[str]:
    """A table of a document's keys, then those of every document below it that is not on the page yet."""
    shown.add(model)
    yield f"### {_title(model)}"
    yield ""
    yield (model.__doc__ or "").strip().partition("\n")[0]
    yield ""
    yield "| Key | Value | Default | Meaning |"
    yield "|---|---|---|---|"
    below: list[type[BaseModel]] = []
    for name, field in model.model_fields.items():
        below += _models_in(field.annotation)
        value = f"| `{field.alias or name}` | {_type_text(field.annotation)} | {_default(field)} "
        yield f"{value}| {(field.description or '').replace('|', chr(92) + '|')} |"
    yield ""
    for inner in below:
        if inner not in shown:
            yield from _document(inner, shown)


def _title(model: type[BaseModel]) -> str:
    return model.__name__


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default()
    if default is None or isinstance(default, BaseModel):
        return ""
    return f"`{json.dumps(default, ensure_ascii=False)}`"


WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    object: "any value",
}


def _type_text(kind: Any) -> str:  # noqa: PLR0911 - one line for each form; Any: type expressions
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(_type_text(option) for option in arguments if option is not type(None))
    if origin is list:
        return f"list of {_type_text(arguments[0])}"
    if origin is dict:
        return f"mapping: name → {_type_text(arguments[1])}"
    if origin is Annotated:
        return _type_text(arguments[0])
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"[{_title(kind)}](#{_title(kind).lower()})"
    return WORDS[kind]


def _models_in(kind: Any) -> list[type[BaseModel]]:  # Any: type expressions
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [model for argument in get_args(kind) for model in _models_in(argument)]


HEAD = """<!-- Written by docs/generate_configuration.py. Do not edit. -->
# Configuration

A configuration is a directory with `pergamon.yaml` and the files that it names. How to work with one:
[how to configure](../how-to/configure.md).

- **Files.** UTF-8 YAML, at most 1 MiB each. Anchors, aliases and tags are not read; a key may stand once. `no`, `on`,
  `16:30`, `0123` and dates are text; only `true`, `false`, `null` and decimal numbers are not.
- **Modules.** A module has a type and one or more files. The files are joined: mappings key by key, lists one after the
  other in the order of the files. Two files that give one key different values are an error.
- **Placeholders.** `{{org}}`, `{{domain}}`, `{{env}}` and `{{context:NAME}}` in quotes. A value that is one placeholder
  takes the context value with its type. `{{secret:NAME}}` stays a reference; it may stand only under `password` and
  `conninfo`, and nothing else may stand there. `pergamon secret set NAME` keeps its value; it
  is also looked for among the systemd credentials, and in `PERGAMON_SECRET_NAME`.
- **References.** `KIND:NAME` in the same domain, `KIND:DOMAIN/NAME` in another domain of the same environment. KIND is
  `generated-role-id` (a role), `bucket`, `database`, `batch`, `job` or `workflow`. Modules are deployed in the order of
  the document, but what is referred to comes first.
- **Names** are one space for the whole installation: two modules may not declare one name of one kind.
- **Commands.** `predeploy` runs before a module's steps and `postdeploy` after them, once for each state of the module:
  again when the command or the module changes, or when it failed. Without a shell, in the directory of `pergamon.yaml`,
  with `PATH`, `LANG` and `PERGAMON_ORGANIZATION`, `PERGAMON_DOMAIN`, `PERGAMON_ENV`, `PERGAMON_MODULE`.

JSON Schemas for editors are in [schemas/](schemas/pergamon.schema.json); `pergamon schema NAME` prints one.
"""
RULES_HEAD = """`synth`, `diff` and `deploy` refuse a configuration that breaks one of these, unless the thing itself,
or the access policy that a bucket uses, suppresses the rule with a reason: `suppressions: [{id: PGM-H2, reason: "…"}]`.
The reason goes into the trail. A suppression that suppresses nothing is an error."""

__all__ = ["UnknownSchema", "configuration_reference", "json_schema", "schema_names", "schema_text"]
