"""Put an object: its content is already on the disk; here it gets its name, its owner and its event, all at once."""

from collections.abc import Mapping
from dataclasses import replace

from pergamon.objects import tables
from pergamon.objects.access import require_read, require_write
from pergamon.objects.conditions import require_condition
from pergamon.objects.content import require_intact
from pergamon.objects.events import ObjectPut, ObjectTagged
from pergamon.objects.keys import guessed_content_type, require_content_type, require_key, require_tags
from pergamon.objects.model import ObjectEventKind, ObjectVersion, ReceivedContent
from pergamon.store import UnitOfWork


def may_put(
    uow: UnitOfWork,
    bucket: str,
    key: str,
    *,
    tags: Mapping[str, str] | None = None,
    content_type: str | None = None,
    if_match: str | None = None,
    if_none_match: str | None = None,
) -> None:
    """Ask before a body is read whether it would be taken. `put_object` decides again, for good.

    Raises:
        UnknownObject: no such bucket, or the actor may not reach the key.
        AccessDenied: the actor may read there, but not write.
        BadKey, BadTags, BadContentType, BadCondition: what was given cannot be used.
        ConditionFailed: the object is not what the writer expects.
    """
    found = tables.current(uow, bucket, require_key(key))
    require_write(uow, bucket, key, found, new_tags=_tags(found, tags))
    if content_type is not None:
        require_content_type(content_type)
    require_condition(_etag(found), if_match=if_match, if_none_match=if_none_match)


def put_object(
    uow: UnitOfWork,
    content: ReceivedContent,
    bucket: str,
    key: str,
    *,
    content_type: str | None = None,
    tags: Mapping[str, str] | None = None,
    if_match: str | None = None,
    if_none_match: str | None = None,
) -> ObjectVersion:
    """Make an object of a received content; it supersedes the version before it, and one event tells so.

    Args: content_type: as the sender says, or by the key's suffix; nothing here relies on it.
        tags: these and no others; None: those of the object that it replaces, because access rules may ask for them.
    Raises:
        ContentGone: the content was received too long ago, and has been swept.
        and what `may_put` raises.
    """
    tables.lock_key(uow, bucket, require_key(key))
    tables.hold_off_sweep(uow)
    found = tables.current(uow, bucket, key)
    tags = _tags(found, tags)
    require_write(uow, bucket, key, found, new_tags=tags)
    require_condition(_etag(found), if_match=if_match, if_none_match=if_none_match)
    require_intact(content)
    version = ObjectVersion(
        id=content.version_id,
        bucket=bucket,
        key=key,
        size_bytes=content.size_bytes,
        sha256=content.sha256,
        content_type=require_content_type(content_type) if content_type else guessed_content_type(key),
        owner=uow.actor.id,
        created_at=uow.now,
        tags=tags,
        is_current=True,
        is_deletion=False,
        path=content.path,
    )
    supersede(uow, found, version)
    tables.insert_event(uow, ObjectEventKind.CREATED, version)
    uow.record(
        ObjectPut(
            subject=version.subject,
            version=version.id,
            size_bytes=version.size_bytes,
            sha256=version.sha256,
            tags=written(tags),
            supersedes=found.id if found else None,
        )
    )
    return version


def put_tags(uow: UnitOfWork, bucket: str, key: str, tags: Mapping[str, str]) -> ObjectVersion:
    """Give the current version these tags and no others. Needs the right to write under the old and the new ones.

    Raises:
        UnknownObject: no such object, or the actor may not reach it.
        AccessDenied: the actor may read it, but not change it.
        BadTags: the tags cannot be used.
    """
    tables.lock_key(uow, bucket, require_key(key))
    found = tables.current(uow, bucket, key)
    version = _there(found)
    tags = require_tags(tags)
    require_write(uow, bucket, key, version, new_tags=tags)
    if version is None:
        return require_read(uow, bucket, key, None)
    tables.save_tags(uow, version.id, tags)
    tagged = replace(version, tags=tags)
    tables.insert_event(uow, ObjectEventKind.TAGGED, tagged)
    uow.record(ObjectTagged(subject=version.subject, version=version.id, tags=written(tags)))
    return tagged


def supersede(uow: UnitOfWork, before: ObjectVersion | None, version: ObjectVersion) -> None:
    """Let a new version stand where the one before stood."""
    if before is not None:
        tables.mark_superseded(uow, before.id)
    tables.insert_version(uow, version)


def written(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Tags as the trail keeps them."""
    return tuple(f"{name}={value}" for name, value in tags.items())


def _there(found: ObjectVersion | None) -> ObjectVersion | None:
    return None if found is None or found.is_deletion else found


def _tags(found: ObjectVersion | None, named: Mapping[str, str] | None) -> dict[str, str]:
    """Tags say something of the object, not of one content: they stay unless the put names others (ADR 0013)."""
    there = _there(found)
    if named is None:
        return dict(there.tags) if there else {}
    return require_tags(named)


def _etag(found: ObjectVersion | None) -> str | None:
    there = _there(found)
    return there.etag if there else None
