"""Module type `data-quality`: rules that tables must keep, in the six dimensions of the data quality label."""

from typing import Literal

from pydantic import Field

from pergamon.deploy.documents.base import CamelDocument, Declared, Desired, ModuleType, ProjectName, Scope
from pergamon.deploy.problems import KeyPath
from pergamon.deploy.yaml_document import Json

Value = bool | int | float | str


class RuleEntry(CamelDocument):
    """A rule. Which keys it takes beside `check` depends on the check; see how to measure quality."""

    check: Literal[
        "not-null",
        "unique",
        "in-set",
        "range",
        "pattern",
        "format",
        "length",
        "code-list",
        "fresh",
        "condition",
        "foreign-key",
        "agrees-with",
    ] = Field(description="What is looked at.")
    description: str = Field(default="", description="For the reader; stands beside the result.")
    threshold: float | int | None = Field(default=None, description="Share of rows that must keep it, 0 to 1.")
    severity: Literal["warning", "error"] | None = Field(default=None, description="What it is called when not kept.")
    weight: float | int | None = Field(default=None, description="How much it counts within its dimension.")
    columns: list[str] | None = Field(default=None, description="Of `not-null` (`*`: all), `unique`, and pairs.")
    column: str | None = Field(default=None, description="Of checks that look at one column.")
    empty_is_missing: bool | None = Field(default=None, description="Of `not-null`: does an empty text count as none?")
    values: list[Value] | None = Field(default=None, description="Of `in-set`: what may stand there.")
    minimum: float | int | str | None = Field(default=None, description="Of `range` and `length`.")
    maximum: float | int | str | None = Field(default=None, description="Of `range` and `length`.")
    pattern: str | None = Field(
        default=None, description="Of `pattern`: a regular expression of RE2 for the whole text."
    )
    format: str | None = Field(
        default=None, description="Of `format`: iso-date, iso-timestamp, integer, number, boolean, uuid or email."
    )
    within_hours: float | int | None = Field(default=None, description="Of `fresh`: how old the newest may be.")
    condition: str | None = Field(default=None, description="Of `condition`: what must hold in each row.")
    table: str | None = Field(default=None, description="The other table, as `database.table`.")
    table_column: str | None = Field(default=None, description="Of `code-list`: the column of the other table.")
    table_columns: list[str] | None = Field(default=None, description="The other table's columns, in pairs.")
    key: list[str] | None = Field(default=None, description="Of `agrees-with`: what finds the partner of a row.")
    table_key: list[str] | None = Field(default=None, description="The same in the other table; left out: alike.")


class RulesEntry(CamelDocument):
    """Rules for some tables of a database."""

    database: str = Field(description="`database:NAME`, or `database:DOMAIN/NAME` for another domain.")
    tables: list[str] = Field(default=["*"], min_length=1, description="Names or patterns such as `vital_*`.")
    rules: dict[ProjectName, RuleEntry] = Field(min_length=1, description="Rule name -> rule.")


class DataQualityDocument(CamelDocument):
    """What tables must keep."""

    quality_rules: dict[ProjectName, RulesEntry] = Field(description="A name of your own -> rules.")


def declares(document: DataQualityDocument) -> list[Declared]:
    """Sets of rules."""
    return [Declared("quality-rules", name, ("qualityRules", name)) for name in document.quality_rules]


def translate(document: DataQualityDocument, scope: Scope) -> list[Desired]:
    """One resource per set of rules."""
    return [_rules(name, entry, scope) for name, entry in document.quality_rules.items()]


def _rules(name: str, entry: RulesEntry, scope: Scope) -> Desired:
    path: KeyPath = ("qualityRules", name)
    database = scope.resolve(entry.database, "database", (*path, "database"))
    rules: list[Json] = [
        {"name": rule_name, **rule.model_dump(mode="json", exclude_none=True)}
        for rule_name, rule in entry.rules.items()
    ]
    spec: dict[str, Json] = {"tables": [f"{database}.{pattern}" for pattern in entry.tables], "rules": rules}
    return Desired("quality-rules", name, spec, path)


DATA_QUALITY = ModuleType(
    "data-quality",
    "Rules that tables must keep, and how well they keep them.",
    DataQualityDocument,
    declares,
    translate,
)
