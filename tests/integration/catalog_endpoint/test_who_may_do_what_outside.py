"""Who may list, load, change and drop what through `/iceberg`: the truth table, and what stands in the trail."""

import json
from collections.abc import Iterator

import httpx
import pytest

from pergamon.runtime import Runtime
from pergamon.web.pages.cookies import SESSION
from tests.reference.outside_world import ROLES, TABLES, Body, OutsideWorld, outside_world
from tests.reference.served import bearer

SEEN_NOWHERE = "not listed, 404, 404, 404"
TRUTH = {
    ("reader", "open"): "listed, 200, 403, 403",
    ("writer", "open"): "listed, 200, 200, 403",
    ("owner", "open"): "listed, 200, 200, 204",
    ("owner", "not mine"): "listed, 200, 200, 403",  # to her it is open: she may write closed_db, and not destroy
    ("subscriber", "granted in part"): "listed, 403, 403, 403",
    ("subscriber", "granted whole"): "listed, 403, 403, 403",
}
"""What is listed, loaded, changed and dropped; everything else is as what is not there."""
CHANGE: Body = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"owner": "me"}}]}

FIELD: Body = {"id": 1, "name": "a", "type": "long", "required": False}


@pytest.fixture
def world(rt: Runtime) -> Iterator[OutsideWorld]:
    with outside_world(rt) as world:
        yield world


def found(client: httpx.Client, table: str) -> str:
    """What becomes of the four acts, the most harmful last."""
    namespace, name = table.split(".")
    path = f"/namespaces/{namespace}/tables"
    listed = client.get(path)
    names = [one["name"] for one in listed.json().get("identifiers", [])]
    assert (listed.status_code == 200) == (client.get(f"/namespaces/{namespace}").status_code == 200)
    load = client.get(f"{path}/{name}").status_code
    assert client.head(f"{path}/{name}").status_code == (204 if load == 200 else load)
    assert client.get(f"{path}/{name}/credentials").status_code == load
    assert client.post(f"{path}/{name}/metrics", json={}).status_code == (204 if load == 200 else load)
    change = client.post(f"{path}/{name}", json=CHANGE).status_code
    part = {"identifier": {"namespace": [namespace], "name": name}, **CHANGE}
    many = client.post("/transactions/commit", json={"table-changes": [part]}).status_code
    assert many == (204 if change == 200 else change)
    drop = client.delete(f"{path}/{name}").status_code
    return f"{'listed' if name in names else 'not listed'}, {load}, {change}, {drop}"


def test_the_truth_table(world: OutsideWorld) -> None:
    told = {}
    for role in sorted(ROLES, key=lambda role: role == "owner"):  # who may drop comes last
        with world.client(role) as client:
            told |= {(role, kind): found(client, table) for kind, table in TABLES.items()}
    assert {key: said for key, said in told.items() if said != SEEN_NOWHERE} == TRUTH


def test_what_may_not_be_read_is_answered_as_what_is_not_there(world: OutsideWorld) -> None:
    with world.client("nobody") as nobody:
        hidden = nobody.get("/namespaces/curated_db/tables/vitals")
        absent = nobody.get("/namespaces/curated_db/tables/absent")
        assert (hidden.status_code, hidden.json()["error"]["type"]) == (404, "NoSuchTableException")
        assert hidden.text.replace("vitals", "absent") == absent.text
        assert nobody.get("/namespaces/closed_db").text.replace("closed_db", "no_db") == (
            nobody.get("/namespaces/no_db").text
        )
        making = {"name": "vitals", "schema": {"type": "struct", "fields": []}}
        assert nobody.post("/namespaces/curated_db/tables", json=making).status_code == 404
        assert nobody.get("/namespaces").json()["namespaces"] == []
    with world.client("reader") as reader:
        assert reader.get("/namespaces").json()["namespaces"] == [["curated_db"]]
        assert reader.post("/namespaces/curated_db/tables", json=making).status_code == 403
        making["name"] = "nothing"
        assert reader.post("/namespaces/curated_db/tables", json=making).status_code == 403


def test_what_is_given_in_part_is_refused_with_a_way_that_leads_there(world: OutsideWorld) -> None:
    with world.client("subscriber") as subscriber:
        assert subscriber.get("/namespaces").json()["namespaces"] == [["lungs_sub"]]
        refused = subscriber.get("/namespaces/lungs_sub/tables/vitals")
        error = refused.json()["error"]
        assert (error["code"], error["type"]) == (403, "ForbiddenException")
        assert "catalog_endpoint.raw_access_refused" in error["message"]
        assert "governed SQL" in error["message"]
        assert "file:" not in refused.text
        making = {"name": "mine", "schema": {"type": "struct", "fields": [FIELD]}}
        assert subscriber.post("/namespaces/lungs_sub/tables", json=making).status_code == 403


def test_every_load_and_every_refusal_is_on_record(world: OutsideWorld) -> None:
    with world.client("reader") as reader, world.client("subscriber") as subscriber, world.client("nobody") as nobody:
        reader.get("/namespaces/curated_db/tables/vitals")
        reader.post("/namespaces/curated_db/tables/vitals", json=CHANGE)
        reader.delete("/namespaces/curated_db/tables/vitals")
        subscriber.get("/namespaces/lungs_sub/tables/vitals")
        nobody.get("/namespaces/curated_db/tables/vitals")
        nobody.get("/namespaces/Robert'); DROP TABLE/tables/vitals")
        nobody.get("/namespaces/closed_db")
    loaded = world.trail("catalog_endpoint.table_loaded")
    assert [(row["subject"], row["actor"]) for row in loaded] == [("table:curated_db.vitals", "person:ada")]
    denied = world.trail("audit.act_denied")
    assert [(row["actor"], json.loads(row["facts"])["action"], row["subject"]) for row in denied] == [
        ("person:ada", "table.write", "table:curated_db.vitals"),
        ("person:ada", "table.destroy", "table:curated_db.vitals"),
        ("person:eva", "table.read", "table:lungs_sub.vitals"),
        ("person:cyd", "table.read", "table:curated_db.vitals"),
        ("person:cyd", "table.read", "table:(not a name)"),
        ("person:cyd", "table.read", "database:closed_db"),
    ]


def test_a_session_of_the_portal_opens_nothing_here(world: OutsideWorld) -> None:
    """A browser sends its cookie along with whatever another site has it ask; engines send a header."""
    token = world.people["owner"].token
    for name in (SESSION, f"__Host-{SESSION}"):
        answer = httpx.get(f"{world.address}/v1/namespaces", headers={"Cookie": f"{name}={token}"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (401, "NotAuthorizedException")
    assert httpx.get(f"{world.address}/v1/namespaces", headers=bearer(token)).status_code == 200


def test_a_right_that_ends_is_seen_by_the_next_question(world: OutsideWorld) -> None:
    with world.client("reader") as reader:
        assert reader.get("/namespaces/curated_db/tables/vitals").status_code == 200
        with world.rt.begin(world.people["owner"].actor) as uow:
            uow.execute("UPDATE lake_bucket SET spec = '{}' WHERE name = 'curated'")
        assert reader.get("/namespaces/curated_db/tables/vitals").status_code == 404
