"""A catalog to try: a domain with units, two projects, data sources; people in roles."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from pergamon import catalog, identity, lake
from pergamon.catalog.domain import put_domain
from pergamon.catalog.projects import put_project
from pergamon.catalog.tables_of_places import save_data_source
from pergamon.kernel import Actor, ActorKind
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork

PEOPLE = ("olga", "carl", "steff", "uma", "connie", "bea")
"""owner, contributor, steward of `heart`; owner of the unit above it; consumer of `heart`; nobody's member."""


class World:
    """An installation with a catalog in it."""

    def __init__(self, rt: Runtime, operator: Actor) -> None:
        self.rt, self.operator = rt, operator
        self.service = Actor(id="service:crawler", kind=ActorKind.SERVICE)

    def person(self, name: str) -> Actor:
        with self.rt.begin(self.operator) as uow:
            return identity.principal_actor(uow, f"person:{name}")

    @contextmanager
    def by(self, name: str | None = None) -> Iterator[UnitOfWork]:
        """A unit of work of a person; of the operator without a name."""
        actor = self.person(name) if name else self.operator
        with self.rt.begin(actor) as uow:
            yield uow

    def found(self, table: str, *columns: str, rows: int = 10, **facts: object) -> list[str]:
        """A crawl has written a table with these columns, as `name:type`."""
        told = tuple(catalog.Column(name=c.partition(":")[0], type=c.partition(":")[2] or "string") for c in columns)
        given = {"rows": rows, "size_bytes": 100, "files": 1, "formats": ("csv",), "cause": "crawl"} | facts
        with self.rt.begin(self.service) as uow:
            return catalog.table_changed(uow, lake.TableId.parse(table), catalog.TableFacts(columns=told, **given))

    def documents(self, *ids: str) -> dict[str, catalog.SearchDocument]:
        with self.rt.begin(self.operator) as uow:
            return {document.id: document for document in catalog.search_documents(uow, ids)}


Begin = Callable[[str | None], AbstractContextManager[UnitOfWork]]


@pytest.fixture
def world(rt: Runtime, operator: Actor) -> World:
    with rt.begin(operator) as uow:
        identity.put_role(uow, "researcher", identity.RoleSpec(), {})
        identity.put_role(uow, "local", identity.RoleSpec(impersonable=True), {})
        for name in PEOPLE:
            roles = frozenset({"local", "researcher"}) if name == "bea" else frozenset({"local"})
            spec = identity.PrincipalSpec(kind="person", display_name=name.title(), roles=roles)
            identity.put_principal(uow, f"person:{name}", spec, {})
        lake.put_bucket(uow, "raw", lake.BucketSpec())
        lake.put_database(uow, "heart_db", lake.DatabaseSpec(bucket="raw", prefix="heart"))
        put_domain(
            uow,
            "hospital",
            catalog.DomainSpec.model_validate(
                {
                    "units": {
                        "clinic": {
                            "owners": ["person:uma"],
                            "units": {"cardiology": {}, "closed": {"found_by": ["researcher"]}},
                        }
                    }
                }
            ),
            {},
        )
        members = {
            "owner": ["person:olga"],
            "contributor": ["person:carl"],
            "steward": ["person:steff"],
            "consumer": ["person:connie"],
        }
        heart = {"unit": "cardiology", "members": members, "environments": {"main": {"databases": ["heart_db"]}}}
        put_project(uow, "heart", catalog.ProjectSpec.model_validate(heart), {})
        put_project(uow, "quiet", catalog.ProjectSpec(unit="closed"), {})
        source = catalog.DataSourceSpec(
            project="heart", databases=("heart_db",), exclude=("tmp_*",), publish_automatically=True
        )
        save_data_source(uow, "heart-tables", source, {})
    return World(rt, operator)
