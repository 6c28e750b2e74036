"""A row filter as people read and write it. A small recursive-descent parser; no evaluation, no SQL engine.

    site = 'north' and (age >= 18 or consent is not null) and ward in ('A', 'B')
        and unit = attribute('unit') and starts_with(code, 'I2') and not withdrawn

    any    := all ("or" all)*              all := one ("and" one)*           one := "not" one | "(" any ")" | test
    test   := "true" | "false" | "starts_with" "(" column "," value ")" | column [question]
    question := sign value | ["not"] "in" "(" value ("," value)* ")" | ["not"] "between" value "and" value
              | "is" ["not"] "null"        sign := "=" | "<>" | "!=" | "<" | "<=" | ">" | ">="
    value  := number | 'text' | "true" | "false" | "attribute" "(" 'name' ")"       column := name ("." name)*

A column alone is a boolean one. A name that is no plain word, or begins with a word of the language, stands in double
quotes. A field of a struct is a column: `home.city`.
Errors tell the place and what was expected there, never what was written.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pergamon.policy.column_types import PolicyColumn, parsed_type
from pergamon.policy.filter_values import COMPARED, NUMBERS, ORDERED, Value, is_plain_text, typed_value, value_text
from pergamon.policy.masks import column_named
from pergamon.policy.row_filter import (
    Among,
    And,
    Attribute,
    Compare,
    Constant,
    FilterDoesNotFit,
    FilterNotUnderstood,
    IsNull,
    Not,
    Operator,
    Or,
    Predicate,
    StartsWith,
    size_and_depth,
)

MOST_NODES = 200
MOST_DEEP = 30
LONGEST_TEXT = 4_000
"""Characters."""

WORDS = frozenset("and or not in is null between true false starts_with attribute like".split())  # noqa: SIM905
"""Words of the language; a column of such a name stands in double quotes."""


@dataclass(frozen=True)
class Written:
    """A value as it is written: a number, a text, a truth (as `true`), or an attribute's name."""

    kind: str
    text: str


@dataclass(frozen=True)
class NamedTest:
    """One question about one column: a sign, `in`, `between`, `null`, `starts-with`, or `true` (a column alone)."""

    question: str
    column: str
    values: tuple[Written, ...] = ()


@dataclass(frozen=True)
class NamedJoin:
    """`and`, `or` or `not` of other parts."""

    word: str
    parts: tuple["NamedPredicate", ...]


NamedPredicate = Constant | NamedTest | NamedJoin


def parse_filter(text: str) -> NamedPredicate:
    """Read a row filter; its columns are still names.

    Raises:
        FilterNotUnderstood: it is not in the language, or too long or too deep.
    """
    if len(text) > LONGEST_TEXT or not is_plain_text(text):
        raise FilterNotUnderstood(
            f"a row filter has at most {LONGEST_TEXT} characters, and none that cannot be written",
            hint="give rows by fewer values",
        )
    return _Parser(_tokens(text)).whole()


def bind(named: NamedPredicate, columns: Sequence[PolicyColumn]) -> Predicate:
    """Bind a filter to a table's columns: names become field ids, values get their column's type.

    Raises:
        FilterDoesNotFit: a column is not there, cannot be asked this, or cannot hold a value.
        FilterNotUnderstood: it has more parts than a filter may have.
    """
    found = _bound(named, columns)
    size, depth = size_and_depth(found)
    if size > MOST_NODES or depth > MOST_DEEP:
        raise FilterNotUnderstood(
            f"a row filter has at most {MOST_NODES} parts, {MOST_DEEP} deep", hint="give rows by fewer values"
        )
    return found


def as_text(predicate: Predicate, names: Mapping[int, str]) -> str:  # noqa: PLR0911 - one return for each kind
    """A predicate as people read it; `names`: the columns' names by field id. Parsed and bound, it is the same."""
    match predicate:
        case Constant():
            return "true" if predicate.value else "false"
        case Compare():
            return f"{_name(predicate.field_id, names)} {predicate.operator} {_value(predicate.value)}"
        case Among():
            return f"{_name(predicate.field_id, names)} in ({', '.join(_value(value) for value in predicate.values)})"
        case StartsWith():
            return f"starts_with({_name(predicate.field_id, names)}, {_value(predicate.prefix)})"
        case IsNull():
            return f"{_name(predicate.field_id, names)} is null"
        case Not(part=IsNull(field_id=field_id)):
            return f"{_name(field_id, names)} is not null"
        case Not():
            return f"not {_inner(predicate.part, names)}"
        case And():
            return " and ".join(_inner(part, names) for part in predicate.parts) or "true"
        case Or():
            return " or ".join(_inner(part, names) for part in predicate.parts) or "false"


