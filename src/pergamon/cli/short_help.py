"""What a command says of itself, read from its source: a list of commands imports none of them."""

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def short_help(target: str) -> str:
    """The docstring of `module:function`, of which click shows the first sentence; empty: there is none."""
    module, _, function = target.partition(":")
    return _sayings(module).get(function, "")


@cache
def _sayings(module: str) -> dict[str, str]:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return {}
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    return {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)}
