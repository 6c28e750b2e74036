"""Who acts. Proved before it is made (identity/), never taken from what a caller says of itself."""

from dataclasses import dataclass, field
from enum import StrEnum


class ActorKind(StrEnum):
    PERSON = "person"
    SERVICE = "service"
    OPERATOR = "operator"
    """The service user at the command line of the host: deploys and operates; reads data only by impersonation."""


@dataclass(frozen=True)
class Actor:
    """An authenticated subject with the roles that count for this act.

    `operator` is set when an operator acts as this person; the trail then says "operator as person".
    """

    id: str
    kind: ActorKind
    roles: frozenset[str] = field(default_factory=frozenset)
    operator: str | None = None

    def __str__(self) -> str:
        return f"{self.operator} as {self.id}" if self.operator else self.id
