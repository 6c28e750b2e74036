"""What an outside engine asks of the catalog in its caller's name: look, load, make, change, drop.

Each act asks the policy in the unit of work that it is done in, and a change asks twice: before its files are looked
at, and when it is made.
"""

from collections.abc import Sequence

from pyiceberg.table.metadata import TableMetadata

from pergamon import lake
from pergamon.catalog_endpoint.events import TableLoaded
from pergamon.catalog_endpoint.requests import AskedTable
from pergamon.catalog_endpoint.sight import (
    raw_table,
    require_creation,
    require_drop,
    require_namespace,
    require_write,
    tables_in,
    visible_namespaces,
)
from pergamon.kernel import Actor, NotFound
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork

WAREHOUSE = "lake"
"""There is one; clients that want a name for it say this."""


class UnknownWarehouse(NotFound):
    """A client asks for another warehouse than ours."""

    code = "catalog_endpoint.unknown_warehouse"


def require_warehouse(name: str | None) -> None:
    """Let pass who asks for our warehouse, or for none by name.

    Raises:
        UnknownWarehouse: another.
    """
    if name not in (None, "", WAREHOUSE):
        raise UnknownWarehouse("there is no such warehouse", hint=f"the one here is called {WAREHOUSE}")


def namespaces(rt: Runtime, actor: Actor, *, parent: str | None = None) -> list[str]:
    """The databases that the caller may see, by name; none below another.

    Raises:
        UnknownDatabase: the parent is not to be seen.
    """
    with rt.begin(actor) as uow:
        if parent:
            require_namespace(uow, rt.query_catalog, parent)
            return []
        return visible_namespaces(uow, rt.query_catalog)


def require_seen(rt: Runtime, actor: Actor, namespace: str) -> None:
    """See `sight.require_namespace`."""
    with rt.begin(actor) as uow:
        require_namespace(uow, rt.query_catalog, namespace)


def table_names(rt: Runtime, actor: Actor, namespace: str) -> list[str]:
    """See `sight.tables_in`."""
    with rt.begin(actor) as uow:
        return tables_in(uow, rt.query_catalog, namespace)


def require_raw(rt: Runtime, actor: Actor, namespace: str, table: str) -> None:
    """See `sight.raw_table`."""
    with rt.begin(actor) as uow:
        raw_table(uow, rt.query_catalog, namespace, table)


def load(rt: Runtime, actor: Actor, namespace: str, table: str) -> str:
    """Where a table's metadata is, on the record.

    Raises:
        UnknownQueryTable, RawAccessRefused: see `sight.raw_table`.
    """
    with rt.begin(actor) as uow:
        record, _ = raw_table(uow, rt.query_catalog, namespace, table)
        uow.record(TableLoaded(subject=record.id.subject, snapshot_id=record.snapshot_id))
        return record.metadata_location


def create(rt: Runtime, actor: Actor, namespace: str, asked: AskedTable) -> tuple[TableMetadata, str | None]:
    """Make a table, or, staged, say what it would be.

    Returns: its metadata, and where that stands (None while it is staged).
    Raises:
        UnknownDatabase, AccessDenied: see `sight.require_creation`.
        TableExists: the name is taken.
        BadName, BadSchema, BadCommit, BadLocation: it cannot be made like that.
    """
    table = lake.TableId.parse(f"{namespace}.{asked.name}")
    with rt.begin(actor) as uow:
        require_creation(uow, rt.query_catalog, table)
        if lake.is_table(uow, table):
            raise lake.TableExists(f"table {table} exists")
        metadata = lake.first_metadata(
            uow,
            rt.settings.lake,
            table,
            asked.columns,
            spec=asked.spec,
            order=asked.order,
            properties=asked.properties,
        )
        if asked.location is not None:
            lake.require_own_location(asked.location, metadata.location)
        if asked.is_staged:
            lake.make_room(metadata)
            return metadata, None
        return metadata, lake.create_empty(uow, table, metadata)


def change(
    rt: Runtime, actor: Actor, changes: Sequence[lake.AskedChange]
) -> dict[lake.TableId, tuple[TableMetadata, str]]:
    """Change one or several tables, all or none.

    Returns: each table's new metadata, and where it stands.
    Raises:
        UnknownQueryTable, UnknownDatabase, RawAccessRefused, AccessDenied: see `sight`.
        ChangeRefused, BadCommit, BadSchema, BadLocation: see `lake.plan_change`.
    """
    once = lake.as_asked(changes)
    with rt.begin(actor) as uow:
        _require_all(rt, uow, once)
        planned = [lake.plan_change(uow, rt.settings.lake, asked) for asked in once]
    durable = lake.make_changes_durable(planned)
    with rt.begin(actor) as uow:
        _require_all(rt, uow, once)
        return lake.finish_changes(uow, durable)


def drop(rt: Runtime, actor: Actor, namespace: str, table: str) -> None:
    """Forget a table. Its files stay until maintenance removes what nothing names.

    Raises:
        UnknownQueryTable, RawAccessRefused, AccessDenied: see `sight.require_drop`.
        TableLeased: the platform is writing it.
    """
    with rt.begin(actor) as uow:
        require_drop(uow, rt.query_catalog, lake.TableId(namespace, table))
        lake.drop_table(uow, lake.TableId(namespace, table))


def _require_all(rt: Runtime, uow: UnitOfWork, changes: Sequence[lake.AskedChange]) -> None:
    for asked in changes:
        if asked.creates:
            require_creation(uow, rt.query_catalog, asked.table)
        else:
            require_write(uow, rt.query_catalog, asked.table)
