"""What a decision is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class AccessRule:
    """Who may do what below a prefix of a bucket (the accelerator's `accessPolicies`).

    prefix: normalised, `""` for the whole bucket, otherwise ending in `/`.
    readers, writers, supers: role names. A writer also reads; a super also writes, and may delete for good.
    tags: the rule reaches only what carries all of them; what has no tags (a table) is then not reached.
    """

    prefix: str
    readers: frozenset[str] = frozenset()
    writers: frozenset[str] = frozenset()
    supers: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Resource:
    """One governed thing with the roles that access rules give a right on it.

    kind: `table`, `object`, `workgroup`, `workflow`, `trail`, `deployment`, …; id: its name.
    obligations: what an allowing decision demands of its caller (`table_rights.obligations`).
    """

    kind: str
    id: str
    readers: frozenset[str] = field(default_factory=frozenset)
    writers: frozenset[str] = field(default_factory=frozenset)
    supers: frozenset[str] = field(default_factory=frozenset)
    obligations: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"
