"""Statements through the API: submitted, waited for, fetched in pages and as files; and who gets what, until when."""

import csv
import io
import os
import random
import stat
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pergamon import catalog, lake, query
from pergamon.kernel import FixedClock
from pergamon.runtime import open_runtime
from pergamon.web import create_app
from tests.reference.governed_lake import OPERATOR, GovernedLake, Person, append
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


def test_what_is_refused_is_refused_at_once_and_what_goes_wrong_is_told(
    client: httpx.Client, world: GovernedLake
) -> None:
    for sql, code in (
        ("SELECT * FROM raw_db.patients", "query.no_such_table"),
        ("DROP TABLE raw_db.patients", "query.refused"),
        ("SELECT FROM WHERE", "query.syntax_error"),
    ):
        answer = client.post("/api/v1/statements", json={"sql": sql}, headers=bearer(world.user.token))
        assert answer.json()["code"] == code, sql
    failed = ended(client, world.user, submit(client, world.user, "SELECT puls FROM curated_db.vitals"))
    assert (failed["status"], failed["error_code"]) == ("failed", "query.invalid")
    assert (failed["error_message"], failed["error_hint"]) == ("no such column: puls", "did you mean pulse")
    assert results(client, world.user, failed["id"]).json()["code"] == "query.no_result"
    unfit = ended(client, world.user, submit(client, world.user, "SELECT INTERVAL 1 MONTH AS i"))
    assert unfit["error_code"] == "query.type_error"
    waited = client.post("/api/v1/query", json={"sql": "SELECT 1"}, headers=bearer(world.user.token)).json()["query_id"]
    assert results(client, world.user, waited).json()["code"] == "query.no_result", "who waited has the rows"
    for query_id in ("no-such", "a%00b", "x" * 100):
        assert results(client, world.user, query_id).status_code == 404
    with world.rt.begin(OPERATOR) as uow:
        limits = query.QueryLimits(max_scanned_mb=1)
        small = query.WorkgroupSpec(users=frozenset({"data-user"}), limits=limits)
        query.put_workgroup(uow, "small", small, {})
    counting = "SELECT count(*) FROM curated_db.vitals"
    within = submit(client, world.user, counting, workgroup="small")
    assert ended(client, world.user, within)["status"] == "done"
    numbers = pa.array(random.Random(1).sample(range(2**60), 150_000), pa.int64())  # noqa: S311 - cannot be compressed
    append(world.rt, "curated_db.vitals", pa.table({"patient": numbers, "pulse": numbers}))
    beyond = ended(client, world.user, submit(client, world.user, counting, workgroup="small"))
    assert (beyond["status"], beyond["error_code"]) == ("failed", "query.scans_too_much")
    refused = client.post(
        "/api/v1/query", json={"sql": counting, "workgroup": "small"}, headers=bearer(world.user.token)
    )
    assert (refused.status_code, refused.json()["code"]) == (400, "query.scans_too_much")


def test_a_statement_that_waits_or_runs_is_cancelled_and_the_queue_is_bounded(
    client: httpx.Client, world: GovernedLake
) -> None:
    spec = query.WorkgroupSpec(
        users=frozenset({"data-user", "data-admin"}),
        limits=query.QueryLimits(timeout_s=60),
        concurrency=1,
        max_queued=3,
        max_queued_per_person=2,
    )
    with world.rt.begin(OPERATOR) as uow:
        query.put_workgroup(uow, "default", spec, {})
    running = submit(client, world.user, SLOW)
    until(client, world.user, running, {"running"})
    waiting = [submit(client, world.user, f"SELECT {n}") for n in range(2)]
    full = client.post("/api/v1/statements", json={"sql": "SELECT 1"}, headers=bearer(world.user.token))
    assert (full.status_code, full.json()["code"]) == (503, "query.queue_full")
    of_another = submit(client, world.admin, "SELECT 1")
    full = client.post("/api/v1/statements", json={"sql": "SELECT 1"}, headers=bearer(world.admin.token))
    assert full.json()["message"] == "3 statements wait in default already"
    for query_id in (waiting[0], running):
        answer = client.post(f"/api/v1/statements/{query_id}/cancel", headers=bearer(world.user.token))
        assert answer.status_code == 202, answer.text
    assert state_of(client, world.user, waiting[0])["status"] == "cancelled", "at once"
    began = time.monotonic()
    assert ended(client, world.user, running)["error_code"] == "query.cancelled"
    assert time.monotonic() - began < 5
    assert events_of(world, running)[-1] == "query.cancelled"
    assert ended(client, world.user, waiting[1])["status"] == "done"
    assert ended(client, world.admin, of_another)["status"] == "done"
    again = client.post(f"/api/v1/statements/{running}/cancel", headers=bearer(world.user.token))
    assert again.json()["code"] == "query.not_running"


