"""Fills `{{org}}`, `{{domain}}`, `{{env}}` and `{{context:name}}` in a tree; leaves `{{secret:name}}` as it stands.

A text that is one placeholder and nothing else takes the context value with its type, so that a port stays a number.
A secret may stand only under the keys `password` and `conninfo`, alone: it is a reference, resolved where it is used.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pergamon.deploy.problems import KeyPath, Problem, did_you_mean
from pergamon.deploy.yaml_document import Node

PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
SECRET = re.compile(r"\{\{secret:([a-z0-9][a-z0-9._-]{0,62})\}\}")
SECRET_KEYS = ("password", "conninfo")
"""The only keys under which a secret reference may stand, and the only thing that may stand there."""

Scalar = bool | int | float | str | None


@dataclass(frozen=True)
class Surroundings:
    """What placeholders stand for in one module."""

    org: str
    domain: str
    env: str
    context: Mapping[str, Scalar]
    context_file: str


def secret_name(text: str) -> str | None:
    """The name in `{{secret:name}}`, or None when the text is anything else."""
    match = SECRET.fullmatch(text.strip())
    return match.group(1) if match else None


def filled(node: Node, around: Surroundings, problems: list[Problem], path: KeyPath = ()) -> Node:
    """The tree with its placeholders filled; what cannot be filled is added to `problems`."""
    if isinstance(node.value, dict):
        return Node({key: filled(item, around, problems, (*path, key)) for key, item in node.value.items()}, node.place)
    if isinstance(node.value, list):
        items = enumerate(node.value)
        return Node([filled(item, around, problems, (*path, index)) for index, item in items], node.place)
    if isinstance(node.value, str) and "{{" in node.value:
        return _filled_text(node, node.value, around, problems, path)
    if isinstance(node.value, str) and path and path[-1] in SECRET_KEYS:
        _refuse_plain_secret(node, problems, path)
    return node


def _refuse_plain_secret(node: Node, problems: list[Problem], path: KeyPath) -> None:
    hint = 'write "{{secret:NAME}}" and keep the value: pergamon secret set NAME'
    problems.append(Problem(node.place, path, "a secret's value may not stand in the configuration", hint))


def _filled_text(node: Node, text: str, around: Surroundings, problems: list[Problem], path: KeyPath) -> Node:
    if "{{secret:" in text.replace(" ", ""):
        return _kept_secret(node, text, problems, path)
    if path and path[-1] in SECRET_KEYS:
        _refuse_plain_secret(node, problems, path)
        return node
    whole = PLACEHOLDER.fullmatch(text.strip())
    if whole:
        return Node(_looked_up(node, whole.group(1), around, problems, path), node.place)

    def replaced(match: re.Match[str]) -> str:
        value = _looked_up(node, match.group(1), around, problems, path)
        return str(value).lower() if isinstance(value, bool) else str(value)

    return Node(PLACEHOLDER.sub(replaced, text), node.place)


def _kept_secret(node: Node, text: str, problems: list[Problem], path: KeyPath) -> Node:
    if secret_name(text) is None:
        hint = 'write "{{secret:NAME}}" alone; NAME is small letters, digits, ".", "-" and "_"'
        problems.append(Problem(node.place, path, "a secret reference must be the whole value", hint))
    elif not path or path[-1] not in SECRET_KEYS:
        hint = "secrets are accepted under: " + ", ".join(SECRET_KEYS)
        problems.append(Problem(node.place, path, "a secret may not be used here", hint))
    return Node(text.strip(), node.place)


def _looked_up(node: Node, name: str, around: Surroundings, problems: list[Problem], path: KeyPath) -> Scalar:
    words: dict[str, Scalar] = {"org": around.org, "domain": around.domain, "env": around.env}
    if name in words:
        return words[name]
    if not name.startswith("context:"):
        forms = "{{org}}, {{domain}}, {{env}}, {{context:name}}, {{secret:name}}"
        problems.append(Problem(node.place, path, f"`{{{{{name}}}}}` is not a placeholder", f"known: {forms}"))
        return ""
    key = name.removeprefix("context:").strip()
    if key not in around.context:
        known = did_you_mean(key, list(around.context), what="context values there")
        hint = f"add `{key}: <value>` under `context:` in {around.context_file}; {known}"
        problems.append(Problem(node.place, path, f"there is no context value `{key}`", hint))
        return ""
    return around.context[key]
