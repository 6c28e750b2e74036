"""What the catalog answers to outside engines, asked by hand: pages, names, changes, several tables at once."""

import copy
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog

from pergamon import lake
from pergamon.runtime import Runtime
from tests.reference.governed_lake import OPERATOR
from tests.reference.outside_world import Body, OutsideWorld, outside_world

VITALS, PLACES = "/namespaces/curated_db/tables/vitals", "/namespaces/curated_db/tables/places"
ROWS = pa.table({"patient": pa.array([1], pa.int64()), "pulse": [1]})


@pytest.fixture
def world(rt: Runtime) -> Iterator[OutsideWorld]:
    with outside_world(rt) as world:
        yield world


@pytest.fixture
def owner(world: OutsideWorld) -> Iterator[httpx.Client]:
    with world.client("owner") as client:
        yield client


def pyiceberg(world: OutsideWorld) -> RestCatalog:
    return RestCatalog("lake", uri=world.address, token=world.people["owner"].token)


def properties(**values: str) -> Body:
    return {"action": "set-properties", "updates": values}


def change(*updates: Body, requirements: tuple[Body, ...] = (), table: str | None = None) -> Body:
    said: Body = {"requirements": list(requirements), "updates": list(updates)}
    if table is not None:
        namespace, name = table.split(".")
        said["identifier"] = {"namespace": [namespace], "name": name}
    return said


def with_column(metadata: Any, name: str, number: int, **more: Any) -> Body:
    """The table's schema with one column more, as a client sends it."""
    said: Body = metadata.schema().model_dump(mode="json", by_alias=True)
    said["fields"].append({"id": number, "name": name, "type": "long", "required": False, **more})
    return {"action": "add-schema", "schema": said}


CURRENT = {"action": "set-current-schema", "schema-id": -1}


def test_its_configuration_its_names_and_its_pages(world: OutsideWorld, owner: httpx.Client) -> None:
    assert "POST /v1/{prefix}/transactions/commit" in owner.get("/config").json()["endpoints"]
    assert owner.get("/config", params={"warehouse": "lake"}).json()["overrides"] == {}
    strange = owner.get("/config", params={"warehouse": "s3://other"})
    assert (strange.status_code, strange.json()["error"]["type"]) == (404, "NoSuchWarehouseException")
    seen, token = [], ""
    while token is not None:
        page = owner.get("/namespaces", params={"pageToken": token, "pageSize": 2}).json()
        assert len(page["namespaces"]) <= 2
        seen, token = [*seen, *page["namespaces"]], page["next-page-token"]
    everything = owner.get("/namespaces").json()
    assert (seen, everything["next-page-token"]) == (everything["namespaces"], None)
    assert ["curated_db"] in seen
    assert owner.get("/namespaces", params={"parent": "curated_db"}).json()["namespaces"] == []
    first = owner.get("/namespaces/curated_db/tables", params={"pageToken": "", "pageSize": 1}).json()
    assert [one["name"] for one in first["identifiers"]] == ["places"]
    assert owner.get("/namespaces", params={"pageToken": "no token"}).status_code == 400
    small = RestCatalog("lake", uri=world.address, token=world.people["owner"].token, **{"rest-page-size": "1"})
    assert small.list_tables("curated_db") == [("curated_db", "places"), ("curated_db", "vitals")]
    assert owner.get("/namespaces/curated_db/views").json()["identifiers"] == []
    assert owner.get("/namespaces/curated_db/views/v").json()["error"]["type"] == "NoSuchViewException"
    assert owner.head("/namespaces/curated_db").status_code == 204


NOT_OFFERED = (
    ("POST", "/namespaces"),
    ("DELETE", "/namespaces/curated_db"),
    ("POST", "/namespaces/curated_db/properties"),
    ("POST", "/namespaces/curated_db/register"),
    ("POST", "/tables/rename"),
    ("POST", "/oauth/tokens"),
    ("GET", "/lake/namespaces"),
    ("DELETE", f"{PLACES}?purgeRequested=true"),
)


def test_what_is_not_offered_is_told_so(owner: httpx.Client) -> None:
    for method, path in NOT_OFFERED:
        answer = owner.request(method, path, json={} if method == "POST" else None)
        assert (answer.status_code, answer.json()["error"]["type"]) == (406, "UnsupportedOperationException"), path
    assert owner.get(PLACES).status_code == 200


