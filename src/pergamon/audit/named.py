"""Whom and what does somebody mean who looks something up in the trail? Pure.

A name with its kind is that one alone. A bare name is a person's where it says who did something; where it says to what
something was done, it is that of each kind of thing.
"""

from typing import LiteralString

KINDS: tuple[LiteralString, ...] = (
    "access_subscription", "asset", "audit", "batch", "bucket", "catalog-domain", "crawler", "data-source", "database",
    "dataset", "deployment", "drop-directory", "file", "glossary", "grant", "job", "key", "lineage", "lineage_run",
    "metadata-form", "metadata-rule", "module", "object", "person", "platform", "policy", "principal", "project",
    "quality-rules", "query", "replication", "replication_task", "request", "role", "saved_query", "search", "secret",
    "service", "table", "team", "term", "token", "tracker", "trail", "unit", "workflow",
    "workgroup",
)  # fmt: skip
"""What a subject of the trail begins with."""


def who_is_named(written: str) -> str:
    """`ada` is `person:ada`."""
    return written if ":" in written else f"person:{written}"


def subjects_named(written: str) -> dict[LiteralString, str]:
    """By their kind: `table:raw_db.patients` is that alone, of the kind that is written; `raw_db.patients` is a table,
    an object, or whatever else has this name."""
    return {"written": written} if ":" in written else {kind: f"{kind}:{written}" for kind in KINDS}


def is_operator(actor: str) -> bool:
    """An operator acts as others, too."""
    return actor.startswith("operator:")
