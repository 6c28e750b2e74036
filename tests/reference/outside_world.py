"""A lake with people of every right on it, and its web on a real port: for engines that come from outside."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pyarrow as pa

from pergamon import access, catalog, identity, lake
from pergamon.kernel import Actor
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork
from pergamon.web import create_app
from tests.reference.governed_lake import OPERATOR, Person, append, make_governed_lake
from tests.reference.served import bearer, served

PLACES = pa.table({"id": pa.array([1, 2], pa.int64()), "name": ["Basel", "Łódź"]})
Body = dict[str, Any]
ROLES = ("nobody", "reader", "writer", "owner", "subscriber")
TABLES = {
    "open": "curated_db.vitals",
    "not mine": "closed_db.secret",
    "granted in part": "lungs_sub.vitals",
    "granted whole": "lungs_sub.places",
    "not there": "curated_db.nothing",
}


@dataclass(frozen=True)
class OutsideWorld:
    """`people`: nobody (a token, and no right), reader, writer and owner of curated_db, and subscriber, a member of a
    project that was granted some rows of curated_db.vitals and all of curated_db.places. address: of the catalog."""

    rt: Runtime
    people: dict[str, Person]
    address: str

    def client(self, role: str) -> httpx.Client:
        headers = bearer(self.people[role].token)
        return httpx.Client(base_url=f"{self.address}/v1", headers=headers, timeout=60)

    def metadata(self, table: str) -> Any:
        with self.rt.begin(OPERATOR) as uow:
            return lake.load_table(uow, lake.TableId.parse(table))

    def record(self, table: str) -> lake.TableRecord:
        with self.rt.begin(OPERATOR) as uow:
            return lake.read_table(uow, lake.TableId.parse(table))

    def trail(self, code: str) -> list[Body]:
        with self.rt.begin(OPERATOR) as uow:
            return uow.rows("SELECT subject, actor, facts FROM audit_event WHERE code = %s ORDER BY id", (code,))


@contextmanager
def outside_world(rt: Runtime) -> Iterator[OutsideWorld]:
    """Fill an empty installation, and serve it."""
    governed = make_governed_lake(rt)
    with rt.begin(OPERATOR) as uow:
        lake.create_table(uow, rt.settings.lake, lake.TableId("curated_db", "places"), PLACES.schema)
        rules = (
            lake.AccessRuleSpec(ReadWriteSuperRoles=("data-admin",)),
            lake.AccessRuleSpec(prefix="data", ReadRoles=("data-user",), ReadWriteRoles=("data-writer",)),
        )
        lake.put_bucket(uow, "curated", lake.BucketSpec(access_rules=rules))
        identity.put_role(uow, "data-writer", identity.RoleSpec(), {})
    append(rt, "curated_db.places", PLACES)
    writer, subscriber = person(rt, "dan", "data-writer"), person(rt, "eva")
    _grant(rt, subscriber.actor)
    people = {
        "nobody": governed.stranger,
        "reader": governed.user,
        "writer": writer,
        "owner": governed.admin,
        "subscriber": Person(_again(rt, subscriber.actor.id), subscriber.token),
    }
    with served(create_app(rt)) as address:
        yield OutsideWorld(rt, people, f"{address}/iceberg")


def person(rt: Runtime, name: str, *roles: str) -> Person:
    """Somebody with a token."""
    with rt.begin(OPERATOR) as uow:
        spec = identity.PrincipalSpec(kind="person", display_name=name, roles=frozenset(roles))
        identity.put_principal(uow, f"person:{name}", spec, {})
        token = identity.issue_token(uow, f"person:{name}", label="test", lifetime=timedelta(hours=1))
        return Person(identity.principal_actor(uow, f"person:{name}"), token)


def _again(rt: Runtime, principal: str) -> Actor:
    with rt.begin(OPERATOR) as uow:
        return identity.principal_actor(uow, principal)


def _grant(rt: Runtime, subscriber: Actor) -> None:
    """The owner's project lists two tables; the subscriber's is granted some rows of one, and the other whole."""
    with rt.begin(OPERATOR) as uow:
        catalog.put_domain(uow, "d", catalog.DomainSpec(units={"clinic": catalog.UnitSpec()}), {})
        _project(uow, "heart", "person:bea")
        _project(uow, "lungs", subscriber.id)
        source = catalog.DataSourceSpec(project="heart", databases=("curated_db",), publish_automatically=True)
        catalog.put_data_source(uow, "heart-tables", source, {})
        for name in ("vitals", "places"):
            table = lake.TableId("curated_db", name)
            catalog.table_changed(uow, table, catalog.read_facts(uow, table, cause="run"))
    for name, rows in (("vitals", "pulse > 80"), ("places", None)):
        with rt.begin(_again(rt, subscriber.id)) as uow:
            asked = access.request_access(uow, f"curated_db.{name}", project="lungs", reason="to learn", rows=rows)
        with rt.begin(_again(rt, "person:bea")) as uow:
            access.approve_request(uow, asked.id, note="fine")


def _project(uow: UnitOfWork, name: str, owner: str) -> None:
    spec = catalog.ProjectSpec.model_validate({"unit": "clinic", "members": {"owner": [owner]}})
    catalog.put_project(uow, name, spec, {})
