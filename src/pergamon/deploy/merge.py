"""Joins several files into one module: mappings key by key, lists one after the other in the order of the files.

Two files that give one key different scalars contradict each other: an error that names both places, never "the last
one wins".
"""

from pergamon.deploy.problems import KeyPath, Problem
from pergamon.deploy.yaml_document import Node


def merged(nodes: list[Node], problems: list[Problem]) -> Node:
    """Join the trees in order; contradictions are added to `problems` and the first value stays."""
    result = nodes[0]
    for node in nodes[1:]:
        result = _joined(result, node, (), problems)
    return result


def _joined(first: Node, second: Node, path: KeyPath, problems: list[Problem]) -> Node:
    if isinstance(first.value, dict) and isinstance(second.value, dict):
        items = dict(first.value)
        for key, node in second.value.items():
            items[key] = _joined(items[key], node, (*path, key), problems) if key in items else node
        return Node(items, first.place)
    if isinstance(first.value, list) and isinstance(second.value, list):
        return Node([*first.value, *second.value], first.place)
    if first.plain() != second.plain() or type(first.value) is not type(second.value):
        message = f"contradicts {first.place}, which gives this key another value"
        problems.append(Problem(second.place, path, message, "keep one of the two"))
    return first
