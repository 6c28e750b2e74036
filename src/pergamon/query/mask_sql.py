"""One mask as a DuckDB expression over one column: the type stays, NULL stays NULL, and no value makes it fail.

An error that some cell raises and another does not would tell which is which. So nothing here casts a cell's text,
dates are held between the years 1 and 9999 before anything is computed of them, and whole numbers never leave their
type. Texts are taken by code points, instants in UTC whatever the session's time zone is.

`greatest`, `least` and `concat` of DuckDB skip NULL: the first two stand inside `CASE WHEN … IS NULL`, texts are joined
by `||`.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from pergamon.kernel import Invalid
from pergamon.policy import ColumnType, Mask, MaskAction, UnfitMask, applies_to, parsed_type
from pergamon.query.sql_literals import blob_literal, constant, duckdb_type, identifier

BLOCK_BYTES = 64
SALT_BYTES = 16
SHIFT_DOMAIN = b"\xffshift-date\xff"
"""Before an anchor's text: no text begins so, hence no pseudonym is also a shift."""

FIXED_TEXTS = {
    "boolean": "false",
    "int": "999999999",
    "long": "999999999",
    "float": "0",
    "double": "0",
    "decimal": "0",
    "string": "XXXXXXXX",
    "date": "9999-12-31",
    "time": "00:00:00",
    "timestamp": "9999-12-31 00:00:00",
    "timestamptz": "9999-12-31 00:00:00+00:00",
    "uuid": "00000000-0000-0000-0000-000000000000",
}
_NUMBER_BYTES = {"int": 4, "long": 8}
_MICROSECONDS_A_DAY = 86_400_000_000
_FIRST_DAY, _LAST_DAY = "DATE '0001-01-01'", "DATE '9999-12-31'"
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
"""0001-01-01 00:00:00 and 9999-12-31 23:59:59.999999, in microseconds from 1970."""


@dataclass(frozen=True)
class MaskSecrets:
    """What keyed masks need: HMAC's two key blocks (RFC 2104) of a project, and the salt of one query."""

    hmac_inner_key: bytes = field(repr=False)
    hmac_outer_key: bytes = field(repr=False)
    query_salt: bytes = field(repr=False)

    def __post_init__(self) -> None:
        sizes = (len(self.hmac_inner_key), len(self.hmac_outer_key), len(self.query_salt))
        if sizes != (BLOCK_BYTES, BLOCK_BYTES, SALT_BYTES):
            raise Invalid(f"the secrets of masks are two blocks of {BLOCK_BYTES} bytes and {SALT_BYTES} of salt")


def mask_secrets(key: bytes, query_salt: bytes) -> MaskSecrets:
    """The secrets from a project's key of at least 32 bytes and a query's salt.

    Raises:
        Invalid: the key is too short, or the salt is not of 16 bytes.
    """
    if len(key) < hashlib.sha256().digest_size:
        raise Invalid("the key of masks has at least 32 bytes")
    block = (key if len(key) <= BLOCK_BYTES else hashlib.sha256(key).digest()).ljust(BLOCK_BYTES, b"\0")
    return MaskSecrets(block.translate(hmac.trans_36), block.translate(hmac.trans_5C), query_salt)


def mask_sql(mask: Mask, column_sql: str, column_type: str, secrets: MaskSecrets, anchor_sql: str | None = None) -> str:
    """Write a mask over a column that is already SQL. anchor_sql: the column that says whose date is shifted.

    Raises:
        UnfitMask: the mask does not apply to the type, or its anchor is not given.
        UnknownColumnType: the type is none that is known.
    """
    if not applies_to(mask, column_type):
        raise UnfitMask(f"{mask.action} does not apply to a column of type {column_type}")
    kind = parsed_type(column_type)
    return f"CAST({_masked(mask, column_sql, kind, secrets, anchor_sql)} AS {duckdb_type(kind)})"


