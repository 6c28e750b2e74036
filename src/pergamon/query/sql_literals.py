"""How are names, types and constants written in DuckDB's SQL? Nothing else here puts text into SQL.

A constant is a text literal or a cast of one: DuckDB knows no escapes inside quotes, so doubling the quote is all there
is, and the cast is folded before a row is read. NUL would end the text for the parser, so it is never written.
"""

from pergamon.kernel import Invalid
from pergamon.policy import ColumnType

_PLAIN = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "string": "VARCHAR",
    "uuid": "UUID",
    "binary": "BLOB",
    "fixed": "BLOB",
}


def identifier(name: str) -> str:
    """A name in double quotes.

    Raises:
        Invalid: it cannot be written in SQL.
    """
    return '"' + _writable(name).replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """A text constant.

    Raises:
        Invalid: it cannot be written in SQL.
    """
    return "'" + _writable(text).replace("'", "''") + "'"


def blob_literal(data: bytes) -> str:
    """A constant of bytes."""
    return "CAST('" + "".join(f"\\x{byte:02X}" for byte in data) + "' AS BLOB)"


def constant(text: str, column_type: ColumnType) -> str:
    """A constant of a type, from the text that the engine casts to it."""
    return f"CAST({text_literal(text)} AS {duckdb_type(column_type)})"


def duckdb_type(column_type: ColumnType) -> str:
    """DuckDB's name of an Iceberg type, as its Iceberg reader gives such a column."""
    parts = column_type.parts
    match column_type.kind:
        case "decimal":
            return f"DECIMAL({column_type.precision},{column_type.scale})"
        case "list":
            return f"{duckdb_type(parts['element'])}[]"
        case "map":
            return f"MAP({duckdb_type(parts['key'])}, {duckdb_type(parts['value'])})"
        case "struct":
            fields = ", ".join(f"{identifier(name)} {duckdb_type(part)}" for name, part in parts.items())
            return f"STRUCT({fields})"
        case kind:
            return _PLAIN[kind]


def _writable(text: str) -> str:
    if "\0" in text:
        raise Invalid("a name or a constant with a NUL character cannot be written in SQL")
    return text
