"""May this actor read or write this object? A bucket's access rules decide, by prefix and by tag (law 1).

What an actor may not read is answered as not found, and recorded as a denial; a bucket that is not there is answered
in the same way. What it may read but not change is refused openly.
"""

from collections.abc import Mapping
from typing import Never

from pergamon import lake
from pergamon.kernel import AccessDenied, Decision, require
from pergamon.objects import drop_tables, tables
from pergamon.objects.model import ObjectVersion, RawClosed, UnknownObject
from pergamon.policy import NO_TAGS, AccessRule, Action, Resource, decide, resource_for_path
from pergamon.store import UnitOfWork, asked_once


def bucket_rules(uow: UnitOfWork, bucket: str) -> tuple[AccessRule, ...]:
    """The access rules of a bucket; none for a bucket that is not there, so that nobody reaches it."""
    spec = lake.read_buckets(uow).get(bucket)
    return (*lake.access_rules(spec), *drop_tables.rules_of_directories(uow, bucket)) if spec else ()


def is_audited(uow: UnitOfWork, bucket: str) -> bool:
    """Do reads of this bucket stand in the trail? Writes always do."""
    spec = lake.read_buckets(uow).get(bucket)
    return spec is None or spec.audited


def object_resource(uow: UnitOfWork, bucket: str, key: str, tags: Mapping[str, str] = NO_TAGS) -> Resource:
    """An object as the policy sees it."""
    return resource_for_path("object", f"{bucket}/{key}", key, bucket_rules(uow, bucket), tags=tags)


def require_read(uow: UnitOfWork, bucket: str, key: str, found: ObjectVersion | None) -> ObjectVersion:
    """The object, when there is one that the actor may read.

    Raises:
        UnknownObject: there is none, or it may not be read.
    """
    decision = decide(uow.actor, Action.OBJECT_READ, _resource_of(uow, bucket, key, found))
    if found is None or not decision.allowed:
        raise_unknown(bucket, key, decision)
    require(decision)
    return found


def require_write(
    uow: UnitOfWork,
    bucket: str,
    key: str,
    found: ObjectVersion | None,
    *,
    new_tags: Mapping[str, str] = NO_TAGS,
    action: Action = Action.OBJECT_WRITE,
) -> None:
    """Let a change pass: the rules must give it on what stands there, and on what it becomes.

    Raises:
        AccessDenied: the actor may read it, but not change it.
        UnknownObject: the actor may not know of it.
    """
    rules = bucket_rules(uow, bucket)
    before = [] if found is None else [found.tags]
    after = [new_tags] if action is Action.OBJECT_WRITE and new_tags not in before else []
    for tags in before + after:
        resource = resource_for_path("object", f"{bucket}/{key}", key, rules, tags=tags)
        decision = decide(uow.actor, action, resource)
        if decision.allowed:
            require(decision)
        elif decide(uow.actor, Action.OBJECT_READ, resource).allowed:
            raise AccessDenied(f"{action} on {resource} is not allowed", decision=decision)
        else:
            raise_unknown(bucket, key, decision)


def require_raw(uow: UnitOfWork, version: ObjectVersion) -> None:
    """Let a raw read pass to who sent the content, or to whom everything that governs it gives the whole (law 8).

    Raises:
        RawClosed: a table or a database that governs it may not be read by the actor, or only with obligations.
    """
    if version.owner == uow.actor.id:
        return  # these are the very bytes that the actor sent
    for governing in _governing(uow, version):
        decision = decide(uow.actor, Action.TABLE_READ, governing)
        if not decision.allowed or decision.obligations:
            refusal = Decision(False, decision.action, version.subject, decision.reason, decision.decided_by)
            raise RawClosed(
                f"{version.subject} is data of a governed table, or may become it: it is served raw only to whom all "
                "of that is open",
                hint="query the table instead, or ask its owner",
                decision=refusal,
            )


@asked_once
def tables_holding(uow: UnitOfWork, version_id: str) -> list[lake.TableId]:
    """The tables of which a version holds data, or once held; those that were dropped are not among them."""
    named = [lake.TableId.parse(name) for name in tables.referring(uow, version_id, also_past=True)]
    return sorted(lake.keys_of_tables(uow, named), key=str) if named else []


def _governing(uow: UnitOfWork, version: ObjectVersion) -> list[Resource]:
    """The tables whose data lies in a version, or once lay; and each database that it has not become a table of.

    Also once: else whoever may write could supersede what they may not read, wait for the crawl, and read the version.
    A table that was dropped governs nothing.
    """
    holding = tables_holding(uow, version.id)
    to_come = set(tables.governing_databases(uow, version.bucket, version.key)) - {table.database for table in holding}
    of_tables = [lake.table_resource(uow, table) for table in holding]
    return of_tables + [lake.database_resource(uow, database) for database in sorted(to_come)]


def raise_unknown(bucket: str, key: str, decision: Decision | None = None) -> Never:
    """Say that there is no such object, or that the actor may not know of it: the same words for both."""
    refusal = decision if decision is not None and not decision.allowed else None
    raise UnknownObject(
        f"there is no object {bucket}/{key}, or you may not reach it",
        hint="is the bucket's name right? which roles reach it says its access rules",
        decision=refusal,
    )


def _resource_of(uow: UnitOfWork, bucket: str, key: str, found: ObjectVersion | None) -> Resource:
    return object_resource(uow, bucket, key, found.tags if found else NO_TAGS)