def fixed_value_sql(kind: ColumnType) -> str:
    """The fixed value of a type."""
    match kind.kind:
        case "list":
            return f"CAST([] AS {duckdb_type(kind)})"
        case "map":
            return f"CAST(MAP {{}} AS {duckdb_type(kind)})"
        case "struct":
            parts = ", ".join(f"{identifier(name)} := {fixed_value_sql(part)}" for name, part in kind.parts.items())
            return f"struct_pack({parts})"
        case "binary" | "fixed":
            return blob_literal(bytes(kind.size))
        case plain:
            return constant(FIXED_TEXTS[plain], kind)


def _masked(  # noqa: PLR0911 - one return for each mask
    mask: Mask, column: str, kind: ColumnType, secrets: MaskSecrets, anchor: str | None
) -> str:
    match mask.action:
        case MaskAction.REPLACE_WITH_NULL:
            return "NULL"
        case MaskAction.MASK_TO_FIXED_VALUE:
            return f"CASE WHEN {column} IS NULL THEN NULL ELSE {fixed_value_sql(kind)} END"
        case MaskAction.MASK_ALPHANUM:
            return _alphanum(column)
        case MaskAction.SHOW_FIRST_4:
            return f"(left({column}, 4) || {_alphanum(f'substr({column}, 5)')})"
        case MaskAction.SHOW_LAST_4:
            hidden = f"left({column}, CASE WHEN length({column}) > 4 THEN length({column}) - 4 ELSE 0 END)"
            return f"({_alphanum(hidden)} || right({column}, 4))"
        case MaskAction.TRUNCATE_TO_YEAR:
            return _first_day(f"year({_day(column, kind)})", "1", kind)
        case MaskAction.TRUNCATE_TO_MONTH:
            day = _day(column, kind)
            return _first_day(f"year({day})", f"month({day})", kind)
        case MaskAction.AGE_BAND:
            return _band(mask.width or 0, column, kind)
        case MaskAction.SHIFT_DATE:
            return _shifted(mask.days or 0, column, kind, secrets, anchor)
        case MaskAction.SHA_256_GLOBAL:
            return _hash_of_type(f"sha256({_bytes(column, kind)})", kind)
        case MaskAction.SHA_256_QUERY_LOCAL:
            return _hash_of_type(f"sha256({blob_literal(secrets.query_salt)} || {_bytes(column, kind)})", kind)
        case MaskAction.HMAC_SHA_256:
            return _hash_of_type(_hmac(_bytes(column, kind), secrets), kind)


def _alphanum(text: str) -> str:
    """RE2 matches by code points, a newline too."""
    return f"regexp_replace(regexp_replace({text}, '[^0-9(),.@-]', 'x', 'g'), '[0-9]', 'n', 'g')"


def _day(column: str, kind: ColumnType) -> str:
    """The day of a date or an instant in UTC, held between the years 1 and 9999; NULL of NULL."""
    if kind.kind == "date":
        held = f"greatest({_FIRST_DAY}, least({_LAST_DAY}, {column}))"
    else:
        held = f"CAST(make_timestamp({_held_us(_microseconds(column, kind))}) AS DATE)"
    return f"CASE WHEN {column} IS NULL THEN NULL ELSE {held} END"


def _microseconds(column: str, kind: ColumnType) -> str:
    """From 1970 in UTC; the infinities, which have none, count as the first and the last instant."""
    first, last = ("'-infinity'", "'infinity'")
    named = duckdb_type(kind)
    return (
        f"CASE WHEN {column} = CAST({first} AS {named}) THEN {_FIRST_US} "
        f"WHEN {column} = CAST({last} AS {named}) THEN {_LAST_US} ELSE epoch_us({column}) END"
    )


def _held_us(microseconds: str) -> str:
    return f"greatest({_FIRST_US}, least({_LAST_US}, {microseconds}))"


def _first_day(year: str, month: str, kind: ColumnType) -> str:
    """The first day of a month, in the column's type; year and month are NULL or make a date."""
    day = f"make_date({year}, {month}, 1)"
    match kind.kind:
        case "timestamptz":
            return f"make_timestamptz(epoch_us(CAST({day} AS TIMESTAMP)))"
        case _:
            return day


