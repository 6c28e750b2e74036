"""Which access rules reach a path? Prefixes end at a folder: `data/` covers `data/x`, never `database/x`."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from pergamon.kernel import Invalid
from pergamon.policy.model import AccessRule, Resource

NO_TAGS: Mapping[str, str] = MappingProxyType({})


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


def rule_reaches(rule: AccessRule, path: str, tags: Mapping[str, str]) -> bool:
    """Does a rule say anything about the thing at this path that carries these tags?"""
    return prefix_covers(rule.prefix, path) and rule.tags.items() <= tags.items()


def resource_for_path(
    kind: str, resource_id: str, path: str, rules: Iterable[AccessRule], *, tags: Mapping[str, str] = NO_TAGS
) -> Resource:
    """The resource at a path with every role that a rule reaching it gives a right."""
    reaching = [rule for rule in rules if rule_reaches(rule, path, tags)]
    supers = frozenset[str]().union(*(rule.supers for rule in reaching))
    writers = supers.union(*(rule.writers for rule in reaching))
    readers = writers.union(*(rule.readers for rule in reaching))
    return Resource(kind=kind, id=resource_id, readers=readers, writers=writers, supers=supers)
