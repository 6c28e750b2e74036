"""The words of the catalog: assets and what is said of them, and the errors that a caller may meet.

An asset is one thing that a project offers: a table of the lake, or a data product that bundles assets. What is said
of it is its *content*; every change of the content is a version, kept for ever. Others see the published version, its
*listing*; members of the project see the working version too.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pergamon.kernel import Conflict, Invalid, NotFound
from pergamon.store import FeedPosition

LOCAL_NODE = "local"
"""What stands for the node and the account as long as there is one node."""
MOST_COLUMNS_SAID = 10_000
MOST_APPROVALS = 5
MOST_DAYS = 36_500
LONGEST_README = 65_536
"""Characters."""


class UnknownAsset(NotFound):
    code = "catalog.unknown_asset"
    usual_hint = "`pergamon asset ls` lists those that you may find"


class UnknownVersion(NotFound):
    code = "catalog.unknown_version"
    usual_hint = "`pergamon asset versions` lists those that you may see"


class UnknownProject(NotFound):
    code = "catalog.unknown_project"
    usual_hint = "`pergamon project ls` lists those that you may see"


class UnknownTerm(NotFound):
    code = "catalog.unknown_term"


class UnknownForm(NotFound):
    code = "catalog.unknown_form"
    usual_hint = "`pergamon glossary forms` lists them"


class UnknownUnit(NotFound):
    code = "catalog.unknown_unit"
    usual_hint = "units stand in the configuration: module type catalog-domain"


class UnknownDataSource(NotFound):
    code = "catalog.unknown_data_source"


class AmbiguousName(Conflict):
    """Several assets that the caller may see have this name; their ids tell them apart."""

    code = "catalog.ambiguous_name"


class VersionMovedOn(Conflict):
    """Somebody has changed the asset since the caller looked at it."""

    code = "catalog.version_moved_on"
    usual_hint = "look at what it is now, and say it again"


class AssetRetired(Conflict):
    """The asset's table is gone; nothing is said of it any more."""

    code = "catalog.asset_retired"
    usual_hint = "it comes back with its table, when a crawler or a data source finds that again"


class NotPublished(Conflict):
    """The asset is not published, so this cannot be done."""

    code = "catalog.not_published"
    usual_hint = "there is nothing to take back; `pergamon asset publish` lists it"


class FormsIncomplete(Invalid):
    """The rules demand forms that are not filled in; the message names every missing or wrong field."""

    code = "catalog.forms_incomplete"


class BadContent(Invalid):
    """What is to be said of the asset does not fit it: a column that it has not, a term that there is not, …"""

    code = "catalog.bad_content"
    usual_hint = "docs/how-to/describe-and-publish.md shows what may be said"


class BadDomain(Invalid):
    """A domain, a glossary or a form is not as it can be."""

    code = "catalog.bad_domain"
    usual_hint = "docs/how-to/describe-and-publish.md shows how units, terms and forms are written"


class InUse(Conflict):
    """Something still stands on what was to be dropped."""

    code = "catalog.in_use"


class NameTaken(Conflict):
    code = "catalog.name_taken"
    usual_hint = "take another name, or change the one that is there"


class MemberOfConfiguration(Conflict):
    """The configuration names this member, so only the configuration can remove it."""

    code = "catalog.member_of_configuration"


class NoSuchMember(NotFound):
    code = "catalog.no_such_member"
    usual_hint = "`pergamon project show` lists its members, and where each comes from"


def _storable(text: str) -> str:
    """Text that PostgreSQL keeps and a terminal shows: no control characters but tab and newline, no halves of one."""
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in text):
        raise ValueError("text holds a control character or half of a character")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text or text != text.strip():
        raise ValueError("text is one line, without blanks around it")
    return _storable(text)


Line = Annotated[str, AfterValidator(_one_line), Field(min_length=1, max_length=200)]
"""One line of plain text."""
Text = Annotated[str, AfterValidator(_storable), Field(max_length=4_000)]
"""A paragraph or some."""
Readme = Annotated[str, AfterValidator(_storable), Field(max_length=LONGEST_README)]
"""Markdown, kept as it is; never rendered here."""
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
"""The name of a unit, a project, a term, a form, a product: fit for a reference, a role and the trail."""
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
ColumnName = Annotated[str, AfterValidator(_storable), Field(min_length=1, max_length=1_024)]
FormValue = Text | int | float | bool | None
"""What a field of a form holds; its form says of which type."""


