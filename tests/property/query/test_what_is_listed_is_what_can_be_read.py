"""Listing and deciding are one rule, over generated access rules, tables and roles."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from pergamon.kernel import Actor, ActorKind, NotFound
from pergamon.lake import TableId, TableRecord
from pergamon.policy import AccessRule, Resource, resource_for_path
from pergamon.query import GovernedTable, GrantedTable, TableName, describe_table, visible_tables
from pergamon.store import UnitOfWork

NOW = datetime(2024, 2, 29, tzinfo=UTC)
ROLES = st.frozensets(st.sampled_from(["reader", "writer", "owner", "other"]), max_size=3)
PREFIXES = st.sampled_from(["", "data/", "data/raw_db/", "data/raw_db/t/", "data/raw_db/tt/", "other/"])
RULES = st.lists(st.builds(AccessRule, PREFIXES, ROLES, ROLES, ROLES), max_size=4)
NAMES = st.builds(TableName, st.sampled_from(["raw_db", "curated_db"]), st.sampled_from(["t", "tt", "u"]))
ACTORS = st.builds(Actor, st.just("person:x"), st.sampled_from(ActorKind), ROLES)


@dataclass(frozen=True)
class RuledTables:
    """A catalog of tables below `data/`, with generated rules; its snapshots have no files."""

    names: frozenset[TableName]
    rules: list[AccessRule]

    def tables(self, uow: UnitOfWork) -> list[tuple[Resource, list[TableName]]]:
        return [(self._governed(name).resource, [name]) for name in sorted(self.names)]

    def find(self, uow: UnitOfWork, name: TableName) -> GovernedTable | None:
        return self._governed(name) if name in self.names else None

    def granted(self, uow: UnitOfWork, table: GovernedTable) -> GrantedTable:
        return GrantedTable(table.name, None, "", (), ())

    def _governed(self, name: TableName) -> GovernedTable:
        path = f"data/{name.database}/{name.table}"
        record = TableRecord("key", TableId(name.database, name.table), "", "", None, NOW, NOW)
        return GovernedTable(name, resource_for_path("table", str(name), path, self.rules), record)


def readable(uow: UnitOfWork, catalog: RuledTables, name: TableName) -> bool:
    try:
        describe_table(uow, catalog, name)
    except NotFound:
        return False
    return True


@given(ACTORS, st.frozensets(NAMES), RULES)
def test_what_is_listed_is_what_can_be_read(actor: Actor, names: frozenset[TableName], rules: list[AccessRule]) -> None:
    """Neither touches the database, so a unit of work without one serves."""
    uow = UnitOfWork(cast(Any, None), actor, NOW)
    catalog = RuledTables(names, rules)
    every = [TableName(database, table) for database in ("raw_db", "curated_db") for table in ("t", "tt", "u")]
    assert visible_tables(uow, catalog) == sorted(name for name in every if readable(uow, catalog, name))