@dataclass(frozen=True)
class _Token:
    """kind: word, name (in double quotes), number, text, sign, end. place: the character it begins at, from 1."""

    kind: str
    text: str
    place: int


_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<number>-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?(?![\w.]))
    | (?P<word>[^\W\d]\w*)
    | (?P<name>"(?:[^"]|"")+")
    | (?P<text>'(?:[^']|'')*')
    | (?P<sign><=|>=|<>|!=|[=<>(),.])""",
    re.VERBOSE,
)
_PLAIN = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_SIGNS = {sign.value: sign.value for sign in Operator} | {"!=": "<>"}


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    end = 0
    while end < len(text):
        token = _TOKEN.match(text, end)
        if token is None:
            raise _unexpected(_Token("?", "", end + 1), "a column, a value, or and/or/not")
        kind = str(token.lastgroup)
        if kind != "space":
            found.append(_Token(kind, _unquoted(kind, token[0]), end + 1))
        end = token.end()
    return [*found, _Token("end", "", len(text) + 1)]


def _unquoted(kind: str, text: str) -> str:
    if kind == "word":
        return text
    quote = {"name": '"', "text": "'"}.get(kind)
    return text[1:-1].replace(quote * 2, quote) if quote else text


class _Parser:
    """Reads tokens from left to right; each method reads one line of the grammar above."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.next = 0
        self.deep = 0

    def whole(self) -> NamedPredicate:
        found = self.any()
        if self.seen.kind != "end":
            raise _unexpected(self.seen, "and, or, or the end")
        return found

    def any(self) -> NamedPredicate:
        parts = [self.all()]
        while self.takes_word("or"):
            parts.append(self.all())
        return parts[0] if len(parts) == 1 else NamedJoin("or", tuple(parts))

    def all(self) -> NamedPredicate:
        parts = [self.one()]
        while self.takes_word("and"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else NamedJoin("and", tuple(parts))

    def one(self) -> NamedPredicate:
        self.deep += 1
        if self.deep > MOST_DEEP:
            raise FilterNotUnderstood(f"a row filter is at most {MOST_DEEP} deep", hint="use fewer brackets")
        found = self.inner()
        self.deep -= 1
        return found

    def inner(self) -> NamedPredicate:
        if self.takes_word("not"):
            return NamedJoin("not", (self.one(),))
        if self.takes_sign("("):
            found = self.any()
            self.must_sign(")")
            return found
        return self.test()

    def test(self) -> NamedPredicate:  # noqa: PLR0911 - one return for each kind
        if self.takes_word("true"):
            return Constant(True)
        if self.takes_word("false"):
            return Constant(False)
        if self.takes_word("starts_with"):
            return self.starts_with()
        column = self.column()
        if self.seen.kind == "sign" and self.seen.text in _SIGNS:
            return NamedTest(_SIGNS[self.take().text], column, (self.value(),))
        if self.takes_word("is"):
            is_not = self.takes_word("not")
            self.must_word("null")
            return _maybe_not(is_not, NamedTest("null", column))
        is_not = self.takes_word("not")
        if self.takes_word("in"):
            return _maybe_not(is_not, NamedTest("in", column, self.values()))
        if self.takes_word("between"):
            low = self.value()
            self.must_word("and")
            return _maybe_not(is_not, NamedTest("between", column, (low, self.value())))
        if is_not:
            raise _unexpected(self.seen, "in or between")
        return NamedTest("true", column)

    def starts_with(self) -> NamedTest:
        self.must_sign("(")
        column = self.column()
        self.must_sign(",")
        value = self.value()
        self.must_sign(")")
        return NamedTest("starts-with", column, (value,))

    def column(self) -> str:
        token = self.seen
        if token.kind == "name" or (token.kind == "word" and token.text.lower() not in WORDS):
            path = [self.take().text]
            while self.takes_sign("."):
                path.append(self.field())
            return ".".join(path)
        raise _unexpected(token, "a column")

    def field(self) -> str:
        if self.seen.kind in {"name", "word"}:
            return self.take().text
        raise _unexpected(self.seen, "a field of the column")

    def values(self) -> tuple[Written, ...]:
        self.must_sign("(")
        found = [self.value()]
        while self.takes_sign(","):
            found.append(self.value())
        self.must_sign(")")
        return tuple(found)

    def value(self) -> Written:
        if self.seen.kind in {"number", "text"}:
            token = self.take()
            return Written(token.kind, token.text)
        for truth in ("true", "false"):
            if self.takes_word(truth):
                return Written("truth", truth)
        if self.takes_word("attribute"):
            return self.attribute()
        raise _unexpected(self.seen, "a number, a 'text', true, false or attribute('name'); for NULL write: is null")

    def attribute(self) -> Written:
        self.must_sign("(")
        if self.seen.kind != "text" or not self.seen.text:
            raise _unexpected(self.seen, "an attribute's 'name'")
        name = self.take().text
        self.must_sign(")")
        return Written("attribute", name)

    @property
    def seen(self) -> _Token:
        return self.tokens[self.next]

    def take(self) -> _Token:
        self.next += 1
        return self.tokens[self.next - 1]

    def takes_word(self, word: str) -> bool:
        return self._takes(self.seen.kind == "word" and self.seen.text.lower() == word)

    def takes_sign(self, sign: str) -> bool:
        return self._takes(self.seen.kind == "sign" and self.seen.text == sign)

    def must_word(self, word: str) -> None:
        if not self.takes_word(word):
            raise _unexpected(self.seen, word)

    def must_sign(self, sign: str) -> None:
        if not self.takes_sign(sign):
            raise _unexpected(self.seen, sign)

    def _takes(self, fits: bool) -> bool:
        self.next += fits
        return fits


def _maybe_not(is_not: bool, test: NamedTest) -> NamedPredicate:
    return NamedJoin("not", (test,)) if is_not else test


def _unexpected(token: _Token, expected: str) -> FilterNotUnderstood:
    return FilterNotUnderstood(
        f"the row filter is not understood at character {token.place}", hint=f"expected there: {expected}"
    )


def _bound(named: NamedPredicate, columns: Sequence[PolicyColumn]) -> Predicate:
    match named:
        case Constant():
            return named
        case NamedTest():
            return _bound_test(named, columns)
        case NamedJoin(word="not"):
            return Not(_bound(named.parts[0], columns))
        case NamedJoin():
            parts = tuple(_bound(part, columns) for part in named.parts)
            return And(parts) if named.word == "and" else Or(parts)


def _bound_test(test: NamedTest, columns: Sequence[PolicyColumn]) -> Predicate:
    column = column_named(test.column, columns)
    if column is None:
        raise FilterDoesNotFit(
            f"the table has no column `{test.column[:120]}`",
            hint="a field of a struct is `column.field`; what is in a list or a map is not asked about",
        )
    if test.question == "null":
        return IsNull(column.field_id)
    _must_be_asked(test.question, column)
    values = tuple(_bound_value(value, column) for value in test.values)
    match test.question:
        case "true":
            return Compare(column.field_id, column.type, Operator.EQUAL, True)
        case "in":
            return Among(column.field_id, column.type, values)
        case "between":
            low = Compare(column.field_id, column.type, Operator.AT_LEAST, values[0])
            return And((low, Compare(column.field_id, column.type, Operator.AT_MOST, values[1])))
        case "starts-with":
            prefix = values[0]
            return StartsWith(column.field_id, prefix if isinstance(prefix, Attribute) else str(prefix))
        case sign:
            return Compare(column.field_id, column.type, Operator(sign), values[0])


def _must_be_asked(question: str, column: PolicyColumn) -> None:
    """Raises: FilterDoesNotFit: a column of this type cannot be asked this."""
    types = {"=": COMPARED, "<>": COMPARED, "in": COMPARED, "true": {"boolean"}, "starts-with": {"string"}}
    if parsed_type(column.type).kind not in types.get(question, ORDERED):
        asked = "is it true" if question == "true" else question
        raise FilterDoesNotFit(
            f"column {column.name} of type {column.type} cannot be asked: {asked}",
            hint="any column can be asked: is null, is not null",
        )


def _bound_value(written: Written, column: PolicyColumn) -> Value | Attribute:
    if written.kind == "attribute":
        return Attribute(written.text)
    column_type = parsed_type(column.type)
    wanted = "number" if column_type.kind in NUMBERS else "truth" if column_type.kind == "boolean" else "text"
    value = typed_value(written.text, column_type) if written.kind == wanted else None
    if value is None:
        raise FilterDoesNotFit(
            f"a value of the row filter is none that column {column.name} of type {column.type} can hold",
            hint="write 18, 'text', '2024-01-31', '2024-01-31 12:00:00', '2024-01-31 12:00:00Z', true",
        )
    return value


def _name(field_id: int, names: Mapping[int, str]) -> str:
    name = names.get(field_id, f"(column {field_id} is gone)")
    plain = _PLAIN.fullmatch(name) and name.partition(".")[0].lower() not in WORDS
    return name if plain else '"' + name.replace('"', '""') + '"'


def _value(value: Value | Attribute) -> str:
    if isinstance(value, Attribute):
        return f"attribute({_quoted(value.name)})"
    return value_text(value) if isinstance(value, int | float | Decimal) else _quoted(value_text(value))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _inner(part: Predicate, names: Mapping[int, str]) -> str:
    return f"({as_text(part, names)})" if isinstance(part, And | Or) else as_text(part, names)
