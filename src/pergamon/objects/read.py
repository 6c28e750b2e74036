"""Read an object, its versions, a bucket's listing: only what the actor may read; audited reads are in the trail."""

from collections.abc import Sequence

from pergamon.kernel import Invalid
from pergamon.objects import tables
from pergamon.objects.access import bucket_rules, is_audited, require_raw, require_read, tables_holding
from pergamon.objects.events import ObjectRead, ObjectsListed
from pergamon.objects.keys import require_key, require_prefix
from pergamon.objects.model import ObjectListing, ObjectVersion, UnknownObject
from pergamon.objects.scopes import Folding, Scope, readable_rules, scopes, whole
from pergamon.policy import AccessRule, Action, Resource, decide, resource_for_path
from pergamon.store import UnitOfWork

LARGEST_PAGE = 1000


class BadPage(Invalid):
    code = "objects.bad_page"
    usual_hint = "ask for fewer at once, and go on with `after`"


def describe_object(uow: UnitOfWork, bucket: str, key: str, *, version: str | None = None) -> ObjectVersion:
    """What is known of an object, without its content.

    Raises:
        UnknownObject: no such object or version, it was removed, or the actor may not read it.
    """
    if version is None:
        found = tables.current(uow, bucket, require_key(key))
    else:
        found = tables.version(uow, bucket, require_key(key), version)
    return require_read(uow, bucket, key, None if found is None or found.is_deletion else found)


def read_object(uow: UnitOfWork, bucket: str, key: str, *, version: str | None = None) -> ObjectVersion:
    """An object whose content may be served to this actor. A read of an audited bucket stands in the trail, and a read
    of a table's data, wherever it lies, under the table too.

    Raises:
        UnknownObject: as `describe_object`.
        RawClosed: a governed table's data lies in it, and the actor may not read the whole of that table.
    """
    found = describe_object(uow, bucket, key, version=version)
    require_raw(uow, found)
    held = [str(table) for table in tables_holding(uow, found.id)]
    if held or is_audited(uow, bucket):
        uow.record(ObjectRead(subject=found.subject, version=found.id, tables=held))
    return found


def object_versions(
    uow: UnitOfWork, bucket: str, key: str, *, after: str | None = None, limit: int = LARGEST_PAGE
) -> list[ObjectVersion]:
    """A page of the versions of an object that the actor may read, newest first, deletions among them.

    Args: after: the last version of the page before; limit: 1 to 1000.
    Raises:
        UnknownObject: there is none, or none that is `after`.
        BadPage: the limit cannot be used.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise BadPage(f"a page holds 1 to {LARGEST_PAGE} versions")
    rules = bucket_rules(uow, bucket)
    place = None
    if after is not None:
        place = require_read(uow, bucket, key, tables.version(uow, bucket, require_key(key), after))
    readable: list[ObjectVersion] = []
    answers: dict[tuple[tuple[str, str], ...], bool] = {}  # versions with the same tags are open to the same people
    while len(readable) < limit:
        some = tables.versions_after(uow, bucket, require_key(key), place, LARGEST_PAGE)
        for version in some:
            tags = tuple(sorted(version.tags.items()))
            if tags not in answers:
                answers[tags] = _may_read(uow, version, rules)
            if answers[tags]:
                readable.append(version)
        if len(some) < LARGEST_PAGE:
            break
        place = some[-1]
    if not readable and after is None:
        require_read(uow, bucket, key, None)
    return readable[:limit]


def list_objects(
    uow: UnitOfWork,
    bucket: str,
    *,
    prefix: str = "",
    delimiter: str | None = None,
    after: str = "",
    limit: int = LARGEST_PAGE,
) -> ObjectListing:
    """A page of the objects that the actor may read, by key (in the order of their UTF-8 bytes).

    Args: delimiter: keys that hold it behind the prefix are told as one folder each; after: where the page before
        said to go on; limit: objects and folders, 1 to 1000.
    Raises:
        UnknownObject: no such bucket, or the actor may read nothing in it.
        BadPage: the limit or the delimiter cannot be used.
        BadKey: no key can begin with that prefix.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise BadPage(f"a page holds 1 to {LARGEST_PAGE} objects")
    require_prefix(prefix)
    readable = readable_rules(uow.actor, bucket_rules(uow, bucket))
    if not readable:
        _refuse_bucket(uow, bucket)
    where = scopes(readable, prefix)
    if delimiter:
        listing = _folded_page(uow, bucket, where, Folding(prefix, delimiter), after, limit)
    else:
        listing = _flat_page(uow, bucket, where, after, limit)
    if is_audited(uow, bucket):
        uow.record(ObjectsListed(subject=f"bucket:{bucket}", prefix=prefix, count=len(listing.objects)))
    return listing


def objects_of_keys(uow: UnitOfWork, bucket: str, keys: Sequence[str]) -> list[ObjectVersion]:
    """Those of these keys that are objects now, by key, for the platform's own services; nobody's rights are asked."""
    return tables.current_of_keys(uow, bucket, keys)


def current_objects(
    uow: UnitOfWork, bucket: str, prefix: str = "", *, after: str = "", limit: int = LARGEST_PAGE
) -> list[ObjectVersion]:
    """Objects by key, for the platform's own services; nobody's rights are asked."""
    return tables.listed(uow, bucket, whole(prefix), after, limit)


def _flat_page(uow: UnitOfWork, bucket: str, where: list[Scope], after: str, limit: int) -> ObjectListing:
    found = tables.listed(uow, bucket, where, after, limit + 1)
    return ObjectListing(tuple(found[:limit]), (), found[limit - 1].key if len(found) > limit else None)


def _folded_page(  # noqa: PLR0917 - what was asked, as it was asked
    uow: UnitOfWork, bucket: str, where: list[Scope], folding: Folding, after: str, limit: int
) -> ObjectListing:
    lines = tables.listed_folded(uow, bucket, where, folding, after, limit + 1)
    shown = lines[:limit]
    return ObjectListing(
        objects=tuple(line.version for line in shown if line.version is not None),
        prefixes=tuple(line.folder for line in shown if line.folder is not None),
        next_after=shown[-1].jump if len(lines) > limit else None,
    )


def _may_read(uow: UnitOfWork, version: ObjectVersion, rules: tuple[AccessRule, ...]) -> bool:
    resource = resource_for_path("object", f"{version.bucket}/{version.key}", version.key, rules, tags=version.tags)
    return decide(uow.actor, Action.OBJECT_READ, resource).allowed


def _refuse_bucket(uow: UnitOfWork, bucket: str) -> None:
    decision = decide(uow.actor, Action.OBJECT_READ, Resource("bucket", bucket))
    raise UnknownObject(
        f"there is no bucket {bucket}, or you may not reach anything in it",
        hint="is its name right? its access rules say which roles reach it",
        decision=decision,
    )
