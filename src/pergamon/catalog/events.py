"""What the catalog tells the trail: names, versions and counts; never the text that people wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event


@dataclass(frozen=True)
class DomainChanged(Event):
    """A domain's tree of units was put or removed."""

    code: ClassVar[str] = "catalog.domain_changed"
    units: list[str]
    removed: bool


@dataclass(frozen=True)
class GlossaryChanged(Event):
    """A glossary of the configuration was put or removed."""

    code: ClassVar[str] = "catalog.glossary_changed"
    terms: int
    removed: bool


@dataclass(frozen=True)
class TermChanged(Event):
    """A person wrote, approved or removed a term of the glossary."""

    code: ClassVar[str] = "catalog.term_changed"
    act: str
    version: int


@dataclass(frozen=True)
class FormChanged(Event):
    """A metadata form was put or removed."""

    code: ClassVar[str] = "catalog.form_changed"
    fields: list[str]
    removed: bool


@dataclass(frozen=True)
class RuleChanged(Event):
    """A rule that demands metadata forms was put or removed."""

    code: ClassVar[str] = "catalog.rule_changed"
    forms: list[str]
    when: str
    removed: bool


@dataclass(frozen=True)
class ProjectChanged(Event):
    """A project was put or removed."""

    code: ClassVar[str] = "catalog.project_changed"
    unit: str
    removed: bool


@dataclass(frozen=True)
class MemberAdded(Event):
    """A project's owner added a member."""

    code: ClassVar[str] = "catalog.member_added"
    member: str
    role: str


@dataclass(frozen=True)
class MemberRemoved(Event):
    """A project's owner removed a member that the configuration does not name."""

    code: ClassVar[str] = "catalog.member_removed"
    member: str
    role: str


@dataclass(frozen=True)
class DataSourceChanged(Event):
    """A data source was put or removed."""

    code: ClassVar[str] = "catalog.data_source_changed"
    project: str
    removed: bool


@dataclass(frozen=True)
class SourceRunStarted(Event):
    """A run of a data source over all of its tables began."""

    code: ClassVar[str] = "catalog.source_run_started"
    run: str


@dataclass(frozen=True)
class SourceRunEnded(Event):
    """A run of a data source ended: how many assets it added, updated, found unchanged, retired, and failed on."""

    code: ClassVar[str] = "catalog.source_run_ended"
    run: str
    state: str
    added: int
    updated: int
    unchanged: int
    removed: int
    failed: int


@dataclass(frozen=True)
class AssetMade(Event):
    """There is a new asset: a data source found a table, or a person made a product."""

    code: ClassVar[str] = "catalog.asset_made"
    speaks_of: ClassVar[Mapping[str, str]] = {"project": "project"}
    name: str
    project: str
    data_source: str | None


@dataclass(frozen=True)
class AssetTableChanged(Event):
    """The columns of an asset's table changed, which made a version."""

    code: ClassVar[str] = "catalog.asset_table_changed"
    version: int
    added: list[str]
    removed: list[str]
    retyped: list[str]


@dataclass(frozen=True)
class AssetEdited(Event):
    """A person changed what is said of an asset, which made a version."""

    code: ClassVar[str] = "catalog.asset_edited"
    version: int
    fields: list[str]


@dataclass(frozen=True)
class AssetPublished(Event):
    """A version of an asset is its listing now. `automatic`: its data source published it."""

    code: ClassVar[str] = "catalog.asset_published"
    version: int
    automatic: bool


@dataclass(frozen=True)
class AssetHeld(Event):
    """A data source would have published an asset, and rules demand forms that are not filled in."""

    code: ClassVar[str] = "catalog.asset_held"
    version: int
    missing: list[str]


@dataclass(frozen=True)
class AssetUnpublished(Event):
    """An asset is no longer listed, by a person's decision; no data source lists it again."""

    code: ClassVar[str] = "catalog.asset_unpublished"
    version: int


@dataclass(frozen=True)
class AssetWithdrawn(Event):
    """An asset's table is gone: it is retired, and its listing with it."""

    code: ClassVar[str] = "catalog.asset_retired"
    speaks_of: ClassVar[Mapping[str, str]] = {"table": "table"}
    table: str
