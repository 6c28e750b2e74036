"""Whatever an engine sends to `/iceberg`, it is answered as the specification says, and never with a fault of ours.

Good requests of every kind are taken apart and put together wrongly: values of other types, parts that are missing,
doubled or exchanged, text that is no text, numbers beyond all numbers.
"""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pergamon.runtime import Runtime
from tests.reference.outside_world import Body, OutsideWorld, outside_world

SCHEMA: Body = {
    "type": "struct",
    "schema-id": 0,
    "identifier-field-ids": [],
    "fields": [
        {"id": 1, "name": "patient", "type": "long", "required": False},
        {"id": 2, "name": "pulse", "type": "long", "required": False},
        {"id": 3, "name": "where", "required": False, "type": {
            "type": "struct", "fields": [{"id": 4, "name": "x", "type": "decimal(9,2)", "required": False}]}},
        {"id": 5, "name": "tags", "required": False, "type": {
            "type": "list", "element-id": 6, "element": "string", "element-required": False}},
        {"id": 7, "name": "more", "required": False, "type": {
            "type": "map", "key-id": 8, "key": "string", "value-id": 9, "value": "date", "value-required": False}},
    ],
}  # fmt: skip
SPEC: Body = {
    "spec-id": 1,
    "fields": [{"source-id": 1, "field-id": 1000, "name": "patient_bucket", "transform": "bucket[4]"}],
}
ORDER: Body = {
    "order-id": 1,
    "fields": [{"source-id": 2, "transform": "identity", "direction": "asc", "null-order": "nulls-first"}],
}
STATISTICS: Body = {
    "snapshot-id": 1,
    "statistics-path": "file:///x",
    "file-size-in-bytes": 1,
    "file-footer-size-in-bytes": 1,
    "blob-metadata": [],
}
UPDATES: list[Body] = [
    {"action": "assign-uuid", "uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1"},
    {"action": "upgrade-format-version", "format-version": 2},
    {"action": "add-schema", "schema": SCHEMA, "last-column-id": 9},
    {"action": "set-current-schema", "schema-id": -1},
    {"action": "add-spec", "spec": SPEC},
    {"action": "set-default-spec", "spec-id": -1},
    {"action": "add-sort-order", "sort-order": ORDER},
    {"action": "set-default-sort-order", "sort-order-id": -1},
    {"action": "set-properties", "updates": {"a": "b"}},
    {"action": "remove-properties", "removals": ["a", "c"]},
    {"action": "set-location", "location": "file:///x"},
    {"action": "set-statistics", "statistics": STATISTICS},
    {"action": "remove-statistics", "snapshot-id": 1},
    {"action": "set-partition-statistics", "partition-statistics": STATISTICS},
    {"action": "remove-partition-statistics", "snapshot-id": 1},
    {"action": "add-snapshot", "snapshot": {
        "snapshot-id": 5, "parent-snapshot-id": 4, "sequence-number": 2, "timestamp-ms": 1, "manifest-list": "file:///x",
        "summary": {"operation": "append"}, "schema-id": 0}},
    {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": 5},
    {"action": "remove-snapshots", "snapshot-ids": [1]},
    {"action": "remove-schemas", "schema-ids": [0]},
]  # fmt: skip
REQUIREMENTS: list[Body] = [
    {"type": "assert-create"},
    {"type": "assert-table-uuid", "uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1"},
    {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": None},
    {"type": "assert-last-assigned-field-id", "last-assigned-field-id": 2},
    {"type": "assert-current-schema-id", "current-schema-id": 0},
    {"type": "assert-last-assigned-partition-id", "last-assigned-partition-id": 999},
    {"type": "assert-default-spec-id", "default-spec-id": 0},
    {"type": "assert-default-sort-order-id", "default-sort-order-id": 0},
]
MAKING: Body = {
    "name": "made", "location": None, "schema": SCHEMA, "partition-spec": SPEC, "write-order": ORDER,
    "stage-create": True, "properties": {"a": "b"},
}  # fmt: skip
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 2**200, 1.5, float("nan"), float("inf"), "", "x", "\x00",
    "\ud800", "main", "long", "timestamp_ns", "unknown", "decimal(99,98)", "decimal(1,5)", "fixed[0]", "variant",
    "bucket[0]", "bucket[-1]", "truncate[0]", "void", "a" * 10_000, [], {}, [[]], [{}], {"": ""}, {"type": "struct"},
    {"type": "list"}, {"type": "map"}, {"type": "struct", "fields": [{}]}, "file:///etc/passwd", "../..", "%2e%2e",
]  # fmt: skip
ANSWERED = {200, 204, 400, 403, 404, 406, 409, 413, 422}


@pytest.fixture
def world(rt: Runtime) -> Iterator[OutsideWorld]:
    with outside_world(rt) as world:
        yield world


def spoiled(draw: random.Random, value: Any) -> Any:
    """The same with something wrong, somewhere."""
    inside = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not inside or draw.random() < 0.15:
        return draw.choice(ODD)
    spot, changed = draw.choice(inside), copy.copy(value)
    match draw.randrange(8):
        case 0:
            del changed[spot]
        case 1 if isinstance(changed, list):
            changed.append(changed[spot])
        case 2 if isinstance(changed, dict):
            changed[str(draw.choice(ODD))] = changed.pop(spot)
        case _:
            changed[spot] = spoiled(draw, changed[spot])
    return changed


def commit(draw: random.Random) -> Body:
    if draw.random() < 0.3:
        return {"requirements": [], "updates": [{"action": "set-properties", "updates": {"a": "b"}}]}
    updates = [copy.deepcopy(one) for one in draw.sample(UPDATES, draw.choice([1, 1, 2, 4]))]
    return {"requirements": draw.sample(REQUIREMENTS, draw.choice([0, 0, 1, 2])), "updates": updates}


def asked(draw: random.Random) -> tuple[str, Any]:
    """A path, and what is sent there."""
    tables = "/namespaces/curated_db/tables"
    match draw.randrange(3):
        case 0:
            return tables, MAKING
        case 1:
            return f"{tables}/{draw.choice(['vitals', 'places', 'new'])}", commit(draw)
        case _:
            names = draw.sample(["vitals", "places", "vitals", "new"], draw.randint(1, 2))
            parts = [{"identifier": {"namespace": ["curated_db"], "name": name}, **commit(draw)} for name in names]
            return "/transactions/commit", {"table-changes": parts}


def is_answered(answer: httpx.Response) -> bool:
    """As the specification says: a status that it knows, and an `ErrorModel`."""
    if answer.status_code not in ANSWERED:
        return False
    if answer.status_code < 400:
        return True
    error = answer.json()["error"]
    return error["code"] == answer.status_code and bool(error["message"]) and error["type"].endswith("Exception")


def ask_all(world: OutsideWorld, seed: int, times: int) -> set[int]:
    draw, statuses = random.Random(seed), set()  # noqa: S311 - to be drawn again
    with world.client("owner") as client:
        for _ in range(times):
            path, good = asked(draw)
            body = good
            for _ in range(draw.choice([0, 1, 1, 1, 2, 4])):
                body = spoiled(draw, body)
            sent = json.dumps(body).encode()
            if draw.random() < 0.05:
                sent = sent[: draw.randrange(len(sent) + 1)]
            answer = client.post(path, content=sent, headers={"Content-Type": "application/json"})
            assert is_answered(answer), (answer.status_code, answer.text, path, sent[:3000])
            assert answer.status_code != 409 or path.endswith("/tables"), "a commit never meets a conflict"
            statuses.add(answer.status_code)
    return statuses


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_whatever_comes_is_answered(world: OutsideWorld, seed: int) -> None:
    ask_all(world, seed, times=60)
    assert list(world.rt.settings.logs.glob("incident_*")) == []
    for table in ("curated_db.vitals", "curated_db.places"):
        assert world.metadata(table).current_snapshot() is not None, "the tables are still whole"


@pytest.mark.soak
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_is_answered_for_long(world: OutsideWorld, seed: int) -> None:
    ask_all(world, seed, times=5000)
    assert list(world.rt.settings.logs.glob("incident_*")) == []


def test_the_fuzz_reaches_good_and_bad(world: OutsideWorld) -> None:
    assert {200, 204, 400, 403, 404} <= ask_all(world, seed=7, times=300)


@pytest.mark.parametrize("depth", [70, 300])
def test_a_column_nested_beyond_all_bounds_is_refused(world: OutsideWorld, depth: int) -> None:
    kind: Any = "long"
    for number in range(depth):
        kind = {"type": "list", "element-id": number + 2, "element": kind, "element-required": False}
    schema = {"type": "struct", "fields": [{"id": 1, "name": "a", "type": kind, "required": False}]}
    with world.client("owner") as client:
        answer = client.post("/namespaces/curated_db/tables", json={"name": "made", "schema": schema})
        assert (answer.status_code, is_answered(answer)) == (400, True)
        assert "nested" in answer.json()["message"]


def test_bodies_that_are_no_documents_are_refused(world: OutsideWorld) -> None:
    bodies = [b"", b"[]", b"{", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 10_000, b"null", b"NaN", b"{}"]
    paths = ("/namespaces/curated_db/tables", "/namespaces/curated_db/tables/vitals", "/transactions/commit")
    with world.client("owner") as client:
        for path in paths:
            for body in bodies:
                answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
                assert answer.status_code in (400, 422), (path, body[:20])
                assert is_answered(answer)
            long = client.post(path, content=b" " * (5 * 1024**2), headers={"Content-Type": "application/json"})
            assert (long.status_code, is_answered(long)) == (413, True)
    assert list(world.rt.settings.logs.glob("incident_*")) == []
