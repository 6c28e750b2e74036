"""Statements through the API: submitted, waited for, fetched in pages and as files; and who gets what, until when."""

import csv
import io
import stat
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pergamon import identity, lake, query
from pergamon.kernel import FixedClock
from pergamon.runtime import open_runtime
from pergamon.web import create_app
from tests.reference.governed_lake import OPERATOR, GovernedLake, Person
from tests.reference.served import bearer, served

SLOW = "SELECT count(*) AS n FROM range(100000000) a(i), range(100000) b(j) WHERE i * j % 7 = 3"
"""Longer than the workgroup lets anything run."""


@pytest.fixture
def client(world: GovernedLake) -> Iterator[httpx.Client]:
    with served(create_app(world.rt)) as address, httpx.Client(base_url=address, timeout=30) as found:
        yield found


def submit(client: httpx.Client, person: Person, sql: str, **more: str) -> str:
    answer = client.post("/api/v1/statements", json={"sql": sql, **more}, headers=bearer(person.token))
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "queued"
    return str(answer.json()["id"])


def state_of(client: httpx.Client, person: Person, query_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/v1/statements/{query_id}", headers=bearer(person.token)).json()
    return found


def ended(client: httpx.Client, person: Person, query_id: str) -> dict[str, Any]:
    return until(client, person, query_id, {"done", "failed", "cancelled", "abandoned"})


def until(client: httpx.Client, person: Person, query_id: str, states: set[str]) -> dict[str, Any]:
    for _ in range(1200):
        found = state_of(client, person, query_id)
        if found["status"] in states:
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def results(client: httpx.Client, person: Person, query_id: str, **params: Any) -> httpx.Response:
    return client.get(f"/api/v1/statements/{query_id}/results", params=params, headers=bearer(person.token))


def events_of(world: GovernedLake, query_id: str) -> list[str]:
    with world.rt.begin(OPERATOR) as uow:
        rows = uow.rows("SELECT code FROM audit_event WHERE subject = %s ORDER BY at, id", (f"query:{query_id}",))
    return [row["code"] for row in rows]


def test_rows_are_fetched_in_pages_and_as_files_by_who_submitted(client: httpx.Client, world: GovernedLake) -> None:
    query_id = submit(client, world.user, "SELECT patient, pulse FROM curated_db.vitals ORDER BY patient LIMIT 1500")
    told = ended(client, world.user, query_id)
    assert (told["status"], told["rows"], told["tables"]) == ("done", 1500, ["curated_db.vitals"]), told
    rows, after = [], None
    while True:
        page = results(client, world.user, query_id, limit=700, **({"after": after} if after else {})).json()
        assert page["row_count"] == 1500
        rows += page["rows"]
        after = page["next"]
        if after is None:
            break
    assert [row[0] for row in rows] == list(range(1500))
    arrow = results(client, world.user, query_id, format="arrow")
    table = pa.ipc.open_stream(arrow.content).read_all()
    assert table.column("patient").to_pylist() == list(range(1500))
    headers = bearer(world.user.token) | {"Accept": "application/vnd.apache.parquet"}
    parquet = client.get(f"/api/v1/statements/{query_id}/results", headers=headers)
    assert parquet.headers["content-type"] == "application/vnd.apache.parquet"
    assert pq.read_table(pa.BufferReader(parquet.content)).equals(table)
    text = results(client, world.user, query_id, format="csv").text
    assert list(csv.reader(io.StringIO(text)))[:2] == [["patient", "pulse"], ["0", "60"]]
    (kept,) = (world.rt.settings.home / "results").glob("*/*")
    assert kept.relative_to(world.rt.settings.home).as_posix() == f"results/default/{query_id}.parquet"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    recorded = events_of(world, query_id)
    assert recorded[:3] == ["query.queued", "query.started", "query.ran"]
    assert recorded[3:] == ["query.result_read"] * 6
    for other in (world.admin, world.stranger):
        assert results(client, other, query_id).status_code == 404
        assert client.get(f"/api/v1/statements/{query_id}", headers=bearer(other.token)).status_code == 404
        cancelled = client.post(f"/api/v1/statements/{query_id}/cancel", headers=bearer(other.token))
        assert cancelled.status_code == 404
