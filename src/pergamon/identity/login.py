"""Logging in with a name and a password, for a token of eight hours; and logging out.

Three steps, so that no transaction is open while argon2 works: count the attempt; compare, a few at a time; issue the
token, if the account is still what it was. Whoever fails is told nothing but that: not whether there is such a person.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pergamon.identity.authenticate import Unauthenticated, refusal
from pergamon.identity.events import LoggedIn
from pergamon.identity.passwords import password_fits
from pergamon.identity.principals import person_id
from pergamon.identity.throttle import Hold, Lane, count_attempt, count_success, lanes_of
from pergamon.identity.tokens import LOGIN_LABEL, issue_token
from pergamon.kernel import Actor, ActorKind, Kind, PergamonError
from pergamon.store import UnitOfWork

LOGIN_LIFE = timedelta(hours=8)
NOBODY = "person:unknown"
"""What the trail says instead of a name that is nobody's: people type passwords into name fields."""

Begin = Callable[[Actor], AbstractContextManager[UnitOfWork]]


class TooManyAttempts(PergamonError):
    """Too many logins of this name failed, or of all names together; a later attempt is looked at again."""

    code, kind = "identity.too_many_attempts", Kind.UNAVAILABLE

    def __init__(self, hold: Hold, subject: str) -> None:
        super().__init__(
            "too many logins have failed",
            hint=f"try again in {hold.wait_s} s; a token of the operator works all the while",
            decision=refusal(subject, "too many attempts") if hold.first_told else None,
        )
        self.retry_after_s = hold.wait_s


class LoginBusy(PergamonError):
    """As many passwords are being compared as this host takes."""

    code, kind = "identity.login_busy", Kind.UNAVAILABLE
    retry_after_s = 5


@dataclass(frozen=True)
class Login:
    """A login that succeeded. `token` is shown once."""

    person: str
    token: str
    valid_until: datetime


@dataclass
class LoginTurns:
    """How many passwords are compared at once in this process, and how many wait: each takes 64 MiB and a core."""

    at_once: int = 2
    waiting: int = 8
    longest_wait_s: float = 5.0
    _admitted: threading.Semaphore = field(init=False, repr=False)
    _working: threading.Semaphore = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._admitted = threading.Semaphore(self.at_once + self.waiting)
        self._working = threading.Semaphore(self.at_once)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a turn while the block runs.

        Raises:
            LoginBusy: too many wait already, or no turn came in time.
        """
        busy = LoginBusy("too many people are logging in", hint="try again in a moment")
        if not self._admitted.acquire(blocking=False):
            raise busy
        try:
            if not self._working.acquire(timeout=self.longest_wait_s):
                raise busy
            try:
                yield
            finally:
                self._working.release()
        finally:
            self._admitted.release()


@dataclass(frozen=True)
class _Account:
    id: str
    subject: str
    password_hash: str | None


def log_in(
    begin: Begin, turns: LoginTurns, service: Actor, name: str, password: str, *, previous_token: str | None = None
) -> Login:
    """Prove a person by a password and issue a token of eight hours. Owns its transactions, as a query does.

    name: `ada` or `person:ada`. previous_token: one of an earlier login, so that others' failures do not count.
    Raises:
        Unauthenticated: no such person, no password, a wrong one, or an inactive account; which is not said.
        TooManyAttempts: after failures, until its `retry_after_s` has passed.
        LoginBusy: the host compares as many passwords as it takes.
    """
    with turns.one():
        with begin(service) as uow:
            account = _account(uow, person_id(name))
            lanes = lanes_of(uow, account.id, previous_token)
            hold = count_attempt(uow, lanes)
        if hold is not None:
            with begin(service):
                raise TooManyAttempts(hold, account.subject)
        fits = password_fits(account.password_hash, password)
    login = None
    if fits:
        with begin(Actor(account.id, ActorKind.PERSON)) as uow:
            login = _let_in(uow, account, lanes)
    if login is None:
        with begin(service):
            raise Unauthenticated("the name or the password is wrong", decision=refusal(account.subject))
    return login


def _account(uow: UnitOfWork, principal_id: str) -> _Account:
    row = uow.row("SELECT active, password_hash FROM principal WHERE id = %s AND kind = 'person'", (principal_id,))
    if row is None:
        return _Account(principal_id, NOBODY, None)
    return _Account(principal_id, principal_id, row["password_hash"] if row["active"] else None)


def _let_in(uow: UnitOfWork, account: _Account, lanes: Sequence[Lane]) -> Login | None:
    """Issue the token; None when the account was changed while its password was compared."""
    unchanged = uow.row(
        "SELECT 1 AS one FROM principal WHERE id = %s AND active AND password_hash = %s FOR SHARE",
        (account.id, account.password_hash),
    )
    if unchanged is None:
        return None
    count_success(uow, lanes)
    uow.record(LoggedIn(subject=account.id))
    token = issue_token(uow, account.id, label=LOGIN_LABEL, lifetime=LOGIN_LIFE)
    return Login(account.id, token, uow.now + LOGIN_LIFE)
