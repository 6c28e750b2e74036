"""What requests and grants tell the trail: ids, names of columns, counts and days; never what people wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event

OF_AN_ASSET = {"asset": "asset", "project": "project"}


@dataclass(frozen=True)
class RequestMade(Event):
    """A project asked for access to an asset, under the conditions of this version of its listing."""

    code: ClassVar[str] = "access.request_made"
    speaks_of: ClassVar[Mapping[str, str]] = OF_AN_ASSET
    asset: str
    listing_version: int
    project: str
    purpose: str | None
    columns: list[str] | None
    has_row_filter: bool
    days: int | None
    renews: str | None
    forms: list[str]


@dataclass(frozen=True)
class RequestAmended(Event):
    """What is asked for was changed; approvals that were there count no more, unless all stayed as it was."""

    code: ClassVar[str] = "access.request_amended"
    round: int
    listing_version: int
    purpose: str | None
    columns: list[str] | None
    has_row_filter: bool
    days: int | None
    approvals_lost: int


@dataclass(frozen=True)
class RequestDecided(Event):
    """Somebody decided on a request: approved, rejected, or sent it back for changes. `state`: what it is now."""

    code: ClassVar[str] = "access.request_decided"
    act: str
    state: str
    round: int
    approvals: int
    narrowed: list[str]


@dataclass(frozen=True)
class RequestWithdrawn(Event):
    """The asking project took its request back."""

    code: ClassVar[str] = "access.request_withdrawn"
    speaks_of: ClassVar[Mapping[str, str]] = {"project": "project"}
    project: str


@dataclass(frozen=True)
class CommentMade(Event):
    """Somebody said something on a request; the trail does not hold what."""

    code: ClassVar[str] = "access.comment_made"
    comment: str


@dataclass(frozen=True)
class GrantIssued(Event):
    """A project was given these columns of a table. `rows`: the SHA-256 of the filter; masks by column."""

    code: ClassVar[str] = "access.grant_issued"
    speaks_of: ClassVar[Mapping[str, str]] = {
        **OF_AN_ASSET,
        "request": "request",
        "table": "table",
        "lake_table": "table",
    }
    request: str
    asset: str
    project: str
    table: str
    lake_table: str
    columns: list[str]
    masks: dict[str, str]
    rows: str | None
    own_masks: bool
    isolated: bool
    valid_until: str | None
    granted_by: list[str]


@dataclass(frozen=True)
class GrantRevoked(Event):
    """A grant was taken back, or its asset or project is gone; it gives nothing from now on."""

    code: ClassVar[str] = "access.grant_revoked"
    speaks_of: ClassVar[Mapping[str, str]] = OF_AN_ASSET
    asset: str
    project: str
    cause: str


@dataclass(frozen=True)
class GrantExpired(Event):
    """A grant's time is over. It gave nothing from `valid_until` on, whenever this was noticed."""

    code: ClassVar[str] = "access.grant_expired"
    speaks_of: ClassVar[Mapping[str, str]] = OF_AN_ASSET
    asset: str
    project: str
    valid_until: str


@dataclass(frozen=True)
class GrantEnding(Event):
    """A grant ends soon; told once."""

    code: ClassVar[str] = "access.grant_ending"
    speaks_of: ClassVar[Mapping[str, str]] = OF_AN_ASSET
    asset: str
    project: str
    valid_until: str