class Strict(BaseModel):
    """A frozen value without unknown keys; its errors never hold the input."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class AssetKind(StrEnum):
    TABLE = "table"
    PRODUCT = "product"


class AssetState(StrEnum):
    UNPUBLISHED = "unpublished"
    PUBLISHED = "published"
    RETIRED = "retired"


class Column(Strict):
    """A column as the table has it."""

    name: str
    type: str
    required: bool = False


class Contact(Strict):
    """Whom to ask."""

    name: Line
    email: Annotated[str, AfterValidator(_one_line), Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    role: Line | None = None


class AccessConditions(Strict):
    """What an owner demands of whoever asks for an asset, and what of it everybody who is granted it gets at most.

    approval: `automatic` grants at once what is asked. approvals: how many different people must approve. text: what
    the asker accepts. purposes: of these one; none: any, or none. longest_days: of a grant; None: without end.
    masks: column -> mask, on every grant. rows: a filter on every grant. isolated: queries take the two-process route.
    own_masks: a grant's masks hold in its own rows, whatever the project's other grants on the asset say.
    identifiers: columns that identify a person, on which masks that lead back to the value are refused.
    """

    approval: Literal["manual", "automatic"] = "manual"
    approvals: Annotated[int, Field(ge=1, le=MOST_APPROVALS)] = 1
    text: Text = ""
    purposes: Annotated[tuple[Slug, ...], Field(max_length=100)] = ()
    longest_days: Annotated[int, Field(ge=1, le=MOST_DAYS)] | None = None
    renewable: bool = True
    masks: Annotated[dict[ColumnName, Line], Field(max_length=MOST_COLUMNS_SAID)] = Field(default={})
    rows: Text = ""
    isolated: bool = False
    own_masks: bool = False
    identifiers: Annotated[tuple[ColumnName, ...], Field(max_length=MOST_COLUMNS_SAID)] = ()

    @model_validator(mode="after")
    def _a_machine_is_not_several_people(self) -> Self:
        if self.approval == "automatic" and self.approvals > 1:
            raise ValueError("what is approved automatically is not approved by several people")
        return self


class AssetContent(Strict):
    """What is said of an asset in one version. `columns` come from the table; the rest is people's."""

    columns: tuple[Column, ...] = ()
    partitions: tuple[str, ...] = ()
    title: Line | None = None
    description: Text = ""
    readme: Readme = ""
    column_descriptions: Mapping[str, str] = {}
    """Also of columns that the table has lost: when they come back, so does what was said of them."""
    column_terms: Mapping[str, tuple[str, ...]] = {}
    terms: tuple[str, ...] = ()
    tags: Mapping[str, str] = {}
    classification: str | None = None
    contacts: tuple[Contact, ...] = ()
    forms: Mapping[str, Mapping[str, FormValue]] = {}
    conditions: AccessConditions = AccessConditions()
    assets: tuple[str, ...] = ()
    """Of a product: the assets that it bundles, by id."""

    @property
    def all_terms(self) -> frozenset[str]:
        """The terms on the asset and on its columns."""
        return frozenset(self.terms).union(*self.column_terms.values())


class AssetEdit(Strict):
    """What to change. What is not named stays. A list replaces the list; in a mapping each key replaces that key, and
    `null` removes it; `null` for a text clears it (JSON merge patch, RFC 7396, for these fields). Of the conditions,
    what is named is replaced as a whole and the rest stays; `null` leaves none."""

    title: Line | None = None
    description: Text | None = None
    readme: Readme | None = None
    column_descriptions: Annotated[dict[ColumnName, Text | None], Field(max_length=MOST_COLUMNS_SAID)] | None = None
    column_terms: (
        Annotated[
            dict[ColumnName, Annotated[tuple[Slug, ...], Field(max_length=20)] | None],
            Field(max_length=MOST_COLUMNS_SAID),
        ]
        | None
    ) = None
    terms: Annotated[tuple[Slug, ...], Field(max_length=100)] | None = None
    tags: Annotated[dict[Line, Line | None], Field(max_length=100)] | None = None
    classification: Slug | None = None
    contacts: Annotated[tuple[Contact, ...], Field(max_length=20)] | None = None
    forms: Annotated[dict[Slug, dict[FieldName, FormValue] | None], Field(max_length=50)] | None = None
    conditions: AccessConditions | None = None
    assets: Annotated[tuple[str, ...], Field(max_length=1_000)] | None = None


