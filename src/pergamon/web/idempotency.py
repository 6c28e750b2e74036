"""A POST that creates, sent again because its answer was lost, must not create twice: `Idempotency-Key`.

The key, what was asked and what was answered are kept in the very transaction of the work, for a day, for each actor.
The same key with the same request answers what was answered; with another request it is refused (422). Two at once:
the second waits for the first. A request that failed kept nothing, and may be sent again with its key.
Source: draft-ietf-httpapi-idempotency-key-header-07.

    @router.post("/api/v1/things", status_code=201)
    def make(asked: ThingRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> Response:
        return once.answer(rt, actor, lambda uow: room.make_thing(uow, asked.name).as_json(), status=201)
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from psycopg.types.json import Jsonb
from starlette.responses import JSONResponse

from pergamon.kernel import Actor, canonical_bytes, sha256_hex
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork
from pergamon.web.errors import NEVER_STORED, WebError

KEPT = timedelta(hours=24)
SWEPT_AT_ONCE = 1000


class BadIdempotencyKey(WebError):
    """`Idempotency-Key` is not 1 to 255 visible ASCII characters."""

    code, status = "web.bad_idempotency_key", 400


class IdempotencyKeyReused(WebError):
    """`Idempotency-Key` was used for another request already."""

    code, status = "web.idempotency_key_reused", 422


@dataclass(frozen=True)
class Once:
    """The key of a request, if it has one, and what the request asks, as a digest."""

    key: str | None
    fingerprint: str

    def answer(
        self, rt: Runtime, actor: Actor, work: Callable[[UnitOfWork], Any], *, status: int = 201
    ) -> JSONResponse:
        """Do the work in one unit of work and answer with what it returns (JSON); or answer what was answered.

        Raises:
            IdempotencyKeyReused: the key was used for another request.
            Whatever the work raises; then nothing is kept.
        """
        with rt.begin(actor) as uow:
            kept = self.kept(uow)
            if kept is None:
                told = work(uow)
                self.keep(uow, status, told)
                return JSONResponse(told, status_code=status, headers=NEVER_STORED)
        return JSONResponse(
            kept["body"], status_code=kept["status"], headers=NEVER_STORED | {"Idempotency-Replayed": "true"}
        )

    def kept(self, uow: UnitOfWork) -> dict[str, Any] | None:
        """What was answered; None takes the key for this transaction, and whoever comes with it waits.

        Raises:
            IdempotencyKeyReused: the key was used for another request.
        """
        if self.key is None:
            return None
        taken = uow.execute(
            "INSERT INTO web_idempotency AS i (actor, key, fingerprint, created_at) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (actor, key) DO UPDATE SET fingerprint = excluded.fingerprint, "
            "created_at = excluded.created_at, status = NULL, body = NULL WHERE i.created_at < %s",
            (uow.actor.id, self.key, self.fingerprint, uow.now, uow.now - KEPT),
        )
        if taken:
            return None
        row = uow.row(
            "SELECT fingerprint, status, body FROM web_idempotency WHERE actor = %s AND key = %s",
            (uow.actor.id, self.key),
        )
        if row is None or row["fingerprint"] != self.fingerprint:
            raise IdempotencyKeyReused(
                "this Idempotency-Key was used for another request", hint="make a new key for a new request"
            )
        return row

    def keep(self, uow: UnitOfWork, status: int, body: Any) -> None:
        """Remember what is answered, with the work."""
        if self.key is not None:
            uow.execute(
                "UPDATE web_idempotency SET status = %s, body = %s WHERE actor = %s AND key = %s",
                (status, Jsonb(body), uow.actor.id, self.key),
            )


def sweep_idempotency_keys(uow: UnitOfWork) -> int:
    """Forget keys that are older than a day. Returns: how many were forgotten."""
    return uow.execute(
        "WITH old AS (SELECT actor, key FROM web_idempotency WHERE created_at < %s ORDER BY created_at LIMIT %s "
        "FOR UPDATE SKIP LOCKED) DELETE FROM web_idempotency AS kept USING old "
        "WHERE (kept.actor, kept.key) = (old.actor, old.key)",
        (uow.now - KEPT, SWEPT_AT_ONCE),
    )


def once(
    request: Request,
    idempotency_key: Annotated[
        str | None, Header(description="Sent again with the same key, the request is done once.", max_length=255)
    ] = None,
) -> Once:
    """The dependency of a route that creates.

    Raises:
        BadIdempotencyKey: several keys, or one that is not visible ASCII.
    """
    sent = request.headers.getlist("idempotency-key")
    if len(sent) > 1 or (idempotency_key is not None and not re.fullmatch(r"[\x21-\x7e]{1,255}", idempotency_key)):
        raise BadIdempotencyKey("an Idempotency-Key is 1 to 255 visible ASCII characters", hint="send a random UUID")
    asked = [request.method, request.url.path, request.url.query, getattr(request.state, "body_sha256", "")]
    return Once(idempotency_key, sha256_hex(canonical_bytes(asked)))


OnceDep = Annotated[Once, Depends(once)]
