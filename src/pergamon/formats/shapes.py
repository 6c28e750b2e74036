"""What do values of a program have in common? The type of a column of objects (JSON, workbooks), learnt from all of it.

The same rules as for text: whole numbers are `long`, numbers with up to six digits behind the point are exact decimals,
others `double` when that is exact; ISO dates and timestamps are such when every value is. Different kinds in one column
become text, each value as it is written.
"""

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.types as is_

from pergamon.formats.carried import text_of
from pergamon.formats.model import NO_VALUES, ORIGINAL_NAME, Limits, Unreadable
from pergamon.formats.names import named_field, safe_names
from pergamon.formats.readings import LARGEST_SCALE, PLAIN_PRECISION, TIME, YEAR, ZONE

WIDEST_DECIMAL = 38
DATE = f"{YEAR}-[0-9]{{2}}-[0-9]{{2}}"
FORMS = {
    "date": re.compile(DATE),
    "timestamp": re.compile(f"{DATE}[ T]{TIME}"),
    "timestamptz": re.compile(f"{DATE}[ T]{TIME} ?{ZONE}"),
}
MOST_KEYS = 1_000
"""An object with more keys than this, over all rows, is a mapping in disguise: it is kept as JSON text."""
Value = Any  # Any: what JSON, Avro or a workbook can hold


@dataclass
class Shape:
    """What was seen of one column, or of one place inside it."""

    kinds: set[str] = field(default_factory=set)
    whole_digits: int = 0
    scale: int = 0
    largest: int = 0
    exact_doubles: bool = True
    forms: set[str] = field(default_factory=lambda: set(FORMS))
    element: "Shape | None" = None
    fields: dict[str, "Shape"] = field(default_factory=dict)

    def see(self, value: Value, limits: Limits, depth: int = 0) -> None:  # noqa: PLR0912 - a kind a line
        """Learn from one more value.

        Raises:
            Unreadable: nested more deeply than the limits allow.
        """
        if value is None:
            return
        if depth > limits.depth:
            raise Unreadable(f"it is nested more than {limits.depth} levels deep", hint="flatten it")
        match value:
            case bool():
                self.kinds.add("boolean")
            case int():
                self.kinds.add("long")
                self.largest = max(self.largest, abs(value))
            case str():
                self.kinds.add("text")
                if self.forms:
                    self.forms = {form for form in self.forms if _is_of_form(form, value)}
            case Decimal():
                self._see_decimal(value)
            case float():
                self.kinds.add("double")
            case dict():
                self.kinds.add("struct")
                for key, inner in value.items():
                    shape = self.fields.get(key)
                    if shape is None:
                        shape = self.fields[key] = Shape()
                    shape.see(inner, limits, depth + 1)
            case list():
                self.kinds.add("list")
                self.element = self.element or Shape()
                for inner in value:
                    self.element.see(inner, limits, depth + 1)
            case datetime.datetime():
                self.kinds.add("timestamp" if value.tzinfo is None else "timestamptz")
            case datetime.date():
                self.kinds.add("date")
            case _:
                self.kinds.add("text")
                self.forms = set()

    def type(self) -> pa.DataType:  # noqa: PLR0911 - a rule a line
        """The narrowest type that holds every value that was seen."""
        if self.kinds == {"text"}:
            return _FORM_TYPES[min(self.forms)] if self.forms else pa.string()
        if self.kinds == {"boolean"}:
            return pa.bool_()
        if self.kinds == {"date"}:
            return pa.date32()
        if self.kinds and self.kinds <= {"date", "timestamp"}:
            return pa.timestamp("us")
        if self.kinds == {"timestamptz"}:
            return pa.timestamp("us", tz="UTC")
        if self.kinds and self.kinds <= {"long", "decimal", "double"}:
            return self._number()
        if self.kinds == {"list"} and self.element is not None:
            return pa.list_(pa.field("element", self.element.type()))
        if self.kinds == {"struct"} and 0 < len(self.fields) <= MOST_KEYS:
            return pa.struct(self.columns())
        return pa.string()

    def columns(self) -> list[pa.Field]:
        """One field for each key, with a name that every engine carries."""
        made = []
        for name, (key, shape) in zip(safe_names(list(self.fields)), self.fields.items(), strict=True):
            made_field = named_field(name, key, shape.type())
            if not shape.kinds:
                made_field = made_field.with_metadata({**(made_field.metadata or {}), NO_VALUES: b"true"})
            made.append(made_field)
        return made

    def mixed(self, name: str = "") -> list[str]:
        """Where kinds differ, so that only text holds them; paths of names."""
        own = [name] if self.kinds and self.type() == pa.string() and self.kinds != {"text"} else []
        inner = [] if own else [place for key, shape in self.fields.items() for place in shape.mixed(f"{name}.{key}")]
        below = self.element.mixed(f"{name}[]") if self.element and not own else []
        return own + inner + below

    def _see_decimal(self, value: Decimal) -> None:
        self.kinds.add("decimal")
        _sign, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int):
            self.kinds.add("double")
            return
        self.scale = max(self.scale, -exponent)
        self.whole_digits = max(self.whole_digits, len(digits) + exponent)
        if self.exact_doubles:
            self.exact_doubles = Decimal(repr(float(value))) == value

    def _number(self) -> pa.DataType:
        if self.kinds == {"long"}:
            if self.largest < 2**63:
                return pa.int64()
            return pa.decimal128(WIDEST_DECIMAL, 0) if self.largest < 10**WIDEST_DECIMAL else pa.string()
        whole = max(self.whole_digits, len(str(self.largest)))
        precision = max(PLAIN_PRECISION, whole + self.scale)
        if "double" not in self.kinds and self.scale <= LARGEST_SCALE and precision <= WIDEST_DECIMAL:
            return pa.decimal128(precision, self.scale)
        return pa.float64() if self.exact_doubles and self.largest <= 2**53 else pa.string()