def test_the_same_schema_sent_again_is_the_schema_that_is_there(world: OutsideWorld, owner: httpx.Client) -> None:
    """PyIceberg's applier would add it twice, and Java would then never read the table again."""
    before = world.metadata("curated_db.vitals")
    more = with_column(before, "note", 3)
    once = owner.post(VITALS, json=change(more, CURRENT)).json()["metadata"]
    assert ([one["schema-id"] for one in once["schemas"]], once["current-schema-id"]) == ([0, 1], 1)
    for schema_id in (0, 1, 7):
        again = copy.deepcopy(more)
        again["schema"]["schema-id"] = schema_id
        meant = {"action": "set-current-schema", "schema-id": schema_id}
        twice = owner.post(VITALS, json=change(again, again, meant)).json()["metadata"]
        assert (twice["schemas"], twice["current-schema-id"]) == (once["schemas"], 1)
    spec = {"action": "add-spec", "spec": {"spec-id": 9, "fields": []}}
    order = {"action": "add-sort-order", "sort-order": {"order-id": 9, "fields": []}}
    default = {"action": "set-default-spec", "spec-id": 9}
    same = owner.post(VITALS, json=change(spec, spec, default, order, order)).json()["metadata"]
    assert (len(same["partition-specs"]), len(same["sort-orders"])) == (1, 1)
    assert owner.post(VITALS, json=change(spec, order)).json()["metadata-location"] == (
        world.record("curated_db.vitals").metadata_location
    ), "what changes nothing moves nothing"


CHANGES_THAT_NO_TABLE_TAKES: dict[str, Callable[[Any], list[Body]]] = {
    "a required column, where there are rows": lambda m: [with_column(m, "n", 3, required=True), CURRENT],
    "a column with another's name in other letters": lambda m: [with_column(m, "PULSE", 3), CURRENT],
    "a column with another's id": lambda m: [with_column(m, "n", 2), CURRENT],
    "a type of another format version": lambda m: [with_column(m, "n", 3, type="timestamp_ns"), CURRENT],
    "a type that Spark SQL cannot name": lambda m: [with_column(m, "n", 3, type="uuid"), CURRENT],
    "a name that cannot be printed": lambda m: [with_column(m, "n\u202e", 3), CURRENT],
    "another type for a column": lambda m: [{"action": "add-schema", "schema": retyped(m, "string")}, CURRENT],
    "a narrower type": lambda m: [{"action": "add-schema", "schema": retyped(m, "int")}, CURRENT],
    "a schema that is not there": lambda m: [{"action": "set-current-schema", "schema-id": 5}],
    "the last added, where none was": lambda m: [CURRENT],
    "another uuid": lambda m: [{"action": "assign-uuid", "uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1"}],
    "format version 3": lambda m: [{"action": "upgrade-format-version", "format-version": 3}],
    "format version 1": lambda m: [{"action": "upgrade-format-version", "format-version": 1}],
    "fewer snapshots": lambda m: [{"action": "remove-snapshots", "snapshot-ids": [m.current_snapshot_id]}],
    "no main": lambda m: [{"action": "remove-snapshot-ref", "ref-name": "main"}],
    "a tag": lambda m: [ref(m, "audit", "tag")],
    "main set back": lambda m: [ref(m, "main", "branch")],
    "a bucket of nothing": lambda m: [spec_of("bucket[0]")],
    "a transform that nobody knows": lambda m: [spec_of("fold")],
    "a partition by a column that is not there": lambda m: [spec_of("identity", 77)],
    "a partition on whose name engines end": lambda m: [spec_of("identity", name="größe")],
    "a name mapping that is none": lambda m: [properties(**{"schema.name-mapping.default": "{"})],
    "our own property": lambda m: [properties(**{"pergamon.position": "1"})],
    "an unknown action": lambda m: [{"action": "enable-row-lineage"}],
}


def retyped(metadata: Any, kind: str) -> Body:
    said: Body = metadata.schema().model_dump(mode="json", by_alias=True)
    said["fields"][0]["type"] = kind
    return said


def ref(metadata: Any, name: str, kind: str) -> Body:
    return {"action": "set-snapshot-ref", "ref-name": name, "type": kind, "snapshot-id": metadata.current_snapshot_id}


def spec_of(transform: str, source: int = 1, name: str = "p") -> Body:
    field = {"source-id": source, "field-id": 1000, "name": name, "transform": transform}
    return {"action": "add-spec", "spec": {"spec-id": 1, "fields": [field]}}


def test_changes_that_no_table_takes(world: OutsideWorld, owner: httpx.Client) -> None:
    metadata, before = world.metadata("curated_db.vitals"), world.record("curated_db.vitals")
    told = {}
    for what, updates in CHANGES_THAT_NO_TABLE_TAKES.items():
        answer = owner.post(VITALS, json=change(*updates(metadata)))
        told[what] = (answer.status_code, answer.json()["error"]["type"])
    assert {what: said for what, said in told.items() if said != (400, "BadRequestException")} == {}
    assert world.record("curated_db.vitals") == before


