"""What a password must be, how it is kept (argon2id, RFC 9106), and setting one."""

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pergamon.identity.events import PasswordSet
from pergamon.identity.principals import require_person
from pergamon.identity.throttle import forget_failures
from pergamon.identity.tokens import revoke_login_tokens
from pergamon.kernel import Invalid
from pergamon.store import UnitOfWork

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
"""Characters. The upper bound keeps the work of a login what it is meant to be."""


class WeakPassword(Invalid):
    """A password is shorter than twelve characters."""

    code = "identity.weak_password"


class BadPassword(Invalid):
    """A password is longer than 1024 characters, or holds what is not text."""

    code = "identity.bad_password"
    usual_hint = "choose another one"


def set_password(uow: UnitOfWork, principal_id: str, password: str) -> int:
    """Set a person's password, kept as an argon2id hash. Failed logins of this name are forgotten.

    Returns: how many tokens were revoked: those got for the password before. Those that the operator issued stay.
    Raises:
        WeakPassword: shorter than twelve characters.
        BadPassword: longer than 1024 characters, or not text.
        NotFound: no such active person.
    """
    hashed = PasswordHasher().hash(_checked(password))
    require_person(uow, principal_id)
    uow.execute("UPDATE principal SET password_hash = %s WHERE id = %s", (hashed, principal_id))
    revoked = revoke_login_tokens(uow, principal_id)
    forget_failures(uow, principal_id)
    uow.record(PasswordSet(subject=principal_id, logins_revoked=revoked))
    return revoked


def password_fits(password_hash: str | None, password: str) -> bool:
    """Is this the password behind the hash? Without a hash the same work is done, so that time does not tell."""
    try:
        PasswordHasher().verify(password_hash or _hash_of_nobody(), _normal_form(password))
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
    return password_hash is not None


def _checked(password: str) -> str:
    normal = _normal_form(password)
    if len(normal) < SHORTEST_PASSWORD:
        raise WeakPassword("a password has at least twelve characters", hint="a short sentence is easy to remember")
    if len(normal) > LONGEST_PASSWORD:
        raise BadPassword(f"a password has at most {LONGEST_PASSWORD} characters")
    try:
        normal.encode()
    except UnicodeEncodeError:
        raise BadPassword("the password is not text in UTF-8") from None
    return normal


def _normal_form(password: str) -> str:
    """One spelling of the same characters, whatever the keyboard (RFC 8265, section 4.2: NFC)."""
    return unicodedata.normalize("NFC", password)


@cache
def _hash_of_nobody() -> str:
    """A hash that nothing fits and that costs what a fresh one costs: its parameters are the hasher's own."""
    hasher = PasswordHasher()
    parameters = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = "A" * (hasher.salt_len * 8 // 6 + 1), "A" * (hasher.hash_len * 8 // 6 + 1)
    return f"$argon2id$v=19${parameters}${salt}${digest}"
