"""What one entry of the trail is, and how its hash is made (ADR 0009)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

from pydantic import BaseModel, ConfigDict, Field

from pergamon.kernel import canonical_bytes, sha256_hex

GENESIS = "0" * 64
"""The hash before the first entry."""


ENTRY: LiteralString = (
    "e.id, e.at, e.actor, e.operator, e.code, e.subject, e.facts, "
    "ARRAY(SELECT n.about FROM audit_about n WHERE n.event_id = e.id) AS about"
)
"""The columns of an entry, of `audit_event e`."""


@dataclass(frozen=True)
class TrailEntry:
    """One event as it stands in the trail. `facts` is canonical JSON: the very text that is hashed.

    about: what it speaks of besides its subject, in no order.
    """

    id: str
    at: datetime
    actor: str
    operator: str | None
    code: str
    subject: str
    facts: str
    about: Sequence[str]

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        """The entry, its facts as values."""
        told = {"at": self.at.isoformat(), "facts": json.loads(self.facts), "about": sorted(self.about)}
        return vars(self) | told

    def hash_after(self, previous: str) -> str:
        """SHA-256 over the previous hash and every field of this entry.

        Args: previous (64 hexadecimal digits).
        Returns: 64 hexadecimal digits.
        """
        body = [
            previous,
            self.id,
            self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            self.actor,
            self.operator,
            self.code,
            self.subject,
            self.facts,
            sorted(self.about),
        ]
        return sha256_hex(canonical_bytes(body))


class AuditSpec(BaseModel):
    """How the trail is sealed. `seal_every_s`: at most this long after its commit an event is chained and signed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    seal_every_s: float = Field(default=1.0, gt=0, le=60)


class AuditTrailSpec(BaseModel):
    """Who may read the trail, besides those whose role's policies say so."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    readers: frozenset[str] = frozenset()