def test_a_change_stands_only_on_the_table_as_it_is(world: OutsideWorld, owner: httpx.Client) -> None:
    """403 and never 409: on a conflict engines try again by themselves, on what others wrote."""
    stale = pyiceberg(world).load_table("curated_db.vitals")
    pyiceberg(world).load_table("curated_db.vitals").append(ROWS)
    with pytest.raises(Exception, match=r"not as the request asserts.*lake\.change_refused"):
        stale.append(ROWS)
    with world.rt.begin(OPERATOR) as uow:
        lease = lake.open_lease(uow, lake.TableId("curated_db", "vitals"), "merge", {})
    with pytest.raises(Exception, match="being written by the platform"):
        pyiceberg(world).load_table("curated_db.vitals").append(ROWS)
    assert owner.delete(VITALS).status_code == 409
    with world.rt.begin(OPERATOR) as uow:
        assert not lake.close_lease(uow, lease.id).committed
    pyiceberg(world).load_table("curated_db.vitals").append(ROWS)
    assert len(world.metadata("curated_db.vitals").snapshots) == 3


def test_several_tables_change_together_or_not_at_all(world: OutsideWorld, owner: httpx.Client) -> None:
    both = {name: world.record(f"curated_db.{name}") for name in ("vitals", "places")}
    good = change(properties(a="1"), table="curated_db.places")
    wrong = {
        "stale": change(
            properties(a="1"),
            requirements=({"type": "assert-current-schema-id", "current-schema-id": 8},),
            table="curated_db.vitals",
        ),
        "not there": change(properties(a="1"), table="curated_db.nothing"),
        "badly put": change(properties(**{"write.data.path": "/tmp"}), table="curated_db.vitals"),
        "not allowed": change({"action": "remove-snapshots", "snapshot-ids": []}, table="closed_db.secret"),
        "the same again": good,
    }
    for what, other in wrong.items():
        answer = owner.post("/transactions/commit", json={"table-changes": [good, other]})
        assert answer.status_code in (400, 403, 404), what
        assert {name: world.record(f"curated_db.{name}") for name in both} == both, what
    assert owner.post("/transactions/commit", json={"table-changes": []}).status_code == 400
    changes = [change(properties(a="2"), table="curated_db.vitals"), good]
    assert owner.post("/transactions/commit", json={"table-changes": changes}).status_code == 204
    assert [world.metadata(f"curated_db.{name}").properties["a"] for name in ("places", "vitals")] == ["1", "2"]
    told = world.trail("lake.table_changed")
    in_order = ["table:curated_db.places", "table:curated_db.vitals"]
    assert [row["subject"] for row in told] == in_order, "however they are named: two changes never wait crosswise"


def test_many_who_change_the_same_tables_at_once_end_with_all_or_nothing(world: OutsideWorld) -> None:
    """Named in both orders: nobody waits for ever, and each change is whole in both tables."""
    tables = ("curated_db.places", "curated_db.vitals")
    statuses = []

    def once(number: int) -> None:
        named = tables if number % 2 else tables[::-1]
        changes = [change(properties(winner=str(number)), table=table) for table in named]
        with world.client("owner") as client:
            statuses.append(client.post("/transactions/commit", json={"table-changes": changes}).status_code)

    threads = [threading.Thread(target=once, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(statuses) <= {204, 403}
    assert 204 in statuses
    first, second = (world.metadata(table) for table in tables)
    assert first.properties["winner"] == second.properties["winner"]
    assert len(first.metadata_log) == len(second.metadata_log) == statuses.count(204) + 1


def test_a_file_that_lands_in_two_steps_is_one_table(world: OutsideWorld, owner: httpx.Client) -> None:
    """Staged, then made with its first rows: nobody sees it between."""
    catalog = pyiceberg(world)
    with catalog.create_table_transaction("curated_db.made", ROWS.schema) as making:
        assert owner.get("/namespaces/curated_db/tables/made").status_code == 404
        making.append(ROWS)
    assert catalog.load_table("curated_db.made").scan().to_arrow() == ROWS
    metadata = world.metadata("curated_db.made")
    assert [one.schema_id for one in metadata.schemas] == [one.spec_id for one in metadata.partition_specs] == [0]
    again = {"name": "made", "schema": {"type": "struct", "fields": [{"id": 1, "name": "a", "type": "long"}]}}
    taken = owner.post("/namespaces/curated_db/tables", json=again | {"schema": schema_of("a")})
    assert (taken.status_code, taken.json()["error"]["type"]) == (409, "AlreadyExistsException")


def schema_of(*names: str) -> Body:
    fields = [{"id": n, "name": name, "type": "long", "required": False} for n, name in enumerate(names, 1)]
    return {"type": "struct", "schema-id": 0, "fields": fields}


def test_a_table_of_files_is_changed_by_its_files(world: OutsideWorld, owner: httpx.Client) -> None:
    with world.rt.begin(OPERATOR) as uow:
        uow.execute(
            "INSERT INTO crawl_table (id, crawler, folder, database, name, columns, table_key, state, created_at) "
            "VALUES ('t', 'census', 'f', 'curated_db', 'elsewhere', '[]', %s, 'blocked', now())",
            (world.record("curated_db.vitals").key,),
        )
    assert owner.get(VITALS).status_code == 200
    for answer in (owner.post(VITALS, json=change(properties(a="1"))), owner.delete(VITALS)):
        assert answer.status_code == 403
        assert "the crawler census makes it of files" in answer.json()["message"]
