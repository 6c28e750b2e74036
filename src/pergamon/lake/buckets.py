"""Buckets as they are deployed: put, read, drop."""

from pergamon.lake import tables
from pergamon.lake.events import BucketDropped, BucketPut
from pergamon.lake.model import BUCKET_NAME, BadName, BucketSpec, InUse, UnknownBucket
from pergamon.store import UnitOfWork, asked_once


def put_bucket(uow: UnitOfWork, name: str, spec: BucketSpec, tags: dict[str, str] | None = None) -> None:
    """Declare a bucket, or change what is declared. Its directory appears with its first file.

    Raises:
        BadName: the name is not 3 to 63 lower-case letters, digits and dashes.
    """
    if not BUCKET_NAME.fullmatch(name):
        raise BadName(f"bucket {name!r} has a name that cannot be used", hint="3 to 63 of a-z, 0-9 and -")
    tables.save_bucket(uow, name, spec, tags or {})
    prefixes = tuple(rule.prefix for rule in spec.access_rules)
    uow.record(BucketPut(subject=f"bucket:{name}", encryption=spec.encryption, prefixes=prefixes))


@asked_once
def read_buckets(uow: UnitOfWork) -> dict[str, BucketSpec]:
    """Every declared bucket, by name."""
    return {row["name"]: BucketSpec.model_validate(row["spec"]) for row in tables.buckets(uow)}


def read_bucket_tags(uow: UnitOfWork) -> dict[str, dict[str, str]]:
    return {row["name"]: row["tags"] for row in tables.buckets(uow)}


def drop_bucket(uow: UnitOfWork, name: str) -> None:
    """Forget a bucket. Its files stay where they are.

    Raises:
        UnknownBucket: no such bucket.
        InUse: a database lies in it.
    """
    users = tables.databases_in_bucket(uow, name)
    if users:
        raise InUse(f"bucket {name} holds the databases {', '.join(sorted(users))}", hint="drop them first")
    if not tables.delete_bucket(uow, name):
        raise UnknownBucket(f"there is no bucket {name}")
    uow.record(BucketDropped(subject=f"bucket:{name}"))
