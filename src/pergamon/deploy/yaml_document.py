"""Reads YAML so that every key keeps its file and line, and nothing in it can surprise.

A safe subset: no tags, no anchors or aliases (no bombs), no duplicate keys, text keys only, at most 1 MiB and 40
levels. Plain words mean what they look like (YAML 1.2): `no`, `on`, `16:30`, `0123` and dates are text; only true,
false, null and decimal numbers are not.
"""

import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from pergamon.deploy.problems import KeyPath, Place, Problem

Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

LARGEST_BYTES = 1 << 20
DEEPEST = 40
STRING_TAG = "tag:yaml.org,2002:str"
COLLECTION_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


@dataclass(frozen=True)
class Node:
    """A value with the place of its key. `value` is a scalar, a list of nodes or a dict of nodes."""

    value: "bool | int | float | str | list[Node] | dict[str, Node] | None"
    place: Place

    def plain(self) -> Json:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def child(self, part: str | int) -> "Node | None":
        """The node under a key or an index."""
        if isinstance(self.value, dict) and isinstance(part, str):
            return self.value.get(part)
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            return self.value[part]
        return None

    def at(self, path: KeyPath) -> "Node":
        """The deepest node on `path` that exists here."""
        node = self
        for part in path:
            below = node.child(part)
            if below is None:
                break
            node = below
        return node

    def place_of(self, path: KeyPath) -> Place:
        """The place of the deepest key on `path` that exists here."""
        return self.at(path).place


@dataclass
class _Reading:
    file: str
    problems: list[Problem] = field(default_factory=list)

    def fault(self, mark: yaml.Mark | None, path: KeyPath, message: str, hint: str = "") -> None:
        self.problems.append(Problem(Place(self.file, (mark.line if mark else 0) + 1), path, message, hint))


class _Refused(yaml.YAMLError):
    def __init__(self, mark: yaml.Mark, message: str, hint: str) -> None:
        self.mark, self.message, self.hint = mark, message, hint


class _Loader(yaml.BaseLoader):
    """Composes nodes only; constructs nothing."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(event.start_mark, "anchors and aliases are not read", "write the value out")
        if self.depth >= DEEPEST:
            raise _Refused(event.start_mark, f"nested more than {DEEPEST} levels deep", "")
        self.depth += 1
        try:
            return super().compose_node(parent, index)  # type: ignore[arg-type]
        finally:
            self.depth -= 1


def read_yaml(path: Path, shown_as: str) -> tuple[Node | None, list[Problem]]:
    """Read one file. Returns: its tree, or None with the problems that were met; an empty file is an empty mapping."""
    reading = _Reading(shown_as)
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):  # a pipe would be waited for
            reading.fault(None, (), "this is not a plain file", "write the text into a file of that name")
            return None, reading.problems
        if state.st_size > LARGEST_BYTES:
            reading.fault(None, (), f"larger than {LARGEST_BYTES} bytes", "split it; a module may have several files")
            return None, reading.problems
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        reading.fault(
            None,
            (),
            "there is no such file",
            "name its directory, `-C DIRECTORY`, or write it; `pergamon init` writes a whole one",
        )
        return None, reading.problems
    except (OSError, UnicodeDecodeError) as error:
        reading.fault(None, (), f"cannot be read as UTF-8 text ({type(error).__name__})")
        return None, reading.problems
    return parse_yaml(text, shown_as)


def parse_yaml(text: str, shown_as: str) -> tuple[Node | None, list[Problem]]:
    """As `read_yaml`, from text."""
    reading = _Reading(shown_as)
    root: yaml.Node | None = None
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except _Refused as error:
        reading.fault(error.mark, (), error.message, error.hint)
    except yaml.MarkedYAMLError as error:
        reading.fault(
            error.problem_mark, (), f"this is not YAML: {error.problem}", _yaml_hint(text, error.problem_mark)
        )
    except (yaml.YAMLError, RecursionError) as error:
        reading.fault(None, (), f"this is not YAML ({type(error).__name__})")
    if reading.problems:
        return None, reading.problems
    if root is None:
        return Node({}, Place(shown_as, 1)), []
    node = _converted(reading, root, Place(shown_as, root.start_mark.line + 1), ())
    return node, reading.problems


def _yaml_hint(text: str, mark: yaml.Mark | None) -> str:
    lines = text.splitlines()
    if mark and mark.line < len(lines) and re.search(r"(:|-)\s+\{\{", lines[mark.line]):
        return 'quote placeholders: "{{context:name}}"'
    return ""


def _converted(reading: _Reading, node: yaml.Node, place: Place, path: KeyPath) -> Node:
    if isinstance(node, yaml.ScalarNode):
        if node.tag != STRING_TAG:
            reading.fault(node.start_mark, path, f"the tag {node.tag} is not read", "write a plain value")
        return Node(_scalar(node), place)
    if node.tag not in COLLECTION_TAGS:
        reading.fault(node.start_mark, path, f"the tag {node.tag} is not read", "write a plain value")
    if isinstance(node, yaml.SequenceNode):
        items = enumerate(node.value)
        return Node([_converted(reading, item, _at(reading, item), (*path, index)) for index, item in items], place)
    return Node(_mapping(reading, node, path), place)


def _mapping(reading: _Reading, node: yaml.Node, path: KeyPath) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            reading.fault(key.start_mark, path, "a key must be text", 'quote placeholders: "{{context:name}}"')
            continue
        name = str(key.value)
        if name in found:
            first = found[name].place.line
            reading.fault(
                key.start_mark, (*path, name), f"the key is written twice, first in line {first}", "keep one of them"
            )
            continue
        found[name] = _converted(reading, value, _at(reading, key), (*path, name))
    return found


def _at(reading: _Reading, node: yaml.Node) -> Place:
    return Place(reading.file, node.start_mark.line + 1)


def _scalar(node: yaml.ScalarNode) -> bool | int | float | str | None:
    text = str(node.value)
    if node.style is not None:
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text):
        return int(text)
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})\.[0-9]+", text):
        return float(text)
    return text