def test_rows_end_by_the_clock_and_with_the_rights_they_rest_on(client: httpx.Client, world: GovernedLake) -> None:
    query_id = submit(client, world.user, "SELECT * FROM curated_db.vitals LIMIT 1")
    until_when = ended(client, world.user, query_id)["result_until"]
    rules, area = (lake.AccessRuleSpec(prefix="data", ReadRoles=("data-admin",)),), world.rt.result_area
    with world.rt.begin(OPERATOR) as uow:
        before = lake.read_buckets(uow)["curated"]
        lake.put_bucket(uow, "curated", lake.BucketSpec(access_rules=rules))
    refused = results(client, world.user, query_id)
    assert (refused.status_code, refused.json()["code"]) == (403, "query.result_withdrawn")
    assert results(client, world.user, query_id, format="csv").json()["code"] == "query.result_withdrawn"
    with world.rt.begin(OPERATOR) as uow:
        denied = uow.row("SELECT subject FROM audit_event WHERE code = 'audit.act_denied' ORDER BY at DESC, id DESC")
        lake.put_bucket(uow, "curated", before)
    assert denied is not None
    assert denied["subject"] == "table:curated_db.vitals"
    assert results(client, world.user, query_id).status_code == 200
    path = area.path("default", query_id)
    end = datetime.fromisoformat(until_when)
    for at, code in ((end - timedelta(seconds=1), None), (end, "query.result_expired")):
        with open_runtime(world.rt.settings, clock=FixedClock(at)) as later:
            begin = partial(later.begin, world.user.actor)
            if code is None:
                assert query.read_page(begin, later.query_catalog, area, query_id, first_row=0, limit=9).total == 1
                later.expire()
                assert path.exists()
            else:
                with pytest.raises(query.ResultExpired):
                    query.read_page(begin, later.query_catalog, area, query_id, first_row=0, limit=9)
                assert path.exists(), "nobody has swept"
                later.expire()
                assert not path.exists()
    assert events_of(world, query_id)[-1] == "query.result_expired"


def test_a_file_of_which_no_statement_speaks_is_removed_when_it_is_old(world: GovernedLake) -> None:
    area = world.rt.result_area
    for name, age_s in (("old", 4 * 3600), ("new", 60)):
        kept = area.keep("default", name, pa.table({"a": [1]}))
        os.utime(kept.path, (time.time() - age_s,) * 2)
    world.rt.expire()
    assert [path.name for path in area.root.glob("*/*")] == ["new.parquet"]


def test_saved_queries_are_texts_of_ones_own_or_shared_with_a_project(
    client: httpx.Client, world: GovernedLake
) -> None:
    with world.rt.begin(OPERATOR) as uow:
        catalog.put_domain(uow, "d", catalog.DomainSpec(units={"clinic": catalog.UnitSpec()}), {})
        members = {"owner": ["person:ada"], "consumer": ["person:bea"]}
        spec = catalog.ProjectSpec.model_validate({"unit": "clinic", "members": members})
        catalog.put_project(uow, "heart", spec, {})
    ada, bea, cyd = (bearer(person.token) for person in (world.user, world.admin, world.stranger))
    saved = "/api/v1/saved-queries"
    for name, project in (("mine", None), ("ours", "heart")):
        body = {"sql": "SELECT count(*) AS n FROM curated_db.vitals", "project": project}
        assert client.put(f"{saved}/{name}", json=body, headers=ada).status_code == 200
    refused = client.put(f"{saved}/x", json={"sql": "SELECT 1", "project": "heart"}, headers=cyd)
    assert refused.json()["code"] == "catalog.unknown_project"

    def listed(headers: dict[str, str]) -> list[str]:
        page = client.get(saved, params={"limit": 1}, headers=headers).json()
        names = [one["name"] for one in page["saved_queries"]]
        while page["next"]:
            page = client.get(saved, params={"limit": 1, "after": page["next"]}, headers=headers).json()
            names += [one["name"] for one in page["saved_queries"]]
        return names

    assert (listed(ada), listed(bea), listed(cyd)) == (["mine", "ours"], ["ours"], [])
    assert client.get(f"{saved}/ours?owner=person:ada", headers=bea).json()["sql"].startswith("SELECT count")
    for headers, path in ((bea, "mine?owner=person:ada"), (cyd, "ours?owner=person:ada"), (bea, "ours")):
        assert client.get(f"{saved}/{path}", headers=headers).json()["code"] == "query.no_such_saved_query"
    assert client.delete(f"{saved}/ours", headers=bea).status_code == 404, "it is not hers"
    assert client.delete(f"{saved}/ours", headers=ada).status_code == 200
    assert (listed(ada), listed(bea)) == (["mine"], [])
