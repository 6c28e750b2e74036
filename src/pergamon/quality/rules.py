"""Which rules can be set for a table? Each a check in one of six dimensions, with a threshold and a severity.

The dimensions are those of Art. 78(3)(b) of Regulation (EU) 2025/327: completeness, uniqueness, accuracy, validity,
timeliness, consistency.
"""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pergamon.lake import TableId
from pergamon.quality.model import BadRule

MOST_RULES = 200
MOST_CODES_IN_A_SET = 1_000


class Dimension(StrEnum):
    COMPLETENESS = "completeness"
    UNIQUENESS = "uniqueness"
    ACCURACY = "accuracy"
    VALIDITY = "validity"
    TIMELINESS = "timeliness"
    CONSISTENCY = "consistency"


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _printable(text: str) -> str:
    if any(ord(sign) < 32 or ord(sign) == 127 or 0xD800 <= ord(sign) < 0xE000 for sign in text):
        raise ValueError("text holds a control character or half of a character")
    return text


Text = Annotated[str, AfterValidator(_printable), Field(max_length=1_000)]
ColumnName = Annotated[str, AfterValidator(_printable), Field(min_length=1, max_length=1_024)]
TableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}$")]
RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Scalar = bool | int | float | Text
ColumnList = Annotated[tuple[ColumnName, ...], Field(min_length=1, max_length=100)]


class Rule(_Spec):
    """What every rule says. threshold: the share of rows, 0 to 1, that must keep it. severity: what a rule that is
    not kept is called, `warning` or `error`. weight: how much it counts within its dimension."""

    name: RuleName
    description: Text = ""
    threshold: float = Field(default=1.0, ge=0, le=1)
    severity: Literal["warning", "error"] = "error"
    weight: float = Field(default=1.0, gt=0, le=100)


class NotNull(Rule):
    """Completeness: the columns have a value. `*`: every column of the table."""

    check: Literal["not-null"]
    columns: ColumnList
    empty_is_missing: bool = True

    @property
    def dimension(self) -> Dimension:
        return Dimension.COMPLETENESS


class Unique(Rule):
    """Uniqueness: no two rows have the same values in these columns together. Rows where one is null are not judged."""

    check: Literal["unique"]
    columns: ColumnList

    @property
    def dimension(self) -> Dimension:
        return Dimension.UNIQUENESS


class _OfColumn(Rule):
    column: ColumnName

    @property
    def dimension(self) -> Dimension:
        return Dimension.VALIDITY


class InSet(_OfColumn):
    """Validity: the value is one of these."""

    check: Literal["in-set"]
    values: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=MOST_CODES_IN_A_SET)]


class Range(_OfColumn):
    """Validity: the value lies between these two, both included; numbers, or dates written as in ISO 8601."""

    check: Literal["range"]
    minimum: int | float | Text | None = None
    maximum: int | float | Text | None = None

    @model_validator(mode="after")
    def _has_an_end(self) -> "Range":
        if self.minimum is None and self.maximum is None:
            raise ValueError("a range has a minimum or a maximum, or both")
        return self


class Pattern(_OfColumn):
    """Validity: the whole text matches a regular expression of RE2."""

    check: Literal["pattern"]
    pattern: Annotated[str, AfterValidator(_printable), Field(min_length=1, max_length=500)]


class Format(_OfColumn):
    """Validity: the text is written as such a value."""

    check: Literal["format"]
    format: Literal["iso-date", "iso-timestamp", "integer", "number", "boolean", "uuid", "email"]


class Length(_OfColumn):
    """Validity: the text has so many characters."""

    check: Literal["length"]
    minimum: int = Field(default=0, ge=0)
    maximum: int | None = Field(default=None, ge=0)


class CodeList(_OfColumn):
    """Validity: the value stands in a column of a reference table."""

    check: Literal["code-list"]
    table: TableName
    table_column: ColumnName


class Fresh(Rule):
    """Timeliness: the newest value of a column, or without one the table's last change, is not older than this."""

    check: Literal["fresh"]
    column: ColumnName | None = None
    within_hours: float = Field(gt=0, le=24 * 366 * 100)

    @property
    def dimension(self) -> Dimension:
        return Dimension.TIMELINESS


class Condition(Rule):
    """Consistency: a condition on each row (`predicate.py`). Rows where it is neither true nor false are not judged."""

    check: Literal["condition"]
    condition: Annotated[str, Field(min_length=1, max_length=2_000)]

    @property
    def dimension(self) -> Dimension:
        return Dimension.CONSISTENCY


