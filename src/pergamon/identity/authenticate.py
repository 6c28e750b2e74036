"""Who is this? A token against what we keep; every failure answers alike. Passwords: `login.py`."""

import hmac

from pergamon.identity.principals import principal_actor
from pergamon.identity.tokens import hash_of_secret
from pergamon.kernel import Actor, Decision, Kind, PergamonError
from pergamon.store import UnitOfWork


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
            hint="log in anew with `pergamon login`, or ask the operator: `pergamon token issue`",
            decision=refusal("token:unknown"),
        )
    return principal_actor(uow, row["principal_id"])


def refusal(subject: str, reason: str = "not proved") -> Decision:
    """What the trail says of a failed login or token: that somebody tried, never with what."""
    return Decision(False, "identity.authenticate", subject, reason)
