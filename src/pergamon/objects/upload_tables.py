"""The SQL of uploads that arrive in pieces."""

from collections.abc import Sequence
from datetime import datetime

from psycopg.types.json import Jsonb

from pergamon.objects.upload_model import Upload
from pergamon.store import UnitOfWork

_LOCK_SPACE = 62
"""Keeps our advisory locks apart from others' in the same database."""


def open_of(uow: UnitOfWork, owner: str) -> tuple[int, int]:
    """How many uploads an owner has open, and how many bytes are still to come. Held until the transaction ends."""
    uow.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", (owner, _LOCK_SPACE))
    row = uow.row(
        "SELECT count(*) AS uploads, coalesce(sum(size_bytes - offset_bytes), 0)::bigint AS bytes "
        "FROM object_upload WHERE owner = %s AND version_id IS NULL AND expires_at > %s",
        (owner, uow.now),
    )
    return (row["uploads"], row["bytes"]) if row else (0, 0)


def announced(uow: UnitOfWork) -> int:
    """The bytes that open uploads have still to send."""
    row = uow.row(
        "SELECT coalesce(sum(size_bytes - offset_bytes), 0)::bigint AS bytes FROM object_upload "
        "WHERE version_id IS NULL AND expires_at > %s",
        (uow.now,),
    )
    return row["bytes"] if row else 0


def insert(uow: UnitOfWork, upload: Upload) -> None:
    uow.execute(
        "INSERT INTO object_upload (id, owner, bucket, key, content_type, tags, if_match, if_none_match, size_bytes, "
        "created_at, expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            upload.id,
            upload.owner,
            upload.bucket,
            upload.key,
            upload.content_type,
            None if upload.tags is None else Jsonb(dict(upload.tags)),
            upload.if_match,
            upload.if_none_match,
            upload.size_bytes,
            upload.created_at,
            upload.expires_at,
        ),
    )


def find(uow: UnitOfWork, upload_id: str, owner: str) -> Upload | None:
    """An upload that its owner has and that has not expired; locked until this transaction ends."""
    row = uow.row(
        "SELECT * FROM object_upload WHERE id = %s AND owner = %s AND expires_at > %s FOR UPDATE",
        (upload_id, owner, uow.now),
    )
    return Upload(**row) if row else None


def save_offset(uow: UnitOfWork, upload_id: str, offset_bytes: int, expires_at: datetime) -> None:
    uow.execute(
        "UPDATE object_upload SET offset_bytes = %s, expires_at = %s WHERE id = %s AND version_id IS NULL",
        (offset_bytes, expires_at, upload_id),
    )


def save_done(uow: UnitOfWork, upload_id: str, version_id: str, expires_at: datetime) -> None:
    uow.execute(
        "UPDATE object_upload SET offset_bytes = size_bytes, version_id = %s, expires_at = %s WHERE id = %s",
        (version_id, expires_at, upload_id),
    )


def delete(uow: UnitOfWork, upload_id: str) -> None:
    uow.execute("DELETE FROM object_upload WHERE id = %s", (upload_id,))


def delete_expired(uow: UnitOfWork, limit: int) -> list[Upload]:
    """Uploads whose time is over; those that somebody just works on are left for later."""
    rows = uow.rows(
        "DELETE FROM object_upload WHERE id = ANY (ARRAY(SELECT id FROM object_upload WHERE expires_at <= %s "
        "ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)) RETURNING *",
        (uow.now, limit),
    )
    return [Upload(**row) for row in rows]


def open_ids(uow: UnitOfWork, ids: Sequence[str]) -> set[str]:
    """Those of these uploads that are still to be sent."""
    rows = uow.rows("SELECT id FROM object_upload WHERE id = ANY (%s) AND version_id IS NULL", (list(ids),))
    return {row["id"] for row in rows}
