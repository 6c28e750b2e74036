"""Bearer tokens: 256 random bits, shown once, kept as a SHA-256 (enough for a secret that cannot be guessed)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from pergamon.identity.events import TokenIssued, TokenRevoked
from pergamon.identity.principals import no_such_principal
from pergamon.kernel import Invalid, NotFound, new_id, new_secret
from pergamon.store import UnitOfWork

LONGEST_LIFE = timedelta(days=366)
LOGIN_LABEL = "login"
"""The label of a token that somebody got for a password."""


@dataclass(frozen=True)
class TokenInfo:
    """A token without its secret."""

    id: str
    principal_id: str
    label: str
    valid_until: datetime
    revoked_at: datetime | None


def issue_token(uow: UnitOfWork, principal_id: str, *, label: str, lifetime: timedelta = timedelta(days=30)) -> str:
    """Issue a token for an active principal.

    Returns: the secret, `pgm_` and 43 characters. It cannot be read again.
    Raises:
        NotFound: no such principal, or it is not active.
        Invalid: the lifetime is not between a second and 366 days.
    """
    if not timedelta(seconds=1) <= lifetime <= LONGEST_LIFE:
        raise Invalid("a token lives between a second and 366 days", hint="ask for fewer days")
    if uow.row("SELECT 1 AS one FROM principal WHERE id = %s AND active", (principal_id,)) is None:
        raise no_such_principal(principal_id)
    secret, token_id, valid_until = f"pgm_{new_secret()}", new_id("tok"), uow.now + lifetime
    uow.execute(
        "INSERT INTO token (id, principal_id, secret_hash, label, created_at, valid_until) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        (token_id, principal_id, hash_of_secret(secret), label, uow.now, valid_until),
    )
    uow.record(TokenIssued(subject=principal_id, token=token_id, valid_until=valid_until.isoformat()))
    return secret


def revoke_token(uow: UnitOfWork, token_id: str) -> None:
    """Refuse a token from now on. Raises NotFound when there is none, or it is revoked already."""
    row = uow.row(
        "UPDATE token SET revoked_at = %s WHERE id = %s AND revoked_at IS NULL RETURNING principal_id",
        (uow.now, token_id),
    )
    if row is None:
        raise NotFound(f"no live token {token_id}", hint="`pergamon token ls` lists them")
    uow.record(TokenRevoked(subject=row["principal_id"], token=token_id))


def log_out(uow: UnitOfWork, secret: str) -> None:
    """Revoke the token that the actor came with. Raises NotFound when that has happened already."""
    row = uow.row("SELECT id FROM token WHERE secret_hash = %s", (hash_of_secret(secret),))
    revoke_token(uow, row["id"] if row else "of this secret")


def revoke_login_tokens(uow: UnitOfWork, principal_id: str) -> int:
    """Revoke what a principal got for a password before, expired or not. Returns how many."""
    rows = uow.rows(
        "SELECT id FROM token WHERE principal_id = %s AND label = %s AND revoked_at IS NULL ORDER BY id FOR UPDATE",
        (principal_id, LOGIN_LABEL),
    )
    for row in rows:
        revoke_token(uow, row["id"])
    return len(rows)


def list_tokens(uow: UnitOfWork, principal_id: str) -> list[TokenInfo]:
    rows = uow.rows(
        "SELECT id, principal_id, label, valid_until, revoked_at FROM token WHERE principal_id = %s ORDER BY id",
        (principal_id,),
    )
    return [TokenInfo(**row) for row in rows]


def hash_of_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