class ForeignKey(Rule):
    """Consistency across tables: the values of these columns stand together in a row of another table."""

    check: Literal["foreign-key"]
    columns: ColumnList
    table: TableName
    table_columns: ColumnList

    @property
    def dimension(self) -> Dimension:
        return Dimension.CONSISTENCY

    @model_validator(mode="after")
    def _pairs(self) -> "ForeignKey":
        if len(self.columns) != len(self.table_columns):
            raise ValueError("columns and table_columns are pairs: as many of the one as of the other")
        return self


class AgreesWith(Rule):
    """Accuracy: rows that have a partner in a reference table, by a key, say the same as it in these columns."""

    check: Literal["agrees-with"]
    table: TableName
    key: ColumnList
    table_key: ColumnList | None = None
    columns: ColumnList
    table_columns: ColumnList | None = None

    @property
    def dimension(self) -> Dimension:
        return Dimension.ACCURACY

    @model_validator(mode="after")
    def _pairs(self) -> "AgreesWith":
        for mine, theirs in ((self.key, self.table_key), (self.columns, self.table_columns)):
            if theirs is not None and len(mine) != len(theirs):
                raise ValueError("columns of the two tables are pairs: as many of the one as of the other")
        return self


AnyRule = Annotated[
    NotNull
    | Unique
    | InSet
    | Range
    | Pattern
    | Format
    | Length
    | CodeList
    | Fresh
    | Condition
    | ForeignKey
    | AgreesWith,
    Field(discriminator="check"),
]


class RuleSet(_Spec):
    """The rules that people set for one table."""

    rules: Annotated[tuple[AnyRule, ...], Field(max_length=MOST_RULES)] = ()

    @model_validator(mode="after")
    def _each_name_once(self) -> "RuleSet":
        require_distinct(rule.name for rule in self.rules)
        return self


class QualityRulesSpec(_Spec):
    """Rules of the configuration, for every table whose full name fits one of the patterns (`raw_db.*`)."""

    tables: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z0-9_*?]{1,63}\.[a-z0-9_*?]{1,63}$")], ...], Field(min_length=1)
    ]
    rules: Annotated[tuple[AnyRule, ...], Field(min_length=1, max_length=MOST_RULES)]

    @model_validator(mode="after")
    def _each_name_once(self) -> "QualityRulesSpec":
        require_distinct(rule.name for rule in self.rules)
        return self

    def takes(self, table: TableId) -> bool:
        return any(fnmatchcase(str(table), pattern) for pattern in self.tables)


def rule_set(rules: Iterable[AnyRule]) -> RuleSet:
    """The rules as one set.

    Raises:
        BadRule: two have the same name, or there are too many.
    """
    listed = tuple(rules)
    if len(listed) > MOST_RULES:
        raise BadRule(f"a table has at most {MOST_RULES} rules of its own")
    try:
        require_distinct(rule.name for rule in listed)
    except ValueError as error:
        raise BadRule(str(error)) from None
    return RuleSet(rules=listed)


def require_distinct(names: Iterable[str]) -> None:
    """Raises: ValueError when a name stands twice."""
    listed = list(names)
    twice = sorted({name for name in listed if listed.count(name) > 1})
    if twice:
        raise ValueError(f"each rule has a name of its own: {', '.join(twice)}")


def other_table(rule: AnyRule) -> TableId | None:
    """The reference table that a rule looks into."""
    match rule:
        case CodeList() | ForeignKey() | AgreesWith():
            return TableId.parse(rule.table)
        case _:
            return None


def speaks_of_values(rule: AnyRule) -> bool:
    """Could one learn about single rows by writing such rules? Then only who may read the rows writes them.

    Whether a rule is kept is exact: many thresholds would count rows one by one, many ages find the newest value. And
    a sum over chosen columns is rounded once: many choices would tell the missing values of one of them.
    """
    match rule:
        case NotNull() if len({column.lower() for column in rule.columns}) > 1:
            return True
        case NotNull() | Unique():
            return 0 < rule.threshold < 1
        case Fresh():
            return rule.column is not None
        case _:
            return True


def iso_moment(text: str) -> date | datetime:
    """A date or a timestamp without a zone.

    Raises:
        ValueError: it is neither.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError("without a zone: all times are UTC")
    return moment
