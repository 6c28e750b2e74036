"""Who waits is woken by what another process commits, and looks often while it cannot hear."""

import time
from collections.abc import Callable

import pytest

from pergamon import objects, pipeline
from pergamon.kernel import Actor, event_class, event_codes
from pergamon.runtime import AWAITED, Runtime
from pergamon.store import Bell, Pace, Store

FOREVER_S = 60.0


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def idle(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> Pace:
    """The pace of somebody for whom nothing has happened for a while."""
    monkeypatch.setattr("pergamon.store.bell.AWAKE_S", -1.0)
    return Pace(bell, busy_s=0.01, idle_s=FOREVER_S)


def test_what_is_awaited_wakes_who_waits_once_it_is_committed(rt: Runtime, operator: Actor) -> None:
    removed = event_class("objects.removed")(subject="object:shelf/a.csv", version="ver_1")  # type: ignore[call-arg]
    bell = Bell()
    with bell.listening(rt.store.conninfo):
        until(lambda: bell.is_heard)
        ear = bell.ear()
        with rt.begin(operator) as uow:
            uow.record(removed)
            assert not ear.wait(0.2), "nothing is committed yet"
        assert ear.wait(20)


def test_what_is_awaited_are_events_that_there_are() -> None:
    assert {objects.__name__, pipeline.__name__}
    assert set(event_codes()) >= AWAITED


def test_a_ring_ends_a_long_rest_and_many_are_one(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bell, store = Bell(), Store(postgres_url)
    pace = idle(bell, monkeypatch)
    with bell.listening(postgres_url):
        until(lambda: bell.is_heard)
        pace.rest()  # the ring of hearing at all
        started = time.monotonic()
        for _ in range(200):
            store.ring()
        pace.rest()
        assert time.monotonic() - started < FOREVER_S / 2
    store.close()


def test_who_cannot_hear_looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = idle(Bell(), monkeypatch)
    started = time.monotonic()
    for _ in range(3):
        pace.rest()
    assert time.monotonic() - started < FOREVER_S / 2


def test_a_bell_that_lost_its_server_is_deaf_and_hears_again(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pergamon.store.bell.LISTEN_AGAIN_AFTER_S", 0.3)
    bell, store = Bell(), Store(postgres_url)
    with bell.listening(postgres_url):
        until(lambda: bell.is_heard)
        with store.transaction() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE 'LISTEN%' AND datname = current_database()"
            )
        until(lambda: not bell.is_heard)
        until(lambda: bell.is_heard)
        ear = bell.ear()
        store.ring()
        assert ear.wait(20)
    store.close()
