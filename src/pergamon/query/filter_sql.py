"""One row filter as a DuckDB expression: TRUE for exactly the rows of the predicate, and no error for any value.

A column is compared with constants of its own type, so no cell is ever cast: a cast that fails on a hidden row would be
an oracle. SQL's NULL does the rest; the caller keeps the rows where the expression is TRUE.
"""

from collections.abc import Mapping

from pergamon.kernel import Invalid
from pergamon.policy import Predicate, Value, fields_of, parsed_type
from pergamon.policy.filter_values import value_text
from pergamon.policy.row_filter import Among, And, Attribute, Compare, Constant, IsNull, Not, Or, StartsWith
from pergamon.query.sql_literals import constant, text_literal


def filter_sql(predicate: Predicate, column_sql_by_field_id: Mapping[int, str]) -> str:
    """Write a predicate over columns that are already SQL; a column that is gone makes all of it FALSE.

    Raises:
        Invalid: it still asks for an attribute of a person; `resolved` comes first.
    """
    if not fields_of(predicate) <= column_sql_by_field_id.keys():
        return "FALSE"
    return _sql(predicate, column_sql_by_field_id)


def _sql(predicate: Predicate, columns: Mapping[int, str]) -> str:  # noqa: PLR0911 - one return for each kind
    match predicate:
        case Constant():
            return "TRUE" if predicate.value else "FALSE"
        case Compare():
            value = _value(predicate.value, predicate.type)
            return f"({columns[predicate.field_id]} {predicate.operator.value} {value})"
        case Among():
            values = ", ".join(_value(value, predicate.type) for value in predicate.values)
            return f"({columns[predicate.field_id]} IN ({values}))"
        case StartsWith():
            return f"starts_with({columns[predicate.field_id]}, {_value(predicate.prefix, 'string')})"
        case IsNull():
            return f"({columns[predicate.field_id]} IS NULL)"
        case Not():
            return f"(NOT {_sql(predicate.part, columns)})"
        case And():
            return _joined(" AND ", [_sql(part, columns) for part in predicate.parts], "TRUE")
        case Or():
            return _joined(" OR ", [_sql(part, columns) for part in predicate.parts], "FALSE")


def _joined(word: str, parts: list[str], of_none: str) -> str:
    return f"({word.join(parts)})" if parts else of_none


def _value(value: Value | Attribute, column_type: str) -> str:
    if isinstance(value, Attribute):
        raise Invalid("a row filter still asks for an attribute of a person")
    if isinstance(value, str):
        return text_literal(value)
    return constant(value_text(value), parsed_type(column_type))
