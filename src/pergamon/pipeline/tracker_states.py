"""The life of a landed file, and what its manifest says. Pure.

registered -> processing -> merged | superseded | quarantined; quarantined -> registered (replay) | skipped (an operator
decides to go on without it); merged -> registered when a later full load at an earlier position replaces the state.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class FileState(StrEnum):
    REGISTERED = "registered"
    PROCESSING = "processing"
    MERGED = "merged"
    SUPERSEDED = "superseded"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"


class Span(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    first: str
    last: str


class Manifest(BaseModel):
    """The words beside a landed file. Fields that a later version adds are kept out of our way, not refused."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    version: int
    task: str
    schema_name: str
    table: str
    kind: str
    load_id: str | None = None
    file: str
    sha256: str
    size_bytes: int
    rows: int
    position: Span
    columns: tuple[dict[str, Any], ...]  # Any: name, pg_type, arrow_type, nullable
    replica_identity_columns: tuple[str, ...] = ()
    source_columns: tuple[Any, ...] = ()  # Any: not read here
    full_load_complete: bool = False
    full_load_files: int | None = None

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