_FORM_TYPES = {"date": pa.date32(), "timestamp": pa.timestamp("us"), "timestamptz": pa.timestamp("us", tz="UTC")}


def maker(kind: pa.DataType) -> Callable[[Value], Value]:  # noqa: PLR0911 - a type a line
    """Turns a value of a file into one that Arrow takes for this type; None stays None.

    What it makes of a value that is not of the type is an error (ValueError, TypeError, …), never another value.
    """
    if is_.is_string(kind):
        return lambda value: None if value is None else text_of(value)
    if is_.is_date(kind):
        return lambda value: datetime.date.fromisoformat(value) if isinstance(value, str) else value
    if is_.is_timestamp(kind):
        return _timestamp_maker(kind)
    if is_.is_decimal(kind):
        return lambda value: Decimal(value) if isinstance(value, int) else value
    if is_.is_floating(kind):
        return lambda value: None if value is None else float(value)
    if is_.is_list(kind):
        inner = maker(kind.value_type)
        return lambda value: None if value is None else [inner(one) for one in value]
    if is_.is_struct(kind):
        return _struct_maker(list(kind))
    if is_.is_map(kind):
        item = maker(kind.item_type)
        return lambda value: None if value is None else [(key, item(one)) for key, one in value.items()]
    return lambda value: value


def row_makers(schema: pa.Schema) -> list[tuple[str, Callable[[Value], Value]]]:
    """For each column: the key in the file, and the maker of its values."""
    return [(original_name(one), maker(one.type)) for one in schema]


def original_name(one: pa.Field) -> str:
    """The name in the file."""
    told = (one.metadata or {}).get(ORIGINAL_NAME)
    return str(told.decode()) if told is not None else str(one.name)


def batch_of(rows: Sequence[Mapping[str, Value]], schema: pa.Schema) -> pa.RecordBatch:
    """Rows as Arrow, by the schema's original names.

    Raises:
        ValueError, TypeError or a pyarrow error: a value is not of its column's type.
    """
    arrays = [
        pa.array([make(row.get(key)) for row in rows], one.type)
        for one, (key, make) in zip(schema, row_makers(schema), strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _struct_maker(fields: list[pa.Field]) -> Callable[[Value], Value]:
    makers = [(one.name, original_name(one), maker(one.type)) for one in fields]
    return lambda value: None if value is None else {name: make(value.get(key)) for name, key, make in makers}


def _timestamp_maker(kind: pa.DataType) -> Callable[[Value], Value]:
    def make(value: Value) -> Value:
        if isinstance(value, str):
            value = _moment(value)
        if isinstance(value, datetime.datetime):
            return value
        return None if value is None else datetime.datetime(value.year, value.month, value.day)  # noqa: DTZ001

    return make


def _moment(text: str) -> datetime.datetime:
    """Python reads 3 or 6 digits of a second; files have any number."""
    found = re.fullmatch(r"(.{10})[ T](\d\d:\d\d(?::\d\d)?)(?:[.](\d+))? ?(.*)", text)
    if found is None:
        raise ValueError
    zone = "+00:00" if found[4] in ("Z", "z") else found[4]
    return datetime.datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}").replace(
        microsecond=int((found[3] or "0").ljust(6, "0")[:6])
    )


def _is_of_form(form: str, text: str) -> bool:
    if not 10 <= len(text) <= 40 or not FORMS[form].fullmatch(text):
        return False
    try:
        datetime.date.fromisoformat(text[:10])
        if form != "date":
            _moment(text).astimezone(datetime.UTC) if form == "timestamptz" else _moment(text)
    except (ValueError, OverflowError):
        return False
    return True
