"""`Idempotency-Key`: the same request again is answered again and done once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from pergamon.kernel import Conflict
from pergamon.store import UnitOfWork
from pergamon.web import create_app
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.idempotency import OnceDep, sweep_idempotency_keys
from tests.reference.governed_lake import OPERATOR, GovernedLake
from tests.reference.served import bearer, served


class Asked(BaseModel):
    name: str


def make(uow: UnitOfWork, name: str) -> dict[str, Any]:
    """Something that is created, and says how many there are."""
    uow.execute("INSERT INTO made (name) VALUES (%s)", (name,))
    if name == "bad":
        raise Conflict("this one is always refused")
    row = uow.row("SELECT count(*) AS made FROM made")
    return {"name": name, "number": row["made"] if row else 0}


@pytest.fixture
def client(world: GovernedLake) -> Iterator[httpx.Client]:
    with world.rt.begin(OPERATOR) as uow:
        uow.execute("CREATE TABLE made (name text)")
    app: FastAPI = create_app(world.rt)

    @app.post("/made", status_code=201)
    def made(asked: Asked, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> Any:
        return once.answer(rt, actor, lambda uow: make(uow, asked.name))

    with served(app) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


def send(client: httpx.Client, token: str, name: str, key: str | None) -> httpx.Response:
    headers = bearer(token) | ({"Idempotency-Key": key} if key is not None else {})
    return client.post("/made", json={"name": name}, headers=headers)


def test_a_repeated_request_is_answered_again_and_done_once(client: httpx.Client, world: GovernedLake) -> None:
    first = send(client, world.user.token, "a", "key-1")
    again = send(client, world.user.token, "a", "key-1")
    assert (first.status_code, first.json()) == (201, {"name": "a", "number": 1})
    assert (again.status_code, again.json()) == (201, {"name": "a", "number": 1})
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


def test_without_a_key_with_another_key_or_by_another_person_it_is_another_request(
    client: httpx.Client, world: GovernedLake
) -> None:
    keys = [(world.user, None), (world.user, None), (world.user, "k"), (world.user, "l"), (world.admin, "k")]
    numbers = [send(client, person.token, "a", key).json()["number"] for person, key in keys]
    assert numbers == [1, 2, 3, 4, 5]


def test_the_same_key_for_another_request_is_refused(client: httpx.Client, world: GovernedLake) -> None:
    send(client, world.user.token, "a", "key-1")
    other = send(client, world.user.token, "b", "key-1")
    assert (other.status_code, other.json()["code"]) == (422, "web.idempotency_key_reused")


def test_a_request_that_failed_keeps_nothing(client: httpx.Client, world: GovernedLake) -> None:
    for _ in range(2):
        assert send(client, world.user.token, "bad", "key-1").status_code == 409
    assert send(client, world.user.token, "good", "key-1").json()["number"] == 1


def test_ten_at_once_are_done_once(client: httpx.Client, world: GovernedLake) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: send(client, world.user.token, "a", "key-1"), range(10)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, '{"name":"a","number":1}')}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1


@pytest.mark.parametrize("key", ["", "ä", "a b", "x" * 256])
def test_a_key_that_is_none_is_refused(client: httpx.Client, world: GovernedLake, key: str) -> None:
    headers = {b"Authorization": b"Bearer " + world.user.token.encode(), b"Idempotency-Key": key.encode()}
    answer = client.post("/made", json={"name": "a"}, headers=list(headers.items()))
    assert answer.status_code in {400, 422}, answer.text
    assert send(client, world.user.token, "a", "k").json()["number"] == 1


def test_after_a_day_a_key_is_forgotten(client: httpx.Client, world: GovernedLake) -> None:
    for key in ("old", "older", "new"):
        send(client, world.user.token, "a", key)
    with world.rt.begin(OPERATOR) as uow:
        old = (timedelta(hours=25),)
        uow.execute("UPDATE web_idempotency SET created_at = created_at - %s WHERE key <> 'new'", old)
    assert send(client, world.user.token, "b", "old").json()["number"] == 4
    with world.rt.begin(OPERATOR) as uow:
        assert sweep_idempotency_keys(uow) == 1
        assert [row["key"] for row in uow.rows("SELECT key FROM web_idempotency ORDER BY key")] == ["new", "old"]