@dataclass(frozen=True)
class TableFacts:
    """A table as it stands now, told by whoever wrote it."""

    columns: tuple[Column, ...]
    partitions: tuple[str, ...] = ()
    rows: int | None = None
    size_bytes: int | None = None
    files: int | None = None
    formats: tuple[str, ...] = ()
    """What its files were before they were a table: `csv`, `parquet`, …"""
    bucket: str = ""
    prefix: str = ""
    cause: Literal["crawl", "job", "replication", "run"] = "run"
    state: str = ""
    """What names this state of the table (its metadata file): a run need not look at the same state again."""

    def as_json(self) -> dict[str, Any]:
        """What is kept on the asset; the columns stand in its versions."""
        return {
            "rows": self.rows,
            "size_bytes": self.size_bytes,
            "files": self.files,
            "formats": list(self.formats),
            "bucket": self.bucket,
            "prefix": self.prefix,
            "state": self.state,
        }


@dataclass(frozen=True)
class Place:
    """Where an asset stands: its project, the unit of that, and the roles that this gives a right."""

    project: str
    unit: str
    """Path in the tree, as `clinic/cardiology`; empty when the unit is gone."""
    domain: str
    found_by: frozenset[str]
    """Who finds what the project publishes, besides its members."""
    unit_owners: frozenset[str]


@dataclass(frozen=True)
class Asset:
    """One asset without its content."""

    id: str
    kind: AssetKind
    name: str
    place: Place
    working_version: int
    published_version: int | None
    published_at: datetime | None
    published_by: str | None
    withheld: bool
    retired_at: datetime | None
    created_at: datetime
    data_changed_at: datetime
    changed_at: datetime
    data_source: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON of `TableFacts.as_json`
    quality_score: float | None = None

    @property
    def subject(self) -> str:
        return f"asset:{self.id}"

    @property
    def is_published(self) -> bool:
        return self.published_version is not None

    @property
    def has_draft(self) -> bool:
        """Does the working version say something that the listing does not?"""
        return self.published_version != self.working_version

    @property
    def state(self) -> AssetState:
        if self.retired_at is not None:
            return AssetState.RETIRED
        return AssetState.PUBLISHED if self.is_published else AssetState.UNPUBLISHED


@dataclass(frozen=True)
class AssetVersion:
    """One version, with what made it."""

    asset_id: str
    version: int
    content: AssetContent
    cause: str
    made_at: datetime
    made_by: str

    def as_json(self) -> dict[str, Any]:
        """What made it, without its content."""
        return {
            "version": self.version,
            "cause": self.cause,
            "made_at": self.made_at.isoformat(timespec="seconds"),
            "made_by": self.made_by,
        }


@dataclass(frozen=True)
class CatalogChange:
    """Something about an asset has changed, as followers see it."""

    position: FeedPosition
    asset_id: str


@dataclass(frozen=True)
class SearchDocument:
    """Everything that search needs of one asset, as those who find it see it."""

    id: str
    kind: str
    name: str
    title: str
    description: str
    readme: str
    columns: tuple[tuple[str, str], ...]
    """(name, what is said of it)."""
    terms: tuple[str, ...]
    """Titles of the glossary's terms on the asset and its columns."""
    tags: tuple[str, ...]
    """`name=value`."""
    asset_type: str
    project: str
    node: str
    account: str
    unit: str
    classification: str
    format: str
    updated_at: datetime
    rows: int | None
    quality_score: float | None
    is_published: bool
    readers: frozenset[str]
    version: int
    term_words: tuple[str, ...] = ()
    """Titles of synonyms and of broader terms, so that they find it too."""
