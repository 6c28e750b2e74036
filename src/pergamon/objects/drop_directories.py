"""Drop directories as they are deployed: put, read, drop; and how they stand."""

from pergamon import lake
from pergamon.objects import drop_tables
from pergamon.objects.drop_model import DropDirectorySpec, DropStatus, UnknownDropDirectory
from pergamon.objects.events import DropDirectoryDropped, DropDirectoryPut
from pergamon.objects.keys import require_tags
from pergamon.store import UnitOfWork


def put_drop_directory(uow: UnitOfWork, name: str, spec: DropDirectorySpec, tags: dict[str, str] | None = None) -> None:
    """Declare a directory, or change what is declared. This alone lets its files be written below its prefix.

    Raises:
        UnknownBucket: its bucket is not declared.
        BadTags: the tags for its objects cannot be used.
    """
    if spec.bucket not in lake.read_buckets(uow):
        raise lake.UnknownBucket(f"drop directory {name} names the bucket {spec.bucket}, which is not declared")
    require_tags(spec.object_tags)
    before = read_drop_directories(uow).get(name)
    if before is not None and _place(before) != _place(spec):
        drop_tables.forget_files(uow, name)  # what was copied to another place is copied to this one, too
    drop_tables.save_directory(uow, name, spec, tags or {})
    uow.record(
        DropDirectoryPut(subject=f"drop-directory:{name}", path=spec.path, bucket=spec.bucket, prefix=spec.prefix)
    )


def read_drop_directories(uow: UnitOfWork) -> dict[str, DropDirectorySpec]:
    """Every declared drop directory, by name."""
    return {row["name"]: DropDirectorySpec.model_validate(row["spec"]) for row in drop_tables.directories(uow)}


def drop_drop_directory(uow: UnitOfWork, name: str) -> None:
    """Forget a directory and what was copied from it; the objects stay, and so do the files.

    Raises:
        UnknownDropDirectory: no such directory.
    """
    if not drop_tables.delete_directory(uow, name):
        raise UnknownDropDirectory(f"there is no drop directory {name}")
    uow.record(DropDirectoryDropped(subject=f"drop-directory:{name}"))


def drop_directory_status(uow: UnitOfWork) -> list[DropStatus]:
    """How each drop directory stands, by name. The caller may know of the platform's state (`platform.operate`)."""
    return [
        DropStatus(
            name=row["name"],
            spec=DropDirectorySpec.model_validate(row["spec"]),
            looked_at=row["looked_at"],
            problem=row["problem"],
            **drop_tables.counts(uow, row["name"]),
            problems=tuple(drop_tables.problems(uow, row["name"])),
        )
        for row in drop_tables.directories(uow)
    ]


def _place(spec: DropDirectorySpec) -> tuple[str, str, str]:
    return (spec.path, spec.bucket, spec.prefix)
