"""What the endpoint answers, to whom, and what it refuses: asked by hand over the wire."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.io.pyarrow import parquet_file_to_data_file

from pergamon import lake
from pergamon.catalog_endpoint import RunningEndpoint
from pergamon.catalog_endpoint.answers import STATUS
from pergamon.kernel import Kind

from .conftest import COLUMNS, Lake, Wire

Body = dict[str, Any]


@pytest.fixture
def http(endpoint: RunningEndpoint, token: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=endpoint.uri, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


@pytest.fixture
def captured(world: Lake, iceberg: RestCatalog, wire: Wire, http: httpx.Client) -> tuple[lake.Lease, Body]:
    """An open lease and a good commit under it, which was written but never arrived."""
    lease = world.open()
    bodies: list[Body] = []
    wire.lose_request = True
    session = iceberg._session
    real_post = session.post

    def post(url: str, **values: Any) -> Any:
        bodies.append(json.loads(values["data"]))
        return real_post(url, **values)

    session.post = post  # type: ignore[method-assign]
    rows = pa.table({"id": [1], "region": ["r"], "name": ["n"]}, schema=COLUMNS)
    with pytest.raises(Exception, match=r".+"):
        iceberg.load_table(lease.alias).append(rows)
    wire.lose_request = False
    assert world.history() == []
    return lease, bodies[0]


def commit(http: httpx.Client, lease: lake.Lease, body: Body) -> int:
    return http.post(f"/v1/namespaces/{lease.id}/tables/{lease.table.name}", json=body).status_code


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic {token}", "bearer {token}", "{token}"])
def test_nothing_is_answered_without_the_token(endpoint: RunningEndpoint, token: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.format(token=token)}
    for path in ("/v1/config", "/v1/namespaces", "/docs", "/openapi.json", "/nothing", "/"):
        assert httpx.get(endpoint.uri + path, headers=headers).status_code == 401


def test_the_configuration_names_every_call_there_is(http: httpx.Client) -> None:
    answer = http.get("/v1/config", params={"warehouse": "any"}).json()
    assert "POST /v1/{prefix}/transactions/commit" in answer["endpoints"]
    assert not [call for call in answer["endpoints"] if call.startswith("DELETE")]


def test_namespaces_tables_and_views_are_listed(world: Lake, http: httpx.Client) -> None:
    lease = world.open()
    assert http.get("/v1/namespaces").json() == {"namespaces": [["curated_db"], ["raw_db"]]}
    assert http.get("/v1/namespaces/raw_db").json()["namespace"] == ["raw_db"]
    assert http.get(f"/v1/namespaces/{lease.id}").status_code == 200
    assert http.get("/v1/namespaces/none").status_code == 404
    assert http.get("/v1/namespaces/raw_db/tables").json() == {
        "identifiers": [{"namespace": ["raw_db"], "name": "patients"}]
    }
    assert http.get("/v1/namespaces/raw_db/views").json() == {"identifiers": []}
    assert http.get("/v1/namespaces/raw_db/views/v").status_code == 404
    assert http.head("/v1/namespaces/raw_db/tables/patients").status_code == 200
    assert http.head("/v1/namespaces/raw_db/tables/none").status_code == 404
    assert http.post("/v1/namespaces/raw_db/tables/patients/metrics", json={}).status_code == 204


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/namespaces"),
        ("DELETE", "/v1/namespaces/raw_db"),
        ("POST", "/v1/namespaces/raw_db/tables"),
        ("POST", "/v1/namespaces/raw_db/register"),
        ("DELETE", "/v1/namespaces/raw_db/tables/patients"),
        ("POST", "/v1/tables/rename"),
        ("POST", "/v1/namespaces/raw_db/properties"),
        ("POST", "/v1/oauth/tokens"),
    ],
)
def test_tables_are_not_made_changed_or_dropped_over_the_wire(http: httpx.Client, method: str, path: str) -> None:
    assert http.request(method, path, json={}).status_code in (404, 405)


def test_a_good_commit_is_taken_once(world: Lake, http: httpx.Client, captured: tuple[lake.Lease, Body]) -> None:
    lease, body = captured
    assert commit(http, lease, body) == 200
    assert commit(http, lease, body) == 403
    assert world.close(lease).committed
    assert commit(http, lease, body) == 403
    assert len(world.history()) == 1


def test_a_transaction_of_one_table_is_taken(
    world: Lake, http: httpx.Client, captured: tuple[lake.Lease, Body]
) -> None:
    lease, body = captured
    change = {**body, "identifier": {"namespace": [lease.id], "name": lease.table.name}}
    two = http.post("/v1/transactions/commit", json={"table-changes": [change, change]})
    assert two.status_code == 400
    assert http.post("/v1/transactions/commit", json={"table-changes": [change]}).status_code == 204
    assert world.close(lease).committed


def snapshot_of(body: Body) -> Body:
    found: Body = next(update["snapshot"] for update in body["updates"] if update["action"] == "add-snapshot")
    return found


def ref_of(body: Body) -> Body:
    found: Body = next(update for update in body["updates"] if update["action"] == "set-snapshot-ref")
    return found


def with_update(**update: Any) -> Callable[[Body], None]:
    return lambda body: body["updates"].append(update)


BAD_COMMITS: dict[str, tuple[Callable[[Body], Any], int]] = {
    "another branch": (lambda body: ref_of(body).update({"ref-name": "other"}), 400),
    "a tag": (lambda body: ref_of(body).update({"type": "tag"}), 400),
    "another snapshot as head": (lambda body: ref_of(body).update({"snapshot-id": 5}), 400),
    "no head": (lambda body: body["updates"].remove(ref_of(body)), 400),
    "two snapshots": (lambda body: body["updates"].append(copy.deepcopy(body["updates"][0])), 400),
    "a parent that is not the lease's": (lambda body: snapshot_of(body).update({"parent-snapshot-id": 5}), 403),
    "a sequence number out of line": (lambda body: snapshot_of(body).update({"sequence-number": 7}), 400),
    "another schema": (lambda body: snapshot_of(body).update({"schema-id": 3}), 403),
    "a manifest list outside": (lambda body: snapshot_of(body).update({"manifest-list": "file:///etc/passwd"}), 400),
    "a manifest list with ..": (
        lambda body: snapshot_of(body).update({"manifest-list": snapshot_of(body)["manifest-list"] + "/../../x"}),
        400,
    ),
    "a manifest list that is not there": (
        lambda body: snapshot_of(body).update({"manifest-list": snapshot_of(body)["manifest-list"] + "x"}),
        400,
    ),
    "a new location": (with_update(action="set-location", location="file:///tmp/x"), 400),
    "a property": (with_update(action="set-properties", updates={"write.data.path": "/tmp"}), 400),
    "a schema": (with_update(action="add-schema", schema={"type": "struct", "fields": []}), 400),
    "snapshots removed": (with_update(**{"action": "remove-snapshots", "snapshot-ids": [1]}), 400),
    "format v3": (with_update(**{"action": "upgrade-format-version", "format-version": 3}), 400),
    "an unknown action": (with_update(action="drop-everything"), 400),
    "a manifest list that readers would cut": (
        lambda body: snapshot_of(body).update({"manifest-list": snapshot_of(body)["manifest-list"] + "?x"}),
        400,
    ),
    "no updates": (lambda body: body["updates"].clear(), 400),
    "an id that is no 64-bit number": (
        lambda body: (snapshot_of(body).update({"snapshot-id": 2**63}), ref_of(body).update({"snapshot-id": 2**63})),
        400,
    ),
    "updates that are no list": (lambda body: body.update(updates=7), 400),
    "an update that is no object": (lambda body: body["updates"].append(7), 400),
    "a snapshot without an id": (lambda body: snapshot_of(body).pop("snapshot-id"), 400),
    "a false assertion": (
        lambda body: body["requirements"].append({"type": "assert-current-schema-id", "current-schema-id": 9}),
        403,
    ),
}


@pytest.mark.parametrize("what", BAD_COMMITS)
def test_a_commit_that_no_lease_allows_is_refused_and_nothing_changes(
    world: Lake, http: httpx.Client, captured: tuple[lake.Lease, Body], what: str
) -> None:
    lease, body = captured
    spoil, status = BAD_COMMITS[what]
    bad = copy.deepcopy(body)
    spoil(bad)
    assert bad != body
    assert commit(http, lease, bad) == status
    assert not world.close(lease).committed
    assert world.history() == []


def test_a_refusal_stands_in_the_trail(world: Lake, http: httpx.Client, captured: tuple[lake.Lease, Body]) -> None:
    lease, body = captured
    world.close(lease)
    assert commit(http, lease, body) == 403
    with world.rt.begin(world.actor) as uow:
        denials = uow.rows("SELECT subject FROM audit_event WHERE code = 'audit.act_denied'")
    assert [row["subject"] for row in denials] == [f"table:{lease.alias}"]


@pytest.mark.parametrize("namespace", ["raw_db", "lease_unknown", "none"])
def test_only_an_open_lease_is_written_to(
    http: httpx.Client, captured: tuple[lake.Lease, Body], namespace: str
) -> None:
    _, body = captured
    assert http.post(f"/v1/namespaces/{namespace}/tables/patients", json=body).status_code == 403


def test_a_lease_is_for_its_table_only(world: Lake, http: httpx.Client, captured: tuple[lake.Lease, Body]) -> None:
    lease, body = captured
    with world.rt.begin(world.actor) as uow:
        lake.create_table(uow, world.rt.settings.lake, lake.TableId("raw_db", "other"), COLUMNS)
    assert http.post(f"/v1/namespaces/{lease.id}/tables/other", json=body).status_code == 403


def test_a_link_that_leads_out_of_the_table_is_refused(
    world: Lake, http: httpx.Client, captured: tuple[lake.Lease, Body], tmp_path: Path
) -> None:
    lease, body = captured
    path = Path(snapshot_of(body)["manifest-list"].removeprefix("file://"))
    moved = tmp_path / "elsewhere.avro"
    path.rename(moved)
    path.symlink_to(moved)
    assert commit(http, lease, body) == 400
    assert not world.close(lease).committed


@pytest.mark.parametrize("keep_bytes", [0, 30, 900])
def test_a_manifest_list_that_is_cut_is_refused(
    world: Lake, http: httpx.Client, captured: tuple[lake.Lease, Body], keep_bytes: int
) -> None:
    lease, body = captured
    path = Path(snapshot_of(body)["manifest-list"].removeprefix("file://"))
    path.write_bytes(path.read_bytes()[:keep_bytes])
    assert commit(http, lease, body) == 400
    assert not world.close(lease).committed


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_a_request_that_is_no_json_object_is_refused(world: Lake, http: httpx.Client, body: bytes) -> None:
    lease = world.open()
    assert http.post(f"/v1/namespaces/{lease.id}/tables/patients", content=body).status_code == 400
    assert http.post("/v1/transactions/commit", content=body).status_code == 400


def test_every_kind_of_error_has_a_status_and_none_is_409() -> None:
    assert set(STATUS) == set(Kind)
    assert 409 not in {status for status, _ in STATUS.values()}


def test_an_engine_cannot_write_under_our_prefix_of_the_summary(
    world: Lake, http: httpx.Client, captured: tuple[lake.Lease, Body]
) -> None:
    lease, body = captured
    snapshot_of(body)["summary"].update({"pergamon.position": "forged", "pergamon.lease": "forged", "kept": "yes"})
    assert commit(http, lease, body) == 200
    summary = world.history()[0].summary
    assert (summary["pergamon.lease"], summary["kept"]) == (lease.id, "yes")
    assert "pergamon.position" not in summary


def test_a_manifest_that_names_a_file_outside_its_table_is_refused(
    world: Lake, iceberg: RestCatalog, wire: Wire, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.parquet"
    pq.write_table(pa.table({"id": [7], "region": ["r"], "name": ["n"]}, schema=COLUMNS), outside)
    lease = world.open()
    table = iceberg.load_table(lease.alias)
    transaction = table.transaction()
    with transaction.update_snapshot().fast_append() as append:
        append.append_data_file(parquet_file_to_data_file(table.io, table.metadata, f"file://{outside}"))
    with pytest.raises(Exception, match="outside its table"):
        transaction.commit_transaction()
    assert not world.close(lease).committed
