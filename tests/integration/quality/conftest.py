"""A table in a governed lake, an asset of it, people who find, read and look after it; and a place to measure."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa
import pytest

from pergamon import catalog, identity, lake, quality
from pergamon.kernel import Actor, ActorKind
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork
from tests.reference.governed_lake import append

TABLE = lake.TableId("heart_db", "stays")
PEOPLE = {"olga": (), "carl": (), "bea": ("researcher",), "rita": ("reader",), "nora": ()}
"""owner and contributor of the project; a researcher, who finds; a reader of the bucket; nobody's member."""


class World:
    """An installation with one project, `heart`, whose tables are published."""

    def __init__(self, rt: Runtime, operator: Actor) -> None:
        self.rt, self.operator = rt, operator
        self.place = rt.profile_place("worker")

    def person(self, name: str) -> Actor:
        with self.rt.begin(self.operator) as uow:
            return identity.principal_actor(uow, f"person:{name}")

    @contextmanager
    def by(self, name: str | None = None) -> Iterator[UnitOfWork]:
        with self.rt.begin(self.person(name) if name else self.operator) as uow:
            yield uow

    def table(self, name: str, rows: pa.Table) -> lake.TableId:
        """A table with these rows, found by a crawl, its profile asked for in the same unit of work."""
        table = lake.TableId.parse(name)
        with self.rt.begin(self.operator) as uow:
            lake.create_table(uow, self.rt.settings.lake, table, rows.schema)
        if rows.num_rows:
            append(self.rt, name, rows)
        self.changed(table)
        return table

    def changed(self, table: lake.TableId) -> None:
        with self.rt.begin(Actor(id="service:crawler", kind=ActorKind.SERVICE)) as uow:
            catalog.table_changed(uow, table, catalog.read_facts(uow, table, cause="crawl"))
            quality.request_profile(uow, table)

    def measure(self) -> int:
        """Everything that is asked for. Returns: how much that was."""
        steps = 0
        while quality.profile_step(self.place):
            steps += 1
        return steps

    def seen(self, name: str | None, table: lake.TableId = TABLE) -> dict[str, object]:
        with self.by(name) as uow:
            return quality.visible_profile(uow, table).as_json()

    def profile(self, table: lake.TableId = TABLE) -> quality.Profile:
        with self.by() as uow:
            return quality.visible_profile(uow, table).profile

    def rules(self, *rules: Mapping[str, object], tables: tuple[str, ...] = ("heart_db.*",)) -> None:
        spec = quality.QualityRulesSpec.model_validate({"tables": tables, "rules": rules})
        with self.by() as uow:
            quality.put_quality_rules(uow, "house", spec, {})

    def score_of_asset(self, table: lake.TableId = TABLE) -> float | None:
        with self.by() as uow:
            return catalog.find_asset(uow, str(table)).quality_score


@pytest.fixture
def world(rt: Runtime, operator: Actor) -> World:
    with rt.begin(operator) as uow:
        for role in ("researcher", "reader"):
            identity.put_role(uow, role, identity.RoleSpec(), {})
        for name, roles in PEOPLE.items():
            spec = identity.PrincipalSpec(kind="person", display_name=name.title(), roles=frozenset(roles))
            identity.put_principal(uow, f"person:{name}", spec, {})
        rule = lake.AccessRuleSpec(prefix="heart", ReadRoles=("reader", "project:heart/owner"))
        lake.put_bucket(uow, "raw", lake.BucketSpec(access_rules=(rule,)))
        lake.put_database(uow, "heart_db", lake.DatabaseSpec(bucket="raw", prefix="heart"))
        unit = {"units": {"clinic": {"found_by": ["researcher"]}}}
        catalog.put_domain(uow, "hospital", catalog.DomainSpec.model_validate(unit), {})
        members = {"owner": ["person:olga"], "contributor": ["person:carl"]}
        project = {"unit": "clinic", "members": members, "environments": {"main": {"databases": ["heart_db"]}}}
        catalog.put_project(uow, "heart", catalog.ProjectSpec.model_validate(project), {})
        source = catalog.DataSourceSpec(project="heart", databases=("heart_db",), publish_automatically=True)
        catalog.put_data_source(uow, "heart-tables", source, {})
    return World(rt, operator)
