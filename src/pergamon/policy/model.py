"""What a decision is about."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class AccessRule:
    """Who may do what below a prefix of a bucket (the accelerator's `accessPolicies`).

    prefix: normalised, `""` for the whole bucket, otherwise ending in `/`.
    readers, writers, supers: role names. A writer also reads; a super also writes, and may delete for good.
    """

    prefix: str
    readers: frozenset[str] = frozenset()
    writers: frozenset[str] = frozenset()
    supers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Resource:
    """One governed thing with the roles that access rules give a right on it.

    kind: `table`, `object`, `workgroup`, `workflow`, `trail`, `deployment`, …; id: its name.
    """

    kind: str
    id: str
    readers: frozenset[str] = field(default_factory=frozenset)
    writers: frozenset[str] = field(default_factory=frozenset)
    supers: frozenset[str] = field(default_factory=frozenset)

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"
