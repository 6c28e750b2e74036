"""Remove an object: a deletion that can be undone, or for good, when its content is freed after the commit (law 3)."""

from dataclasses import replace

from pergamon import lake
from pergamon.kernel import Invalid, new_id
from pergamon.objects import tables
from pergamon.objects.access import raise_unknown, require_read, require_write
from pergamon.objects.conditions import require_condition
from pergamon.objects.events import BucketForgotten, ObjectDestroyed, ObjectRemoved
from pergamon.objects.keys import require_key
from pergamon.objects.model import ObjectEventKind, ObjectVersion, StillReferred
from pergamon.objects.put import supersede
from pergamon.objects.references import referring_tables
from pergamon.policy import NO_TAGS, Action
from pergamon.store import UnitOfWork

FREED_CONTENT = "objects.content"
"""The outbox's topic for contents whose last name is gone."""


class BadRemoval(Invalid):
    code = "objects.bad_removal"


def remove_object(
    uow: UnitOfWork,
    bucket: str,
    key: str,
    *,
    version: str | None = None,
    for_good: bool = False,
    if_match: str | None = None,
) -> ObjectVersion | None:
    """Remove an object, or for good: all its versions, or one of them.

    Returns: the deletion that now stands there; None when it was removed for good.
    Raises:
        UnknownObject: no such object or version, or the actor may not know of it.
        AccessDenied: the actor may read it, but not remove it (for good: super roles only).
        StillReferred: a table's data lies in it, so that it cannot be removed for good.
        ConditionFailed: the object is not the one expected.
        BadRemoval: a version was named, but not that it goes for good.
    """
    if version is not None and not for_good:
        raise BadRemoval("one version can only be removed for good", hint="say so: for good")
    tables.lock_key(uow, bucket, require_key(key))
    found = tables.current(uow, bucket, key)
    if for_good:
        doomed = [one for one in tables.versions(uow, bucket, key) if version in (None, one.id)]
        _destroy(uow, bucket, key, doomed, found, if_match)
        return None
    there = None if found is None or found.is_deletion else found
    require_write(uow, bucket, key, there, new_tags=there.tags if there else NO_TAGS)  # a deletion keeps the tags
    if there is None:
        raise_unknown(bucket, key)
    require_condition(there.etag, if_match=if_match, if_none_match=None)
    deletion = replace(
        there,
        id=new_id("ver"),
        size_bytes=0,
        sha256="",
        owner=uow.actor.id,
        created_at=uow.now,
        is_deletion=True,
        path=None,
    )
    supersede(uow, there, deletion)
    tables.insert_event(uow, ObjectEventKind.REMOVED, deletion)
    uow.record(ObjectRemoved(subject=deletion.subject, version=deletion.id))
    return deletion


def _destroy(  # noqa: PLR0917 - what was asked, and what was found
    uow: UnitOfWork,
    bucket: str,
    key: str,
    doomed: list[ObjectVersion],
    current: ObjectVersion | None,
    if_match: str | None,
) -> None:
    if not doomed:
        require_read(uow, bucket, key, None)
    for one in doomed:
        require_write(uow, bucket, key, one, action=Action.OBJECT_DESTROY)
    there = None if current is None or current.is_deletion else current
    require_condition(there.etag if there else None, if_match=if_match, if_none_match=None)
    for one in doomed:
        _destroy_version(uow, one)
    if current in doomed:
        _let_newest_stand(uow, bucket, key, there)


def _destroy_version(uow: UnitOfWork, version: ObjectVersion) -> None:
    """Delete the row, and leave a message that frees the content once this is committed."""
    tables.lock_version(uow, version.id)
    referring = referring_tables(uow, version.id)
    if referring:
        raise StillReferred(
            f"{version.subject} cannot be removed for good: {len(referring)} tables hold it as data",
            hint="drop the table, or remove the object without --for-good: the crawler then takes it out of the table",
        )
    tables.drop_all_references(uow, version.id)
    tables.delete_version(uow, version.id)
    if version.path is not None:
        uow.enqueue(FREED_CONTENT, version.id, {"path": str(version.path)})
    uow.record(ObjectDestroyed(subject=version.subject, version=version.id, sha256=version.sha256))


def _let_newest_stand(uow: UnitOfWork, bucket: str, key: str, was_there: ObjectVersion | None) -> None:
    """The newest version that is left becomes the current one, and followers learn what now stands there."""
    left = tables.versions(uow, bucket, key)
    if left:
        tables.mark_current(uow, left[0].id)
    if left and not left[0].is_deletion:
        tables.insert_event(uow, ObjectEventKind.CREATED, left[0])
    elif was_there is not None:
        tables.insert_event(uow, ObjectEventKind.REMOVED, was_there)


def forget_bucket(uow: UnitOfWork, bucket: str) -> int:
    """Forget every object of a bucket whose files are about to be deleted with it. Returns: how many versions.

    Raises:
        StillReferred: tables hold some of them as data.
    """
    existing = {str(record.id) for record in lake.list_tables(uow)}
    referring = sorted(existing & set(tables.referring_into_bucket(uow, bucket)))
    if referring:
        raise StillReferred(
            f"bucket {bucket} holds objects that are data of {len(referring)} tables: {', '.join(referring[:5])}",
            hint="drop these tables first",
        )
    count = tables.delete_bucket(uow, bucket)
    if count:
        uow.record(BucketForgotten(subject=f"bucket:{bucket}", versions=count))
    return count
