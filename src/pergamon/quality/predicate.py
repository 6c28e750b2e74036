"""A small language for conditions on one row, such as `discharged >= admitted and ward is not null`.

Parsed by this file into a tree, checked against the table's columns and their types, and written as SQL from the tree
alone: nothing of the text reaches the engine as it is. No function but the listed ones, no subquery, no loop.

    condition  = both { "or" both }            both = not { "and" not }            not = [ "not" ] test
    test       = sum [ ( "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=" ) sum | "is" [ "not" ] "null"
                 | [ "not" ] "in" "(" literal { "," literal } ")" | [ "not" ] "between" sum "and" sum ]
    sum        = product { ( "+" | "-" ) product }           product = value { ( "*" | "/" ) value }
    value      = number | 'text' | date 'YYYY-MM-DD' | timestamp '…' | true | false | column | "column"
                 | function "(" condition { "," condition } ")" | "(" condition ")" | "-" value
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pergamon.quality.model import BadRule, Family, TableColumn

LONGEST = 2_000
"""Characters."""
DEEPEST = 40
MOST_PARTS = 400

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)|(?P<text>'(?:[^']|'')*')|(?P<quoted>\"(?:[^\"]|\"\")+\")"
    r"|(?P<word>[A-Za-z_\u00a1-\uffff][\w]*)|(?P<sign><=|>=|<>|!=|[=<>+\-*/(),]))"
)
_RESERVED = frozenset({"and", "or", "not", "is", "null", "in", "between", "true", "false"})
_COMPARE = {"=": "=", "!=": "<>", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_TIMES = (Family.DATE, Family.TIMESTAMP)


@dataclass(frozen=True)
class _Function:
    takes: tuple[tuple[Family, ...], ...]
    gives: Family
    sql: str


_ANY_TIME = (Family.DATE, Family.TIMESTAMP)
FUNCTIONS: dict[str, _Function] = {
    "abs": _Function(((Family.NUMBER,),), Family.NUMBER, "abs({0})"),
    "round": _Function(((Family.NUMBER,),), Family.NUMBER, "round({0})"),
    "length": _Function(((Family.TEXT,),), Family.NUMBER, "length({0})"),
    "lower": _Function(((Family.TEXT,),), Family.TEXT, "lower({0})"),
    "upper": _Function(((Family.TEXT,),), Family.TEXT, "upper({0})"),
    "trim": _Function(((Family.TEXT,),), Family.TEXT, "trim({0})"),
    "year": _Function((_ANY_TIME,), Family.NUMBER, "year({0})"),
    "month": _Function((_ANY_TIME,), Family.NUMBER, "month({0})"),
    "day": _Function((_ANY_TIME,), Family.NUMBER, "day({0})"),
    "days_between": _Function(
        (_ANY_TIME, _ANY_TIME), Family.NUMBER, "date_diff('day', CAST({0} AS TIMESTAMP), CAST({1} AS TIMESTAMP))"
    ),
}


@dataclass(frozen=True)
class Condition:
    """A checked condition: its SQL, and the columns that it names."""

    sql: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class _Part:
    sql: str
    family: Family
    is_literal: bool = False


def parse_condition(text: str, columns: Mapping[str, tuple[TableColumn, str]]) -> Condition:
    """Read a condition.

    Args: columns: by lower-cased name, each with what it is called in the SQL.
    Raises:
        BadRule: it is no condition, names what is not there, or compares what cannot be compared.
    """
    return _Reader(text, columns).condition()


class _Reader:
    """Recursive descent; the position is that of the next token."""

    def __init__(self, text: str, columns: Mapping[str, tuple[TableColumn, str]]) -> None:
        self._columns = columns
        self._named: dict[str, None] = {}
        self._at = self._depth = self._parts = 0
        self._tokens = _tokens(text)

    def condition(self) -> Condition:
        part = self._or()
        if self._at < len(self._tokens):
            raise BadRule(f"the condition goes on after its end, at part {self._at + 1}")
        return Condition(self._boolean(part).sql, tuple(self._named))

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        self._parts += 1
        return token

    def _is(self, *words: str) -> bool:
        kind, text = self._peek()
        return kind in ("word", "sign") and text.lower() in words

    def _accept(self, *words: str) -> str | None:
        return self._take()[1].lower() if self._is(*words) else None

    def _expect(self, word: str) -> None:
        if self._accept(word) is None:
            raise BadRule(f"the condition lacks `{word}` at part {self._at + 1}")

    def _or(self) -> _Part:
        return self._chain("or", self._and)

    def _and(self) -> _Part:
        return self._chain("and", self._not)

    def _chain(self, word: str, below: Callable[[], _Part]) -> _Part:
        self._depth += 1
        if self._depth > DEEPEST * 4:
            raise BadRule("the condition is nested too deeply", hint="write several rules")
        first = below()
        parts = [first]
        while self._accept(word):
            parts.append(below())
        self._depth -= 1
        if len(parts) == 1:
            return first
        return _Part("(" + f" {word.upper()} ".join(self._boolean(part).sql for part in parts) + ")", Family.BOOLEAN)

    def _not(self) -> _Part:
        turns = 0
        while self._accept("not"):
            turns += 1
        part = self._test()
        if turns == 0:
            return part
        inner = self._boolean(part)
        return _Part(f"(NOT {inner.sql})", Family.BOOLEAN) if turns % 2 else inner

    def _test(self) -> _Part:
        left = self._sum()
        sign = self._accept(*_COMPARE)
        if sign is not None:
            right = self._sum()
            self._comparable(left, right)
            return _Part(f"({left.sql} {_COMPARE[sign]} {right.sql})", Family.BOOLEAN)
        if self._accept("is"):
            word = "IS NOT NULL" if self._accept("not") else "IS NULL"
            self._expect("null")
            return _Part(f"({left.sql} {word})", Family.BOOLEAN)
        turned = "NOT " if self._accept("not") else ""
        if self._accept("in"):
            return _Part(f"({left.sql} {turned}IN ({', '.join(self._list(left))}))", Family.BOOLEAN)
        if self._accept("between"):
            low = self._sum()
            self._expect("and")
            high = self._sum()
            self._comparable(left, low)
            self._comparable(left, high)
            return _Part(f"({left.sql} {turned}BETWEEN {low.sql} AND {high.sql})", Family.BOOLEAN)
        if turned:
            raise BadRule(f"the condition lacks `in` or `between` at part {self._at + 1}")
        return left

    def _list(self, left: _Part) -> list[str]:
        self._expect("(")
        found = []
        while True:
            part = self._value()
            if not part.is_literal:
                raise BadRule("a list after `in` holds written values only")
            self._comparable(left, part)
            found.append(part.sql)
            if not self._accept(","):
                self._expect(")")
                return found

    def _sum(self) -> _Part:
        return self._arithmetic(("+", "-"), lambda: self._arithmetic(("*", "/"), self._value))

    def _arithmetic(self, signs: Sequence[str], below: Callable[[], _Part]) -> _Part:
        part = below()
        while True:
            sign = self._accept(*signs)
            if sign is None:
                return part
            right = below()
            if part.family is not Family.NUMBER or right.family is not Family.NUMBER:
                raise BadRule(f"`{sign}` reckons with numbers", hint="days_between(a, b) reckons with dates")
            part = _Part(f"({_double(part)} {sign} {_double(right)})", Family.NUMBER)

    def _value(self) -> _Part:
        self._depth += 1
        if self._depth > DEEPEST * 4 or self._parts > MOST_PARTS:
            raise BadRule("the condition is too long or nested too deeply", hint="write several rules")
        part = self._value_within()
        self._depth -= 1
        return part

    def _value_within(self) -> _Part:
        kind, text = self._take()
        if kind == "number":
            return _Part(text, Family.NUMBER, is_literal=True)
        if kind == "text":
            return _Part(text, Family.TEXT, is_literal=True)
        if kind == "quoted":
            return self._column(text[1:-1].replace('""', '"'))
        if text == "-":
            part = self._value()
            if part.family is not Family.NUMBER:
                raise BadRule("`-` stands before a number")
            return _Part(f"(-{part.sql})", Family.NUMBER, is_literal=part.is_literal)
        if text == "(":
            part = self._or()
            self._expect(")")
            return part
        if kind == "word":
            return self._word(text)
        raise BadRule(f"the condition lacks a value at part {self._at}")

    def _word(self, text: str) -> _Part:
        word = text.lower()
        if word in ("true", "false"):
            return _Part(word.upper(), Family.BOOLEAN, is_literal=True)
        if word in ("date", "timestamp") and self._peek()[0] == "text":
            return _time_literal(word, self._take()[1])
        if self._is("(") and word not in _RESERVED:
            return self._function(word)
        if word in _RESERVED:
            raise BadRule(f"`{word}` does not stand for a value", hint=f'a column of that name is written "{word}"')
        return self._column(text)

    def _function(self, word: str) -> _Part:
        function = FUNCTIONS.get(word)
        if function is None:
            raise BadRule(f"there is no function {word}", hint=f"there are {', '.join(sorted(FUNCTIONS))}")
        self._expect("(")
        given = [self._or()]
        while self._accept(","):
            given.append(self._or())
        self._expect(")")
        fits = len(given) == len(function.takes)
        if not fits or any(part.family not in takes for part, takes in zip(given, function.takes, strict=True)):
            takes = ", ".join("/".join(families) for families in function.takes)
            raise BadRule(f"{word} takes ({takes})")
        return _Part(function.sql.format(*(part.sql for part in given)), function.gives)

    def _column(self, name: str) -> _Part:
        found = self._columns.get(name.lower())
        if found is None:
            raise BadRule(f"the table has no column {shown(name)}")
        column, sql = found
        if column.family in (Family.NESTED, Family.OTHER):
            raise BadRule(f"the column {shown(name)} is of the type {column.type[:60]}: conditions cannot use it")
        self._named[column.name] = None
        return _Part(sql, column.family)

    def _comparable(self, left: _Part, right: _Part) -> None:
        is_time = left.family in _TIMES and right.family in _TIMES
        if left.family is not right.family and not is_time:
            raise BadRule(
                f"a {left.family.value} cannot be compared with a {right.family.value}",
                hint="dates are written date '2024-02-29'" if left.family in _TIMES else None,
            )

    def _boolean(self, part: _Part) -> _Part:
        if part.family is not Family.BOOLEAN:
            raise BadRule(f"a {part.family.value} is no condition", hint="compare it with something")
        return part


def shown(name: str) -> str:
    """A name in a message: short, and without what drives a terminal."""
    plain = "".join(sign if sign.isprintable() else "·" for sign in name[:60])
    return f"{plain!r}" if plain == name else f"{plain!r}…"


def _double(part: _Part) -> str:
    return part.sql if part.is_literal else f"CAST({part.sql} AS DOUBLE)"


def _tokens(text: str) -> list[tuple[str, str]]:
    if len(text) > LONGEST:
        raise BadRule(f"a condition has at most {LONGEST:,} characters", hint="write several rules")
    if "\x00" in text or not text.strip():
        raise BadRule("the condition is empty" if not text.strip() else "the condition holds a zero byte")
    at, found = 0, []
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise BadRule(f"the condition cannot be read from character {at + 1} on")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return found


def _time_literal(word: str, text: str) -> _Part:
    plain = text[1:-1]
    try:
        if word == "date":
            return _Part(f"DATE '{date.fromisoformat(plain).isoformat()}'", Family.DATE, is_literal=True)
        moment = datetime.fromisoformat(plain)
    except ValueError:
        raise BadRule(f"what follows `{word}` is no ISO {word}") from None
    if moment.tzinfo is not None:
        raise BadRule("a timestamp is written without a zone: all of them are UTC")
    return _Part(f"TIMESTAMP '{moment.isoformat(sep=' ')}'", Family.TIMESTAMP, is_literal=True)
