"""The SQL of drop directories. No other room touches these tables."""

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pergamon.objects.drop_model import DropDirectorySpec, DropProblem, FileIdentity, role_of
from pergamon.objects.model import ObjectVersion
from pergamon.policy import AccessRule, normal_prefix
from pergamon.store import UnitOfWork, asked_once

MOST_PROBLEMS_SHOWN = 100


def save_directory(uow: UnitOfWork, name: str, spec: DropDirectorySpec, tags: dict[str, str]) -> None:
    uow.execute(
        "INSERT INTO object_drop_directory (name, bucket, spec, tags) VALUES (%s, %s, %s, %s) ON CONFLICT (name) "
        "DO UPDATE SET bucket = excluded.bucket, spec = excluded.spec, tags = excluded.tags, problem = NULL",
        (name, spec.bucket, Jsonb(spec.model_dump(mode="json")), Jsonb(tags)),
    )


def directories(uow: UnitOfWork) -> list[DictRow]:
    return uow.rows("SELECT name, spec, problem, looked_at FROM object_drop_directory ORDER BY name")


def delete_directory(uow: UnitOfWork, name: str) -> bool:
    return uow.execute("DELETE FROM object_drop_directory WHERE name = %s", (name,)) > 0


@asked_once
def rules_of_directories(uow: UnitOfWork, bucket: str) -> list[AccessRule]:
    """A declared drop directory is an access rule: its own service may write below its prefix."""
    rows = uow.rows("SELECT name, spec->>'prefix' AS prefix FROM object_drop_directory WHERE bucket = %s", (bucket,))
    return [AccessRule(normal_prefix(row["prefix"]), writers=frozenset({role_of(row["name"])})) for row in rows]


def save_problem(uow: UnitOfWork, name: str, problem: str | None) -> None:
    """What is the matter with the directory itself; None: it was looked into."""
    uow.execute(
        "UPDATE object_drop_directory SET problem = %s, looked_at = %s WHERE name = %s", (problem, uow.now, name)
    )


def known_files(uow: UnitOfWork, name: str) -> dict[str, FileIdentity]:
    """The files that were copied, as they were then."""
    rows = uow.rows(
        "SELECT path, device, inode, size_bytes, changed_ns FROM object_drop_file "
        "WHERE directory = %s AND problem IS NULL",
        (name,),
    )
    return {row.pop("path"): FileIdentity(**row) for row in rows}


def save_copied(uow: UnitOfWork, name: str, path: str, identity: FileIdentity, version: ObjectVersion) -> None:
    uow.execute(
        "INSERT INTO object_drop_file (directory, path, device, inode, size_bytes, changed_ns, sha256, version_id, "
        "noticed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (directory, path) DO UPDATE SET "
        "device = excluded.device, inode = excluded.inode, size_bytes = excluded.size_bytes, "
        "changed_ns = excluded.changed_ns, sha256 = excluded.sha256, version_id = excluded.version_id, "
        "problem = NULL, noticed_at = excluded.noticed_at",
        (
            name,
            path,
            identity.device,
            identity.inode,
            identity.size_bytes,
            identity.changed_ns,
            version.sha256,
            version.id,
            uow.now,
        ),
    )


def save_not_taken(uow: UnitOfWork, name: str, path: str, problem: str) -> bool:
    """Remember why a file was not taken, its path as it is shown. Returns: whether that is news."""
    return (
        uow.execute(
            "INSERT INTO object_drop_file AS f (directory, path, problem, noticed_at) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (directory, path) DO UPDATE SET problem = excluded.problem, noticed_at = excluded.noticed_at "
            "WHERE f.problem IS DISTINCT FROM excluded.problem",
            (name, path, problem, uow.now),
        )
        > 0
    )


def forget_not_taken(uow: UnitOfWork, name: str, path: str) -> None:
    """The problem is over: the file is gone, or can be taken. The path as it was shown."""
    uow.execute("DELETE FROM object_drop_file WHERE directory = %s AND path = %s AND problem IS NOT NULL", (name, path))


def forget_files(uow: UnitOfWork, name: str) -> None:
    uow.execute("DELETE FROM object_drop_file WHERE directory = %s", (name,))


def paths_not_taken(uow: UnitOfWork, name: str) -> dict[str, str]:
    rows = uow.rows("SELECT path, problem FROM object_drop_file WHERE directory = %s AND problem IS NOT NULL", (name,))
    return {row["path"]: row["problem"] for row in rows}


def counts(uow: UnitOfWork, name: str) -> dict[str, int]:
    row = uow.row(
        "SELECT count(*) FILTER (WHERE problem IS NULL) AS copied, count(problem) AS not_taken "
        "FROM object_drop_file WHERE directory = %s",
        (name,),
    )
    return dict(row or {})


def problems(uow: UnitOfWork, name: str) -> list[DropProblem]:
    rows = uow.rows(
        "SELECT path, problem, noticed_at FROM object_drop_file WHERE directory = %s AND problem IS NOT NULL "
        "ORDER BY path LIMIT %s",
        (name, MOST_PROBLEMS_SHOWN),
    )
    return [DropProblem(**row) for row in rows]
