"""A place to ask and to grant: a listed table of `heart`, the project `study` that asks, people in every role."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from pergamon import access, catalog, identity, lake
from pergamon.kernel import Actor, ActorKind
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork

START = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
COLUMNS = pa.schema(
    [
        ("id", pa.int64()),
        ("name", pa.string()),
        ("born", pa.date32()),
        ("site", pa.string()),
        ("age", pa.int32()),
    ]
)
HEART = {"olga": "owner", "otto": "owner", "steff": "steward", "carl": "contributor", "connie": "consumer"}
STUDY = {"ada": "owner", "bob": "contributor", "cyd": "consumer", "dan": "steward"}
OTHERS = ("uma", "eve")
"""The owner of the unit; nobody's member."""


class MovingClock:
    """A clock that a test moves."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class World:
    """An installation with one listed table."""

    def __init__(self, rt: Runtime, operator: Actor, clock: MovingClock) -> None:
        self.rt, self.operator, self.clock = rt, operator, clock
        self.asset = ""

    @contextmanager
    def by(self, name: str = "") -> Iterator[UnitOfWork]:
        """A unit of work of a person; of the operator without a name."""
        with self.rt.begin(self.person(name) if name else self.operator) as uow:
            yield uow

    def person(self, name: str) -> Actor:
        with self.rt.begin(self.operator) as uow:
            return identity.principal_actor(uow, f"person:{name}")

    def later(self, **span: float) -> None:
        self.clock.at += timedelta(**span)

    def list_with(self, owner: str = "olga", **conditions: Any) -> None:  # Any: fields of AccessConditions
        """The asset's owner changes the conditions and publishes them."""
        with self.by(owner) as uow:
            version = catalog.read_asset(uow, self.asset).asset.working_version
            edit = catalog.AssetEdit(conditions=catalog.AccessConditions(**conditions))
            catalog.edit_asset(uow, self.asset, edit, expected_version=version)
            catalog.publish_asset(uow, self.asset)

    def ask(self, name: str = "ada", **wish: Any) -> access.AccessRequest:  # Any: what a request says
        given: Mapping[str, Any] = {"project": "study", "reason": "to learn"} | wish
        with self.by(name) as uow:
            return access.request_access(uow, self.asset, **given)

    def granted(self, owner: str = "olga", **wish: Any) -> access.Grant:  # Any: what a request says
        """What the asset's owner grants when Ada asks."""
        request = self.ask(**wish)
        if request.grant_id is None:
            with self.by(owner) as uow:
                request = access.approve_request(uow, request.id, note="as agreed")
        assert request.grant_id is not None
        with self.by("ada") as uow:
            return access.read_grant(uow, request.grant_id)

    def gives(self, name: str = "cyd", table: str = "patients") -> access.SubscribedTable | None:
        with self.by(name) as uow:
            return access.granted_rights(uow, "study_sub", table)

    def events(self, code: str) -> list[dict[str, Any]]:  # Any: JSON of the facts
        """The facts of all events of a code, oldest first."""
        with self.by() as uow:
            rows = uow.rows("SELECT facts FROM audit_event WHERE code = %s ORDER BY id", (code,))
        return [json.loads(row["facts"]) for row in rows]

    def table(self, name: str, columns: pa.Schema = COLUMNS) -> str:
        """A table of the lake that becomes a listed asset of `heart`. Returns: the asset's id."""
        with self.rt.begin(Actor("service:crawler", ActorKind.SERVICE)) as uow:
            table = lake.TableId.parse(name)
            lake.create_table(uow, self.rt.settings.lake, table, columns)
            (asset,) = catalog.table_changed(uow, table, catalog.read_facts(uow, table, cause="crawl"))
        return asset


@pytest.fixture
def world(rt: Runtime, operator: Actor) -> World:
    clock = MovingClock(START)
    world = World(replace(rt, clock=clock), operator, clock)
    with world.by() as uow:
        for name in (*HEART, *STUDY, *OTHERS):
            site = {"site": "north"} if name == "cyd" else {}
            spec = identity.PrincipalSpec(kind="person", display_name=name.title(), attributes=site)
            identity.put_principal(uow, f"person:{name}", spec, {})
        lake.put_bucket(uow, "raw", lake.BucketSpec())
        lake.put_database(uow, "heart_db", lake.DatabaseSpec(bucket="raw", prefix="heart"))
        units = {"clinic": {"owners": ["person:uma"], "units": {"cardiology": {}}}, "research": {}}
        catalog.put_domain(uow, "hospital", catalog.DomainSpec.model_validate({"units": units}), {})
        for project, unit, people in (("heart", "cardiology", HEART), ("study", "research", STUDY)):
            members = {role: [f"person:{n}" for n, r in people.items() if r == role] for role in set(people.values())}
            spec_of = catalog.ProjectSpec.model_validate({"unit": unit, "members": members})
            catalog.put_project(uow, project, spec_of, {})
        source = catalog.DataSourceSpec(project="heart", databases=("heart_db",), publish_automatically=True)
        catalog.put_data_source(uow, "heart-tables", source, {})
    world.asset = world.table("heart_db.patients")
    return world
