"""What the trail says about replication."""

from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event


@dataclass(frozen=True)
class ReplicationTaskPut(Event):
    code: ClassVar[str] = "replicate.task_put"
    migration_type: str
    rules: int


@dataclass(frozen=True)
class ReplicationTaskDropped(Event):
    code: ClassVar[str] = "replicate.task_dropped"


@dataclass(frozen=True)
class ReplicationStartAsked(Event):
    code: ClassVar[str] = "replicate.start_asked"
    reload: bool


@dataclass(frozen=True)
class ReplicationStopAsked(Event):
    code: ClassVar[str] = "replicate.stop_asked"


@dataclass(frozen=True)
class ReplicationStateChanged(Event):
    code: ClassVar[str] = "replicate.state_changed"
    state: str
    reason: str | None = None


@dataclass(frozen=True)
class FullLoadCompleted(Event):
    code: ClassVar[str] = "replicate.full_load_completed"
    task: str
    load_id: str
    rows: int
    files: int
