"""How often may a password be tried? Five times, then after ever longer waits; all names together more often.

An attempt is counted as failed before the password is looked at, so that many at once are not many for one. Counts
stand under a keyed hash of the name in one of 65,536 places, whether the name is anybody's or not. Nobody is kept out
for ever: a wait has an end, a count begins anew, and who comes with a token of an earlier login is counted apart.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from pergamon.identity.tokens import hash_of_secret
from pergamon.store import UnitOfWork

EVERYBODY = -1
"""The place where all names are counted together."""
MOST_COUNTED = 1000


@dataclass(frozen=True)
class Throttle:
    """`free` failures cost nothing; then a wait that doubles with each. The count begins anew after `window_s`."""

    free: int
    first_wait_s: int
    longest_wait_s: int
    window_s: int

    def wait_after(self, failures: int) -> timedelta:
        """How long after a failure, the last of so many, the next attempt is refused."""
        if failures < self.free:
            return timedelta(0)
        doubled = self.first_wait_s * 2 ** min(failures - self.free, 20)
        return timedelta(seconds=min(doubled, self.longest_wait_s))

    def wait_left(self, failures: int, first_at: datetime, last_at: datetime, now: datetime) -> timedelta:
        """How long the next attempt is refused from now on. A clock that was set back makes no wait longer."""
        wait = timedelta(0) if self.is_over(first_at, now) else self.wait_after(failures)
        return max(min(last_at + wait - now, wait), timedelta(0))

    def is_over(self, first_at: datetime, now: datetime) -> bool:
        """Has the window of this count ended?"""
        return now - first_at >= timedelta(seconds=self.window_s)


ONE_NAME = Throttle(free=5, first_wait_s=30, longest_wait_s=900, window_s=3600)
ALL_NAMES = Throttle(free=100, first_wait_s=1, longest_wait_s=30, window_s=900)

Lane = tuple[int, Throttle]
"""Where an attempt is counted, and by which rule."""


@dataclass(frozen=True)
class Hold:
    """The next attempt must wait. `first_told`: the first that is refused in this wait."""

    wait_s: int
    first_told: bool


def lanes_of(uow: UnitOfWork, principal_id: str, previous_token: str | None) -> Sequence[Lane]:
    """Where an attempt counts: with the name and with all names; or alone with a token this person logged in by before.

    Such a token may have expired, not been revoked. So a stranger who keeps the name waiting does not keep her out.
    """
    token = previous_token and uow.row(
        "SELECT id FROM token WHERE secret_hash = %s AND principal_id = %s AND revoked_at IS NULL",
        (hash_of_secret(previous_token), principal_id),
    )
    if token:
        return [(_place(uow, f"token:{token['id']}"), ONE_NAME)]
    return [(_place(uow, principal_id), ONE_NAME), (EVERYBODY, ALL_NAMES)]


def count_attempt(uow: UnitOfWork, lanes: Sequence[Lane]) -> Hold | None:
    """Count an attempt as failed, or say that it must wait; what must wait is not counted.

    `count_success` takes it back.
    """
    holds = [hold for place, throttle in lanes if (hold := _hold_at(uow, place, throttle)) is not None]
    if holds:
        return Hold(max(hold.wait_s for hold in holds), first_told=any(hold.first_told for hold in holds))
    for place, throttle in lanes:
        uow.execute(
            "UPDATE login_attempt SET failures = CASE WHEN first_at <= %(over)s THEN 1 "
            "ELSE least(failures + 1, %(most)s) END, first_at = CASE WHEN first_at <= %(over)s OR failures = 0 "
            "THEN %(now)s ELSE first_at END, last_at = %(now)s, refusal_recorded = false WHERE place = %(place)s",
            {
                "over": uow.now - timedelta(seconds=throttle.window_s),
                "most": MOST_COUNTED,
                "now": uow.now,
                "place": place,
            },
        )
    return None


def count_success(uow: UnitOfWork, lanes: Sequence[Lane]) -> None:
    """Forget the failures of the name; of the count of all names only this one attempt is taken back."""
    for place, _ in lanes:
        if place == EVERYBODY:
            uow.execute("UPDATE login_attempt SET failures = greatest(failures - 1, 0) WHERE place = %s", (place,))
        else:
            uow.execute("DELETE FROM login_attempt WHERE place = %s", (place,))


def forget_failures(uow: UnitOfWork, principal_id: str) -> None:
    """Let this name try afresh."""
    uow.execute("DELETE FROM login_attempt WHERE place = %s", (_place(uow, principal_id),))


def _hold_at(uow: UnitOfWork, place: int, throttle: Throttle) -> Hold | None:
    """The hold of one place, which stays locked until the unit of work ends."""
    uow.execute(
        "INSERT INTO login_attempt (place, failures, first_at, last_at) VALUES (%s, 0, %s, %s) ON CONFLICT DO NOTHING",
        (place, uow.now, uow.now),
    )
    row = uow.row("SELECT * FROM login_attempt WHERE place = %s FOR UPDATE", (place,))
    if row is None:  # a success of this name ended between the two: it is counted afresh
        return _hold_at(uow, place, throttle)
    left = throttle.wait_left(row["failures"], row["first_at"], row["last_at"], uow.now)
    if not left:
        return None
    uow.execute("UPDATE login_attempt SET refusal_recorded = true WHERE place = %s", (place,))
    return Hold(ceil(left.total_seconds()), first_told=not row["refusal_recorded"])


def _place(uow: UnitOfWork, key: str) -> int:
    row = uow.row("SELECT salt FROM login_salt")
    salt = bytes(row["salt"]) if row else b""
    return int.from_bytes(hmac.digest(salt, key.encode(), "sha256")[:2])
