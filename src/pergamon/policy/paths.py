"""Which access rules reach a path? Prefixes end at a folder: `data/` covers `data/x`, never `database/x`."""

from collections.abc import Iterable

from pergamon.kernel import Invalid
from pergamon.policy.model import AccessRule, Resource


def normal_prefix(written: str) -> str:
    """Bring a written prefix (`/`, `/landing`, `data/`) to one form: `""`, `landing/`, `data/`.

    Raises:
        Invalid: the prefix holds `.` or `..` parts, a backslash, a wildcard, or a control character.
    """
    parts = [part for part in written.split("/") if part]
    if any(part in {".", ".."} for part in parts) or any(ord(c) < 32 or c in "*?\\" for c in written):
        raise Invalid("an access rule's prefix is a plain folder path", hint="write for example data/ or landing/hda/")
    return "/".join(parts) + "/" if parts else ""


def prefix_covers(prefix: str, path: str) -> bool:
    """Does a normalised prefix cover a path inside the same bucket?"""
    return (path if path.endswith("/") else f"{path}/").startswith(prefix)


def resource_for_path(kind: str, resource_id: str, path: str, rules: Iterable[AccessRule]) -> Resource:
    """The resource at a path with every role that a covering rule gives a right."""
    covering = [rule for rule in rules if prefix_covers(rule.prefix, path)]
    supers = frozenset[str]().union(*(rule.supers for rule in covering))
    writers = supers.union(*(rule.writers for rule in covering))
    readers = writers.union(*(rule.readers for rule in covering))
    return Resource(kind=kind, id=resource_id, readers=readers, writers=writers, supers=supers)
