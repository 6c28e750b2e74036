"""Which rows does a grant give? A closed predicate language over one table's columns, bound to field ids (ADR 0022).

SQL's three values; a row is given only where the predicate is TRUE. `filter_text` reads and writes what people see,
`filter_iceberg` what engines are told, `query.filter_sql` what DuckDB runs: no engine ever reads what somebody wrote.
Here stand the tree, what is kept of it, and what becomes of it for one person.

Floats are compared as PostgreSQL and the engines do: NaN equals itself and is greater than every number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from pergamon.kernel import Invalid
from pergamon.policy.column_types import parsed_type
from pergamon.policy.filter_values import COMPARED, ORDERED, Value, is_plain_text, typed_value, value_text


class FilterNotUnderstood(Invalid):
    """A row filter is not written in the language of row filters."""

    code = "policy.filter_not_understood"


class FilterDoesNotFit(Invalid):
    """A row filter names a column that the table has not, or compares it with what it cannot hold."""

    code = "policy.filter_does_not_fit"


class Operator(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "<>"
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True)
class Attribute:
    """An attribute of the person who asks; a constant by the time anything is compiled."""

    name: str


@dataclass(frozen=True)
class Constant:
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True)
class Compare:
    """A column against a value."""

    field_id: int
    type: str
    operator: Operator
    value: Value | Attribute


@dataclass(frozen=True)
class Among:
    """Is a column one of these values?"""

    field_id: int
    type: str
    values: tuple[Value | Attribute, ...]


@dataclass(frozen=True)
class StartsWith:
    """Does a text begin with these code points?"""

    field_id: int
    prefix: str | Attribute


@dataclass(frozen=True)
class IsNull:
    """Is there no value? The only question about a cell whose answer is never NULL."""

    field_id: int


@dataclass(frozen=True)
class Not:
    part: "Predicate"


@dataclass(frozen=True)
class And:
    parts: tuple["Predicate", ...]


@dataclass(frozen=True)
class Or:
    parts: tuple["Predicate", ...]


Predicate = Constant | Compare | Among | StartsWith | IsNull | Not | And | Or

T = TypeVar("T")

NOTHING = Constant(False)
EVERYTHING = Constant(True)

MOST_KEPT_NODES = 1_000
MOST_KEPT_DEEP = 40
"""Of what is kept: several written filters joined."""


def all_of(predicates: Sequence[Predicate]) -> Predicate:
    """TRUE where all of these are: what a request, the owner's conditions and an approver each leave."""
    distinct = tuple(dict.fromkeys(predicates))
    return distinct[0] if len(distinct) == 1 else And(distinct) if distinct else EVERYTHING


def any_of(predicates: Sequence[Predicate]) -> Predicate:
    """TRUE where one of these is; the same for the same predicates in the same order."""
    distinct = tuple(dict.fromkeys(predicates))
    return distinct[0] if len(distinct) == 1 else Or(distinct) if distinct else NOTHING


def resolved(predicate: Predicate, attributes: Mapping[str, str]) -> Predicate:
    """The predicate for one person: each attribute is a constant.

    One that the person has not, or that the column cannot hold, makes the WHOLE predicate FALSE: neither an error that
    tells, nor a `not (…)` that would then be TRUE.
    """
    try:
        return _resolved(predicate, attributes)
    except _AttributeMissingError:
        return NOTHING


def attribute_names(predicate: Predicate) -> frozenset[str]:
    """The attributes that the predicate asks a person for."""
    return frozenset(value.name for value in _values(predicate) if isinstance(value, Attribute))


def fields_of(predicate: Predicate) -> frozenset[int]:
    """The columns that the predicate looks at, by field id."""
    return frozenset(node.field_id for node in walk(predicate) if not isinstance(node, Constant | Not | And | Or))


def walk(predicate: Predicate) -> Iterator[Predicate]:
    """Every node, itself first."""
    yield predicate
    for part in _parts(predicate):
        yield from walk(part)


def size_and_depth(predicate: Predicate) -> tuple[int, int]:
    """How many nodes, each listed value counting as one, and how deep they stand in each other."""
    inner = [size_and_depth(part) for part in _parts(predicate)]
    listed = len(predicate.values) if isinstance(predicate, Among) else 0
    return 1 + listed + sum(size for size, _ in inner), 1 + max((depth for _, depth in inner), default=0)


def as_json(predicate: Predicate) -> dict[str, Any]:  # noqa: PLR0911 - one return for each kind
    """A predicate as it is kept; values are texts, so that its hash is the same everywhere."""
    match predicate:
        case Constant():
            return {"is": "constant", "value": predicate.value}
        case Compare():
            test = {"is": predicate.operator.value, "field": predicate.field_id, "type": predicate.type}
            return test | {"value": _value_as_json(predicate.value)}
        case Among():
            test = {"is": "in", "field": predicate.field_id, "type": predicate.type}
            return test | {"values": [_value_as_json(value) for value in predicate.values]}
        case StartsWith():
            return {"is": "starts-with", "field": predicate.field_id, "value": _value_as_json(predicate.prefix)}
        case IsNull():
            return {"is": "null", "field": predicate.field_id}
        case Not():
            return {"is": "not", "part": as_json(predicate.part)}
        case And():
            return {"is": "and", "parts": [as_json(part) for part in predicate.parts]}
        case Or():
            return {"is": "or", "parts": [as_json(part) for part in predicate.parts]}


