"""Whoever is refused is told what to do: each error of the rooms that people talk to has a hint."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pergamon

ROOMS = ("access", "catalog", "cli", "client", "crawl", "identity", "quality", "search")
SAYS_IT_ITSELF = {
    "BadRequest": "what is wrong with what somebody asks is what is to be changed",
    "Unauthenticated": "of a name or a password nothing more is told to anybody",
    "ClaimLost": "between workers",
    "FilesChanged": "between workers; it is made anew",
    "EngineFailed": "of a worker; it is tried again",
    "StatementTimedOut": "of a worker; told as a reason of a profile",
}


def test_each_error_of_the_rooms_that_people_talk_to_has_a_hint() -> None:
    source = Path(pergamon.__file__).parent
    trees = {path: ast.parse(path.read_text()) for path in source.rglob("*.py")}
    classes = {node.name: node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    silent = [
        f"{path.relative_to(source)}:{call.lineno}: {name}"
        for path, tree in trees.items()
        if path.relative_to(source).parts[0] in ROOMS
        for name, call in raised(tree)
        if name in classes and not has_usual_hint(name, classes) and name not in SAYS_IT_ITSELF
        if not {"hint", None} & {word.arg for word in call.keywords}
    ]
    assert not silent, silent


def raised(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            called = node.exc.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            yield name, node.exc


def has_usual_hint(name: str, classes: dict[str, ast.ClassDef]) -> bool:
    """By itself or from a class that it is one of; what is no error of ours, or makes its hint itself, needs none."""
    if name not in classes:
        return name != "PergamonError" and name.endswith("Error")
    if name == "PergamonError":
        return False
    for part in classes[name].body:
        if isinstance(part, ast.Assign) and getattr(part.targets[0], "id", "") == "usual_hint":
            return True
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            return True
    bases = [base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in classes[name].bases]
    return any(base not in ("PergamonError",) and has_usual_hint(base, classes) for base in bases)
