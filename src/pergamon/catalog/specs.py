"""What a configuration says of the catalog: domains with their units, glossaries, projects, data sources.

Forms and rules stand in `forms.py`, beside what they mean.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from croniter import croniter  # type: ignore[import-untyped]
from pydantic import AfterValidator, Field, field_validator, model_validator

from pergamon.catalog.conditions import require_written
from pergamon.catalog.model import AccessConditions, Line, Slug, Strict, Text
from pergamon.kernel import PergamonError

Relation = Literal["is-a", "has-a", "synonym", "related"]
RELATIONS: tuple[Relation, ...] = ("is-a", "has-a", "synonym", "related")


class UnitSpec(Strict):
    """A domain unit. owners: principals. found_by: roles that find what its projects publish; None: as the unit above
    it, and at the top `everyone`."""

    description: Text = ""
    owners: tuple[str, ...] = ()
    found_by: tuple[str, ...] | None = None
    units: dict[Slug, "UnitSpec"] = Field(default={})


class DomainSpec(Strict):
    """A domain: the tree of its units."""

    description: Text = ""
    units: dict[Slug, UnitSpec] = Field(default={})

    @model_validator(mode="after")
    def _each_unit_once(self) -> Self:
        names = [path.rpartition("/")[2] for path, _ in units_of(self)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"a unit's own name is there once in the whole tree: {', '.join(twice)}")
        if any(path.count("/") >= 10 for path, _ in units_of(self)):
            raise ValueError("units lie at most 10 deep")
        return self


def units_of(domain: DomainSpec) -> Iterator[tuple[str, UnitSpec]]:
    """Every unit with its path, those above first."""
    waiting = [(name, unit) for name, unit in domain.units.items()]
    while waiting:
        path, unit = waiting.pop(0)
        yield path, unit
        waiting += [(f"{path}/{name}", below) for name, below in unit.units.items()]


class TermSpec(Strict):
    """A term of the glossary. relations: by kind, the names of other terms."""

    title: Line
    definition: Text = ""
    description: Text = ""
    state: Literal["draft", "approved"] = "approved"
    relations: dict[Relation, Annotated[tuple[Slug, ...], Field(max_length=100)]] = Field(default={})


class GlossarySpec(Strict):
    """The terms of the configuration. People add others at run time."""

    description: Text = ""
    unit: Slug | None = None
    terms: dict[Slug, TermSpec] = Field(default={}, max_length=20_000)


class EnvironmentSpec(Strict):
    """A named set of databases that a project works with."""

    description: Text = ""
    databases: tuple[str, ...] = ()


class MembersSpec(Strict):
    """A project's members by role: principals, as `person:ada`."""

    owner: tuple[str, ...] = ()
    contributor: tuple[str, ...] = ()
    consumer: tuple[str, ...] = ()
    steward: tuple[str, ...] = ()


class ProjectSpec(Strict):
    """A project: the unit it stands in, its members as the configuration says, its environments."""

    unit: Slug
    description: Text = ""
    members: MembersSpec = MembersSpec()
    environments: dict[Slug, EnvironmentSpec] = Field(default={})


def _pattern(text: str) -> str:
    if not text or len(text) > 200 or any(c in text for c in "[]") or not text.isprintable():
        raise ValueError("a pattern is the name of a table, `*` for any characters, `?` for one")
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]


class DataSourceSpec(Strict):
    """A data source: the tables of these databases become assets of the project.

    include, exclude: patterns of table names (`lab_*`); exclude wins. schedule: five cron fields in UTC, when to look
    at all of its tables. on_event: also at once, when a table changes. publish_automatically: what it finds is
    published, as far as the rules about forms allow. conditions: what a new asset demands of whoever asks for it.
    """

    project: Slug
    databases: Annotated[tuple[str, ...], Field(min_length=1)]
    include: Annotated[tuple[Pattern, ...], Field(max_length=200)] = ("*",)
    exclude: Annotated[tuple[Pattern, ...], Field(max_length=200)] = ()
    schedule: str | None = None
    on_event: bool = True
    publish_automatically: bool = False
    conditions: AccessConditions = AccessConditions()
    description: Text = ""

    @field_validator("schedule")
    @classmethod
    def _five_cron_fields(cls, schedule: str | None) -> str | None:
        if schedule is not None and (len(schedule.split()) != 5 or not croniter.is_valid(schedule)):
            raise ValueError("a schedule has five cron fields, as `0 3 * * *`")
        return schedule

    @field_validator("conditions")
    @classmethod
    def _written_as_they_can_be(cls, conditions: AccessConditions) -> AccessConditions:
        try:
            require_written(conditions)
        except PergamonError as error:
            raise ValueError(str(error)) from None
        return conditions

    def takes(self, database: str, table: str) -> bool:
        """Is this table one of its own?"""
        if database not in self.databases or any(fnmatchcase(table, pattern) for pattern in self.exclude):
            return False
        return any(fnmatchcase(table, pattern) for pattern in self.include)
