"""Logging in by name and password: what is proved, how often one may try, and what the trail says of it."""

import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from argon2 import PasswordHasher

from pergamon import audit, identity
from pergamon.identity import passwords, throttle
from pergamon.identity.login import NOBODY
from pergamon.kernel import Actor, Conflict, Invalid, NotFound, PergamonError
from pergamon.runtime import Runtime

PASSWORD = "correct horse battery"
WRONG = "wrong horse battery 7"


@dataclass
class MovedClock:
    """A clock that a test moves."""

    at: datetime = datetime(2026, 2, 28, 23, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def people(rt: Runtime, operator: Actor, clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """uli and bo have passwords, dora was dropped, noa has none; a service has an account. Argon2 at its cheapest."""
    monkeypatch.setattr(passwords, "PasswordHasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._hash_of_nobody.cache_clear()
    moved = replace(rt, clock=clock)
    with moved.begin(operator) as uow:
        identity.put_role(uow, "data-user", identity.RoleSpec(), {})
        for name in ("uli", "bo", "dora", "noa"):
            spec = identity.PrincipalSpec(kind="person", display_name=name, roles=frozenset({"data-user"}))
            identity.put_principal(uow, f"person:{name}", spec, {})
        identity.put_principal(uow, "service:robot", identity.PrincipalSpec(kind="service", display_name="R"), {})
        for name in ("uli", "bo", "dora"):
            identity.set_password(uow, f"person:{name}", PASSWORD)
        identity.drop_principal(uow, "person:dora")
    return moved


def denials(rt: Runtime) -> list[tuple[str, str]]:
    """Subject and whether it says that too many failed, oldest first."""
    with rt.begin(rt.operator()) as uow:
        entries = audit.read_trail(uow, code="audit.act_denied", limit=1000)
    assert PASSWORD not in str(entries)
    assert WRONG not in str(entries)
    return [(entry.subject, "held" if "too many" in entry.facts else "wrong") for entry in reversed(entries)]


def fail(rt: Runtime, name: str, times: int = 1, **more: str) -> None:
    for _ in range(times):
        with pytest.raises(identity.Unauthenticated):
            rt.log_in(name, WRONG, **more)


def wait_of(rt: Runtime, name: str, password: str = WRONG) -> int:
    with pytest.raises(identity.TooManyAttempts) as held:
        rt.log_in(name, password)
    return held.value.retry_after_s


@pytest.mark.parametrize(
    ("name", "password", "enters"),
    [
        ("uli", PASSWORD, True),
        ("person:uli", PASSWORD, True),
        ("uli", WRONG, False),
        ("uli", "", False),
        ("uli", PASSWORD + " ", False),
        ("uli", PASSWORD.upper(), False),
        ("ULI", PASSWORD, False),
        ("noa", PASSWORD, False),
        ("dora", PASSWORD, False),
        ("nobody", PASSWORD, False),
        ("service:robot", PASSWORD, False),
        ("operator:root", PASSWORD, False),
        (PASSWORD, "uli", False),
        ("uli", "\udcff" * 12, False),
    ],
)
def test_who_enters(people: Runtime, clock: MovedClock, name: str, password: str, enters: bool) -> None:
    if not enters:
        with pytest.raises(identity.Unauthenticated) as refused:
            people.log_in(name, password)
        assert (refused.value.message, refused.value.hint) == ("the name or the password is wrong", None)
        assert "None" not in str(refused.value.decision)
        known = {"uli": "person:uli", "noa": "person:noa", "dora": "person:dora"}
        assert denials(people) == [(known.get(name, NOBODY), "wrong")]
        return
    login = people.log_in(name, password)
    assert (login.person, login.valid_until) == ("person:uli", clock.now() + timedelta(hours=8))
    assert people.authenticate(login.token).id == "person:uli"
    with people.begin(people.operator()) as uow:
        [token] = identity.list_tokens(uow, "person:uli")
        [entry] = audit.read_trail(uow, code="identity.logged_in")
        assert (entry.actor, entry.subject) == ("person:uli", "person:uli")
        assert login.token not in str(audit.read_trail(uow))
    assert (token.label, token.valid_until) == ("login", login.valid_until)
    clock.move(8 * 3600)
    with pytest.raises(identity.Unauthenticated):
        people.authenticate(login.token)


@pytest.mark.parametrize("name", ["uli", "noa", "dora", "nobody", "service:robot"])
def test_after_five_failures_one_waits_and_the_wait_doubles_for_anybody_alike(
    people: Runtime, clock: MovedClock, name: str
) -> None:
    fail(people, name, 5)
    for wait in (30, 60, 120, 240, 480, 900, 900):
        assert wait_of(people, name, PASSWORD) == wait
        clock.move(wait - 0.5)
        assert wait_of(people, name) == 1
        clock.move(0.5)
        fail(people, name)
    assert [what for _, what in denials(people)].count("held") == 7, "one for each wait, not for each try"


def test_a_success_clears_the_failures_of_the_name(people: Runtime, clock: MovedClock) -> None:
    fail(people, "uli", 5)
    clock.move(30)
    people.log_in("uli", PASSWORD)
    fail(people, "uli", 5)
    assert wait_of(people, "uli") == 30


def test_a_success_of_another_name_clears_nothing(people: Runtime) -> None:
    fail(people, "uli", 5)
    people.log_in("bo", PASSWORD)
    assert wait_of(people, "uli") == 30


def test_nobody_is_locked_out_for_ever(people: Runtime, clock: MovedClock) -> None:
    """Whoever stops trying is forgotten; the longest wait ends; and the operator may help at once."""
    fail(people, "uli", 5)
    clock.move(3600)
    fail(people, "uli", 5)
    assert wait_of(people, "uli") == 30
    with people.begin(people.operator()) as uow:
        identity.set_password(uow, "person:uli", PASSWORD)
    people.log_in("uli", PASSWORD)


def test_who_comes_with_an_earlier_login_is_not_kept_out_by_a_stranger(people: Runtime, clock: MovedClock) -> None:
    """The stranger never stops; her token has long expired; she logs in with her password all the same."""
    earlier = people.log_in("uli", PASSWORD).token
    clock.move(9 * 3600)
    fail(people, "uli", 5)
    assert wait_of(people, "uli", PASSWORD) == 30
    again = people.log_in("uli", PASSWORD, previous_token=earlier)
    assert people.authenticate(again.token).id == "person:uli"
    assert wait_of(people, "uli", PASSWORD) == 30, "the stranger waits on"
    fail(people, "uli", 5, previous_token=earlier)
    with pytest.raises(identity.TooManyAttempts):
        people.log_in("uli", PASSWORD, previous_token=earlier)


@pytest.mark.parametrize("whose", ["another person's", "revoked", "made up"])
def test_a_token_that_proves_nothing_opens_no_second_way(people: Runtime, whose: str) -> None:
    token = people.log_in("bo" if whose == "another person's" else "uli", PASSWORD).token
    if whose == "revoked":
        with people.begin(people.operator()) as uow:
            identity.log_out(uow, token)
    fail(people, "uli", 5)
    with pytest.raises(identity.TooManyAttempts):
        people.log_in("uli", PASSWORD, previous_token="pgm_x" if whose == "made up" else token)


def test_all_names_together_are_counted_and_an_earlier_login_is_not_kept_out(
    people: Runtime, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "ALL_NAMES", replace(throttle.ALL_NAMES, free=10))
    earlier = people.log_in("uli", PASSWORD).token
    for number in range(10):
        fail(people, f"nobody-{number}")
    for wait in (1, 2, 4, 8, 16, 30, 30):
        assert wait_of(people, "bo", PASSWORD) == wait
        clock.move(wait)
        fail(people, f"nobody-{wait}-{clock.now()}")
    people.log_in("uli", PASSWORD, previous_token=earlier)
    clock.move(900)
    people.log_in("bo", PASSWORD)


def test_honest_logins_do_not_fill_the_count_of_all_names(people: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "ALL_NAMES", replace(throttle.ALL_NAMES, free=3))
    for _ in range(10):
        people.log_in("uli", PASSWORD)
    fail(people, "bo", 3)
    assert wait_of(people, "noa") == 1


def test_a_success_of_ones_own_does_not_clear_the_count_of_all_names(
    people: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has an account and guesses at the others' cannot begin anew by logging in."""
    monkeypatch.setattr(throttle, "ALL_NAMES", replace(throttle.ALL_NAMES, free=3))
    fail(people, "bo", 2)
    people.log_in("uli", PASSWORD)
    fail(people, "noa")
    assert wait_of(people, "nobody") == 1


def test_many_attempts_at_once_are_as_many_as_one_after_the_other(people: Runtime) -> None:
    """Each is counted before its password is looked at: twenty at once are five looked at."""
    outcomes: list[str] = []
    people.login_turns.waiting, people.login_turns._admitted = 20, threading.Semaphore(30)

    def attempt() -> None:
        try:
            people.log_in("uli", WRONG)
        except PergamonError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes.count("identity.unauthenticated") == 5
    assert outcomes.count("identity.too_many_attempts") == 15


def test_names_are_not_kept_and_made_up_ones_do_not_grow_the_table(people: Runtime) -> None:
    with people.begin(people.operator()) as uow:
        [kept] = uow.rows("SELECT salt FROM login_salt")
        assert len(bytes(kept["salt"])) == 32
    for number in range(8):
        fail(people, f"{WRONG} {number}")
    with people.begin(people.operator()) as uow:
        rows = uow.rows("SELECT * FROM login_attempt")
    assert set(rows[0]) == {"place", "failures", "first_at", "last_at", "refusal_recorded"}
    assert all(-1 <= row["place"] <= 65535 for row in rows)
    assert {subject for subject, _ in denials(people)} == {NOBODY}


def test_the_same_work_is_done_for_anybody(people: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """No stopwatch: each attempt compares exactly once, with a hash of the same cost."""
    compared: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            compared.append(str(hash).rpartition("$")[0].rpartition("$")[0])
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "PasswordHasher", lambda: Watched(time_cost=1, memory_cost=8, parallelism=1))
    for name in ("uli", "noa", "dora", "nobody", "service:robot"):
        fail(people, name)
    people.log_in("uli", PASSWORD)
    assert len(compared) == 6
    assert len(set(compared)) == 1


def test_the_hash_of_nobody_costs_what_a_real_one_costs_and_nothing_fits_it() -> None:
    passwords._hash_of_nobody.cache_clear()
    nobody = passwords._hash_of_nobody()
    assert not PasswordHasher().check_needs_rehash(nobody)
    real = PasswordHasher().hash(PASSWORD)
    assert [len(part) for part in nobody.split("$")] == [len(part) for part in real.split("$")]
    assert not passwords.password_fits(None, PASSWORD)
    assert passwords.password_fits(real, PASSWORD)


def test_a_password_that_is_changed_while_it_is_compared_lets_nobody_in(
    people: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = passwords.password_fits

    def meanwhile(password_hash: str | None, password: str) -> bool:
        with people.begin(people.operator()) as uow:
            identity.set_password(uow, "person:uli", "another long password")
        return compare(password_hash, password)

    monkeypatch.setattr("pergamon.identity.login.password_fits", meanwhile)
    with pytest.raises(identity.Unauthenticated):
        people.log_in("uli", PASSWORD)
    with people.begin(people.operator()) as uow:
        assert identity.list_tokens(uow, "person:uli") == []


def test_setting_a_password_ends_the_logins_before_it_and_nothing_else(people: Runtime) -> None:
    logins = [people.log_in("uli", PASSWORD).token for _ in range(2)]
    of_another = people.log_in("bo", PASSWORD).token
    with people.begin(people.operator()) as uow:
        issued = identity.issue_token(uow, "person:uli", label="a program")
        assert identity.set_password(uow, "person:uli", "another long password") == 2
    with people.begin(people.operator()) as uow:
        assert [e.subject for e in audit.read_trail(uow, code="identity.token_revoked")] == ["person:uli"] * 2
    for token in logins:
        with pytest.raises(identity.Unauthenticated):
            people.authenticate(token)
    assert people.authenticate(issued).id == "person:uli"
    assert people.authenticate(of_another).id == "person:bo"
    fail(people, "uli")
    with pytest.raises(identity.Unauthenticated):
        people.log_in("uli", PASSWORD)
    people.log_in("uli", "another long password")


def test_the_same_letters_are_the_same_password_on_every_keyboard(people: Runtime) -> None:
    with people.begin(people.operator()) as uow:
        identity.set_password(uow, "person:uli", "scho\u0308ne gru\u0308ne Wiese")
    people.log_in("uli", "sch\u00f6ne gr\u00fcne Wiese")


@pytest.mark.parametrize(
    ("principal", "password", "error"),
    [
        ("person:uli", "eleven char", identity.WeakPassword),
        ("person:uli", "x" * 1025, identity.BadPassword),
        ("person:uli", "\ud800" * 20, identity.BadPassword),
        ("person:nobody", PASSWORD, NotFound),
        ("person:dora", PASSWORD, NotFound),
        ("service:robot", PASSWORD, NotFound),
    ],
)
def test_what_cannot_be_set_is_refused_and_not_repeated(
    people: Runtime, principal: str, password: str, error: type[PergamonError]
) -> None:
    with pytest.raises(error) as refused, people.begin(people.operator()) as uow:
        identity.set_password(uow, principal, password)
    assert password not in str(refused.value)
    assert not isinstance(refused.value, Conflict)
    assert isinstance(refused.value, Invalid | NotFound)


def test_only_so_many_passwords_are_compared_at_once() -> None:
    turns = identity.LoginTurns(at_once=1, waiting=1, longest_wait_s=0.05)
    entered = threading.Event()

    def take() -> None:
        with turns.one():
            entered.set()

    waits = threading.Thread(target=take)
    with turns.one():
        with pytest.raises(identity.LoginBusy):  # no turn came in time
            take()
        turns.longest_wait_s = 30
        waits.start()
        while turns._admitted.acquire(blocking=False):
            turns._admitted.release()
            time.sleep(0.01)
        with pytest.raises(identity.LoginBusy):  # refused at once: another one waits already
            take()
        assert not entered.is_set()
    waits.join(30)
    assert entered.is_set()
