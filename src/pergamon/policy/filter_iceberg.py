"""A row filter as the Iceberg REST protocol's `required-row-filter` tells it: JSON over field ids.

Iceberg evaluates with two values: there a NULL is unequal to everything, and some readers sort it before all. So NOT is
pushed down to the single questions first, and each of them is joined with not-null: TRUE here is TRUE there, and
nothing else is.
"""

from datetime import datetime
from typing import Any

from pergamon.kernel import Invalid
from pergamon.policy.filter_values import Value, value_text
from pergamon.policy.row_filter import (
    Among,
    And,
    Attribute,
    Compare,
    Constant,
    IsNull,
    Not,
    Operator,
    Or,
    Predicate,
    StartsWith,
)

_NAMES = {
    Operator.EQUAL: ("eq", "not-eq"),
    Operator.NOT_EQUAL: ("not-eq", "eq"),
    Operator.LESS: ("lt", "gt-eq"),
    Operator.AT_MOST: ("lt-eq", "gt"),
    Operator.MORE: ("gt", "lt-eq"),
    Operator.AT_LEAST: ("gt-eq", "lt"),
}
"""Each operator, and what NOT makes of it: SQL's order is total, NaN included, so nothing falls between."""

Json = dict[str, Any]


def as_iceberg(predicate: Predicate) -> Json:
    """The expression that is TRUE for exactly the rows of this predicate.

    Raises:
        Invalid: an attribute is still in it; `resolved` comes first.
    """
    return _told(predicate, positive=True)


def _told(predicate: Predicate, *, positive: bool) -> Json:  # noqa: PLR0911 - one return for each kind
    match predicate:
        case Constant():
            return {"type": "true" if predicate.value is positive else "false"}
        case Not():
            return _told(predicate.part, positive=not positive)
        case And():
            return _joined("and" if positive else "or", predicate.parts, positive)
        case Or():
            return _joined("or" if positive else "and", predicate.parts, positive)
        case IsNull():
            return {"type": "is-null" if positive else "not-null", "child": _reference(predicate.field_id)}
        case Compare():
            name = _NAMES[predicate.operator][0 if positive else 1]
            return _with_value(predicate.field_id, {"type": name, "right": _literal(predicate.value)})
        case StartsWith():
            name = "starts-with" if positive else "not-starts-with"
            return _with_value(predicate.field_id, {"type": name, "right": _literal(predicate.prefix)})
        case Among():
            values = [_literal(value)["value"] for value in predicate.values]
            return _with_value(predicate.field_id, {"type": "in" if positive else "not-in", "values": values})


def _joined(word: str, parts: tuple[Predicate, ...], positive: bool) -> Json:
    """Iceberg joins two at a time; no parts: what changes nothing."""
    told = [_told(part, positive=positive) for part in parts]
    if not told:
        return {"type": "true" if word == "and" else "false"}
    joined = told[-1]
    for part in reversed(told[:-1]):
        joined = {"type": word, "left": part, "right": joined}
    return joined


def _with_value(field_id: int, question: Json) -> Json:
    there = {"type": "not-null", "child": _reference(field_id)}
    return {"type": "and", "left": there, "right": {"left": _reference(field_id)} | question}


def _reference(field_id: int) -> Json:
    return {"type": "reference", "id": field_id}


def _literal(value: Value | Attribute) -> Json:
    """A value as Iceberg's single-value JSON serialization writes it."""
    if isinstance(value, Attribute):
        raise Invalid("a row filter still asks for an attribute of a person")
    plain = isinstance(value, bool | int | float)
    text = value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value_text(value)
    return {"type": "literal", "value": value if plain else text}