def from_json(kept: Any) -> Predicate:  # Any: JSON that may be anything
    """Read a kept predicate back, checking all of it again.

    Raises:
        FilterNotUnderstood: it is none that this version writes.
    """
    try:
        found = _from_json(kept, MOST_KEPT_DEEP)
    except (KeyError, TypeError, ValueError, Invalid) as error:
        raise _not_kept() from error
    if size_and_depth(found)[0] > MOST_KEPT_NODES:
        raise _not_kept()
    return found


class _AttributeMissingError(Exception):
    """Left at once: what it is about is nobody's business."""


def _resolved(predicate: Predicate, attributes: Mapping[str, str]) -> Predicate:  # noqa: PLR0911 - one return for each kind
    match predicate:
        case Compare():
            return replace(predicate, value=_constant(predicate.value, predicate.type, attributes))
        case Among():
            values = tuple(_constant(value, predicate.type, attributes) for value in predicate.values)
            return replace(predicate, values=values)
        case StartsWith():
            return replace(predicate, prefix=str(_constant(predicate.prefix, "string", attributes)))
        case Not():
            return Not(_resolved(predicate.part, attributes))
        case And():
            return And(tuple(_resolved(part, attributes) for part in predicate.parts))
        case Or():
            return Or(tuple(_resolved(part, attributes) for part in predicate.parts))
        case Constant() | IsNull():
            return predicate


def _constant(value: Value | Attribute, column_type: str, attributes: Mapping[str, str]) -> Value:
    if not isinstance(value, Attribute):
        return value
    text = attributes.get(value.name)
    found = None if text is None else typed_value(text, parsed_type(column_type))
    if found is None:
        raise _AttributeMissingError
    return found


def _parts(predicate: Predicate) -> tuple[Predicate, ...]:
    match predicate:
        case Not():
            return (predicate.part,)
        case And() | Or():
            return predicate.parts
        case _:
            return ()


def _values(predicate: Predicate) -> Iterator[Value | Attribute]:
    for node in walk(predicate):
        match node:
            case Compare():
                yield node.value
            case Among():
                yield from node.values
            case StartsWith():
                yield node.prefix
            case _:
                pass


def _value_as_json(value: Value | Attribute) -> str | dict[str, str]:
    return {"attribute": value.name} if isinstance(value, Attribute) else value_text(value)


def _from_json(kept: Any, deeper: int) -> Predicate:  # noqa: PLR0911 - one return for each kind
    if deeper == 0 or not isinstance(kept, dict):
        raise _not_kept()
    match kept["is"]:
        case "constant":
            return Constant(_exactly(kept["value"], bool))
        case "in":
            values = _exactly(kept["values"], list)
            if not values:
                raise _not_kept()
            return Among(_field(kept), _type(kept, COMPARED), tuple(_kept_value(v, kept["type"]) for v in values))
        case "starts-with":
            prefix = _kept_value(kept["value"], "string")
            return StartsWith(_field(kept), prefix if isinstance(prefix, Attribute) else str(prefix))
        case "null":
            return IsNull(_field(kept))
        case "not":
            return Not(_from_json(kept["part"], deeper - 1))
        case "and":
            return And(tuple(_from_json(part, deeper - 1) for part in _exactly(kept["parts"], list)))
        case "or":
            return Or(tuple(_from_json(part, deeper - 1) for part in _exactly(kept["parts"], list)))
        case sign:
            operator = Operator(sign)
            types = COMPARED if operator in {Operator.EQUAL, Operator.NOT_EQUAL} else ORDERED
            return Compare(_field(kept), _type(kept, types), operator, _kept_value(kept["value"], kept["type"]))


def _field(kept: Mapping[str, Any]) -> int:
    return _exactly(kept["field"], int)


def _type(kept: Mapping[str, Any], among: frozenset[str]) -> str:
    text = _exactly(kept["type"], str)
    if parsed_type(text).kind not in among:
        raise _not_kept()
    return text


def _exactly(value: Any, kind: type[T]) -> T:
    if type(value) is not kind:
        raise _not_kept()
    return value


def _kept_value(kept: Any, column_type: str) -> Value | Attribute:
    if isinstance(kept, dict):
        name = _exactly(kept["attribute"], str)
        if not is_plain_text(name):
            raise _not_kept()
        return Attribute(name)
    found = typed_value(_exactly(kept, str), parsed_type(column_type))
    if found is None:
        raise _not_kept()
    return found


def _not_kept() -> FilterNotUnderstood:
    return FilterNotUnderstood(
        "a kept row filter is none that is known here", hint="a newer version may have written it"
    )
