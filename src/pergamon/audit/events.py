"""What the trail says of itself, and of acts that were refused."""

from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event


@dataclass(frozen=True)
class ActDenied(Event):
    """An act was refused by the policy; nothing was done."""

    code: ClassVar[str] = "audit.act_denied"
    action: str
    reason: str
    decided_by: list[str]


@dataclass(frozen=True)
class TrailVerified(Event):
    """Somebody verified the whole chain."""

    code: ClassVar[str] = "audit.trail_verified"
    length: int
    intact: bool


@dataclass(frozen=True)
class TrailRead(Event):
    """Somebody read entries of the trail."""

    code: ClassVar[str] = "audit.trail_read"
    entries: int


@dataclass(frozen=True)
class AuditConfigured(Event):
    """How the trail is sealed or who may read it was changed."""

    code: ClassVar[str] = "audit.configured"
    kind: str
    removed: bool
