"""Which older versions go? Those that a bucket's `versions` rule lets go, never one that stands or is a table's data.

Without a rule every version stays until somebody removes it for good. Each version that goes is in the trail, with the
rule; its content is freed after the commit, as with any removal.
"""

from datetime import timedelta

from pergamon import lake
from pergamon.objects import tables
from pergamon.objects.events import VersionExpired
from pergamon.objects.model import ObjectVersion
from pergamon.objects.remove import FREED_CONTENT
from pergamon.store import UnitOfWork

BATCH = 200
RESTS = timedelta(days=1)
"""No version goes sooner after it was superseded, whatever the rule: somebody may just be reading it."""


def expire_versions(uow: UnitOfWork, *, limit: int = BATCH) -> bool:
    """Let one batch of versions go. Returns: may there be more?"""
    left = limit
    for bucket, spec in sorted(lake.read_buckets(uow).items()):
        if spec.versions is not None and left > 0:
            left -= _expire_in(uow, bucket, spec.versions, left)
    return left <= 0


def _expire_in(uow: UnitOfWork, bucket: str, rule: lake.VersionsSpec, limit: int) -> int:
    """Returns: how many went."""
    before = uow.now - max(RESTS, timedelta(days=rule.days or 0))
    existing = [str(record.id) for record in lake.list_tables(uow)]
    gone = 0
    for version in tables.expired(uow, bucket, before, rule.keep or 0, existing, limit):
        tables.lock_key(uow, bucket, version.key)
        tables.lock_version(uow, version.id)
        still = tables.version(uow, bucket, version.key, version.id)
        if still is not None and not still.is_current and not set(tables.referring(uow, still.id)) & set(existing):
            _let_go(uow, still, rule)
            gone += 1
    return gone


def _let_go(uow: UnitOfWork, version: ObjectVersion, rule: lake.VersionsSpec) -> None:
    tables.drop_all_references(uow, version.id)
    tables.delete_version(uow, version.id)
    if version.path is not None:
        uow.enqueue(FREED_CONTENT, version.id, {"path": str(version.path)})
    uow.record(
        VersionExpired(
            subject=version.subject, version=version.id, sha256=version.sha256, keep=rule.keep, days=rule.days
        )
    )
