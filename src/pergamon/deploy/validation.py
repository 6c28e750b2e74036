"""Turns a typed model's complaints into problems with file, line, key path and what to write."""

import types
from dataclasses import replace
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pergamon.deploy.problems import KeyPath, Problem, did_you_mean
from pergamon.deploy.yaml_document import Node

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], node: Node, problems: list[Problem], prefix: KeyPath = ()) -> Model | None:
    """The typed document, or None with everything that is wrong with it added to `problems`."""
    try:
        return model.model_validate(node.plain())
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        found = [_problem(model, node, fault, prefix) for fault in faults]
        problems += [_one_of_several(same) for same in _by_path(found)]
        return None


def _by_path(problems: list[Problem]) -> list[list[Problem]]:
    """A value that may be one of several kinds is complained about once for each: these belong together."""
    groups: dict[KeyPath, list[Problem]] = {}
    for problem in problems:
        groups.setdefault(problem.path, []).append(problem)
    return list(groups.values())


def _one_of_several(problems: list[Problem]) -> Problem:
    if len({problem.message for problem in problems}) == 1:
        return problems[0]
    messages = dict.fromkeys(problem.message.removeprefix("this must be ") for problem in problems)
    return replace(problems[0], message="this must be " + ", or ".join(messages))


def _problem(
    model: type[BaseModel], node: Node, fault: Any, prefix: KeyPath
) -> Problem:  # Any: pydantic's ErrorDetails
    loc, kind = tuple(fault["loc"]), str(fault["type"])
    path = _existing(node, loc)
    place = node.place_of(path)
    if kind == "extra_forbidden":
        parent = fields_at(model, loc[:-1])
        known = [name for name in parent if name not in _keys_at(node, loc[:-1])] or list(parent)
        return Problem(
            place, (*prefix, *loc), f"the key `{loc[-1]}` is not known here", did_you_mean(str(loc[-1]), known)
        )
    if node.at(path).value is None:
        about = _description(model, path)
        return Problem(place, (*prefix, *path), "this has no value", f"write one: {about}" if about else "write one")
    if kind == "missing":
        parent_path = _existing(node, loc[:-1])
        hint = f"write `{loc[-1]}: …`: {_description(model, loc)}"
        return Problem(node.place_of(parent_path), (*prefix, *loc), f"the key `{loc[-1]}` is missing", hint)
    return Problem(place, (*prefix, *path), *_wrong_value(fault, model, path))


def _wrong_value(fault: Any, model: type[BaseModel], path: KeyPath) -> tuple[str, str]:  # Any: as above
    kind, context = str(fault["type"]), fault.get("ctx") or {}
    about = _description(model, path)
    match kind:
        case "string_type":
            return "this must be text", "put it in quotes" if not about else f"put it in quotes: {about}"
        case (
            "int_type" | "float_type" | "bool_type" | "list_type" | "dict_type" | "model_type" | "model_attributes_type"
        ):
            return f"this must be {_KIND_WORDS[kind]}", about
        case "literal_error":
            return f"this must be {context.get('expected')}", about
        case "string_pattern_mismatch":
            return f"this does not match {context.get('pattern')}", about
    return str(fault["msg"]).removeprefix("Value error, "), about


_KIND_WORDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list (lines that begin with `- `)",
    "dict_type": "a mapping (lines `key: value`)",
    "model_type": "a mapping (lines `key: value`)",
    "model_attributes_type": "a mapping (lines `key: value`)",
}


def _existing(node: Node, loc: KeyPath) -> KeyPath:
    """As much of a location as exists in the tree: pydantic adds the branch of a union that it tried."""
    path: list[str | int] = []
    for part in loc:
        below = node.child(part)
        if below is None:
            break
        node = below
        path.append(part)
    return tuple(path)


def _keys_at(node: Node, path: KeyPath) -> list[str]:
    for part in path:
        node = node.child(part) or node
    return list(node.value) if isinstance(node.value, dict) else []


def fields_at(model: type[BaseModel], path: KeyPath) -> dict[str, str]:
    """The keys that a document may have at a path, each with its description."""
    kind: Any = model  # Any: a type expression
    for part in path:
        kind = _below(kind, part)
        if kind is None:
            return {}
    found = _model_in(kind)
    if found is None:
        return {}
    return {field.alias or name: field.description or "" for name, field in found.model_fields.items()}


def _description(model: type[BaseModel], path: KeyPath) -> str:
    if not path or not isinstance(path[-1], str):
        return _description(model, path[:-1]) if path else ""
    return fields_at(model, path[:-1]).get(path[-1], "")


def _below(kind: Any, part: str | int) -> Any:  # Any: type expressions
    model = _model_in(kind)
    if model is not None:
        for name, field in model.model_fields.items():
            if part in (field.alias, name):
                return field.annotation
        return None
    for option in _options(kind):
        if get_origin(option) is dict:
            return get_args(option)[1]
        if get_origin(option) in (list, tuple) and isinstance(part, int):
            return get_args(option)[0]
    return None


def _options(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _model_in(kind: Any) -> type[BaseModel] | None:
    for option in _options(kind):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None