def _band(width: int, column: str, kind: ColumnType) -> str:
    if width < 1:
        raise UnfitMask("age-band needs a width of at least one")
    if kind.kind in {"int", "long"}:
        return _number_band(width, column, kind)
    year = f"year({_day(column, kind)})"
    return _first_day(f"(CASE WHEN {year} < {width} THEN 1 ELSE {year} - {year} % {width} END)", "1", kind)


def _number_band(width: int, column: str, kind: ColumnType) -> str:
    """Floor to a multiple; below the least multiple of the type, the type's least number."""
    least = -(2 ** (31 if kind.kind == "int" else 63))
    least_multiple = -(-least // width) * width
    multiple, step = constant(str(least_multiple), kind), constant(str(width), kind)
    held = f"greatest({column}, {multiple})"
    floor = f"{held} - (({held} % {step}) + {step}) % {step}"
    return (
        f"CASE WHEN {column} IS NULL THEN NULL WHEN {column} < {multiple} THEN {constant(str(least), kind)} "
        f"ELSE {floor} END"
    )


def _shifted(days: int, column: str, kind: ColumnType, secrets: MaskSecrets, anchor: str | None) -> str:
    """Moved by HMAC(key, anchor) mod (2 * days + 1) - days; held between the years 1 and 9999."""
    if anchor is None or days < 1:
        raise UnfitMask("shift-date needs a column that says whose date it is, and a number of days")
    message = f"{blob_literal(SHIFT_DOMAIN)} || encode(CAST({anchor} AS VARCHAR))"
    drawn = f"CAST(CAST(unhex(left({_hmac(message, secrets)}, 16)) AS BIT) AS UBIGINT)"
    by = f"(CAST({drawn} % CAST({2 * days + 1} AS UBIGINT) AS BIGINT) - {days})"
    if kind.kind == "date":
        moved = f"{_day(column, kind)} + CAST({by} AS INTEGER)"
        held = f"greatest({_FIRST_DAY}, least({_LAST_DAY}, {moved}))"
    else:
        make = "make_timestamptz" if kind.kind == "timestamptz" else "make_timestamp"
        moved = f"{_held_us(_microseconds(column, kind))} + {by} * {_MICROSECONDS_A_DAY}"
        held = f"{make}({_held_us(moved)})"
    return f"CASE WHEN {column} IS NULL OR {anchor} IS NULL THEN NULL ELSE {held} END"


def _hmac(message: str, secrets: MaskSecrets) -> str:
    """RFC 2104 over the two key blocks, as 64 hex digits."""
    inner = f"sha256({blob_literal(secrets.hmac_inner_key)} || {message})"
    return f"sha256({blob_literal(secrets.hmac_outer_key)} || unhex({inner}))"


def _bytes(column: str, kind: ColumnType) -> str:
    """The canonical bytes of a value: UTF-8, little-endian numbers, or itself."""
    match kind.kind:
        case "string":
            return f"encode({column})"
        case "int" | "long":
            size = _NUMBER_BYTES[kind.kind]
            parts = ", ".join(f"({column} >> {8 * place}) & 255" for place in range(size))
            return f"unhex(format('{'{:02x}' * size}', {parts}))"
        case _:
            return column


def _hash_of_type(hexadecimal: str, kind: ColumnType) -> str:
    """A digest in the column's type: a number takes its first bytes, little-endian and signed."""
    match kind.kind:
        case "int" | "long":
            size = _NUMBER_BYTES[kind.kind]
            backwards = " || ".join(f"substr(digest, {2 * place - 1}, 2)" for place in range(size, 0, -1))
            turned = f"list_transform([{hexadecimal}], lambda digest: {backwards})[1]"
            return f"CAST(CAST(unhex({turned}) AS BIT) AS {duckdb_type(kind)})"
        case "binary":
            return f"unhex({hexadecimal})"
        case _:
            return hexadecimal
