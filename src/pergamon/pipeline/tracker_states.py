"""The life of a landed file, and what its manifest says. Pure.

registered -> processing -> merged | superseded | quarantined; quarantined -> registered (replay) | skipped (an operator
decides to go on without it); merged -> registered when a later full load at an earlier position replaces the state.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class FileState(StrEnum):
    REGISTERED = "registered"
    PROCESSING = "processing"
    MERGED = "merged"
    SUPERSEDED = "superseded"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"


PositionText = Annotated[str, Field(pattern=r"^[0-9A-F]{16}\.[0-9]{10}$")]
"""Sixteen hexadecimal digits, a point, ten digits: it sorts as text. Anything else would order files at will."""
Count = Annotated[int, Field(ge=0, lt=2**63)]


class Span(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    first: PositionText
    last: PositionText


class Manifest(BaseModel):
    """The words beside a landed file. Fields that a later version adds are kept out of our way, not refused."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    version: Literal[1]
    task: str
    schema_name: str
    table: str
    kind: Literal["full_load", "changes"]
    load_id: str | None = None
    file: str
    sha256: str
    size_bytes: Count
    rows: Count
    position: Span
    columns: tuple[dict[str, Any], ...]  # Any: name, pg_type, arrow_type, nullable
    replica_identity_columns: tuple[str, ...] = ()
    source_columns: tuple[Any, ...] = ()  # Any: not read here
    full_load_complete: bool = False
    full_load_files: Count | None = None

    @classmethod
    def parse(cls, document: dict[str, Any]) -> "Manifest":
        """Read a manifest as it was written (`schema` is not a name that a model may have)."""
        renamed = {("schema_name" if key == "schema" else key): value for key, value in document.items()}
        return cls.model_validate(renamed)


@dataclass(frozen=True)
class TrackedFile:
    """One landed file as the tracker knows it. `path` lies below the lake's root."""

    id: str
    task: str
    path: str
    kind: str
    first: str
    last: str
    size_bytes: int
    rows: int
    sha256: str
    state: FileState
    reason: str | None
    load_id: str | None
    load_files: int | None
    identity: tuple[str, ...]
    lease: str | None = None

    @property
    def is_load(self) -> bool:
        return self.kind == "full_load"

    @property
    def is_pending(self) -> bool:
        return self.state in (FileState.REGISTERED, FileState.PROCESSING)
