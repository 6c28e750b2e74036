"""Who is this? A token or a password against what we keep; every failure answers alike."""

import hmac
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pergamon.identity.principals import principal_actor
from pergamon.identity.tokens import hash_of_secret
from pergamon.kernel import Actor, Decision, Kind, PergamonError
from pergamon.store import UnitOfWork


@cache
def _hash_of_nobody() -> str:
    """For a person who does not exist the same work is done, so that time does not tell."""
    return PasswordHasher().hash("no such person")


class Unauthenticated(PergamonError):
    """The token or password is wrong, expired or revoked; which of these is not said."""

    code, kind = "identity.unauthenticated", Kind.DENIED


def authenticate_token(uow: UnitOfWork, secret: str) -> Actor:
    """The actor of a live token.

    Raises:
        Unauthenticated: unknown, expired or revoked token, or an inactive principal.
    """
    digest = hash_of_secret(secret)
    row = uow.row(
        "SELECT t.secret_hash, t.principal_id FROM token t JOIN principal p ON p.id = t.principal_id AND p.active "
        "WHERE t.secret_hash = %s AND t.revoked_at IS NULL AND t.valid_until > %s",
        (digest, uow.now),
    )
    if row is None or not hmac.compare_digest(bytes(row["secret_hash"]), digest):
        raise Unauthenticated(
            "the token is not valid",
            hint="ask the operator for a new one: `pergamon token issue`",
            decision=_refusal("token:unknown"),
        )
    return principal_actor(uow, row["principal_id"])


def authenticate_password(uow: UnitOfWork, principal_id: str, password: str) -> Actor:
    """The actor of a local account.

    Raises:
        Unauthenticated: unknown person, wrong password, or an inactive account.
    """
    row = uow.row(
        "SELECT password_hash FROM principal WHERE id = %s AND active AND password_hash IS NOT NULL", (principal_id,)
    )
    try:
        PasswordHasher().verify(row["password_hash"] if row else _hash_of_nobody(), password)
    except (VerificationError, InvalidHashError):
        row = None
    if row is None:
        raise Unauthenticated("the name or the password is wrong", decision=_refusal(principal_id))
    return principal_actor(uow, principal_id)


def _refusal(subject: str) -> Decision:
    """What the trail says of a failed sign-in: that somebody tried, never with what."""
    return Decision(False, "identity.authenticate", subject, "not proved")
