"""What may an outside engine see, read raw, write and drop? The policy decides, by the caller's own roles (law 1).

Raw means: the engine is told where the files are, and reads every row and column of them. So a table of which only a
part is given, or that is given by a grant, is never given raw (law 8); governed SQL is the way to it. What may not be
read at all is answered exactly as what is not there.
"""

from collections.abc import Sequence

from pergamon import crawl, lake, query
from pergamon.kernel import AccessDenied, Decision, require
from pergamon.policy import Action, Resource, decide, visible
from pergamon.store import UnitOfWork

INSTEAD = "run governed SQL on it: `pergamon query`, or POST /api/v1/statements"


class RawAccessRefused(AccessDenied):
    """A table is given in part, or by a grant: its files would give everything."""

    code = "catalog_endpoint.raw_access_refused"


class TableOfFiles(AccessDenied):
    """A crawler makes this table of files: it is changed by changing the files."""

    code = "catalog_endpoint.table_of_files"


def visible_namespaces(uow: UnitOfWork, catalog: query.TableCatalog) -> list[str]:
    """The databases of which the actor may read something, by name."""
    return _namespaces_of(uow, query.visible_tables(uow, catalog))


def require_namespace(uow: UnitOfWork, catalog: query.TableCatalog, namespace: str) -> None:
    """Let pass who may see this database.

    Raises:
        UnknownDatabase: it is not there, or the actor may see nothing of it.
    """
    tables_in(uow, catalog, namespace)


def tables_in(uow: UnitOfWork, catalog: query.TableCatalog, namespace: str) -> list[str]:
    """The tables of a database that the actor may read, by name.

    Raises:
        UnknownDatabase: it is not there, or the actor may see nothing of it.
    """
    tables = query.visible_tables(uow, catalog)
    if namespace not in _namespaces_of(uow, tables):
        name = query.recordable(namespace)
        decision = Decision(False, Action.TABLE_READ.value, f"database:{name}", "no database of that name to be seen")
        raise lake.UnknownDatabase(f"there is no database {name}", decision=decision)
    return [name.table for name in tables if name.database == namespace]


def raw_table(
    uow: UnitOfWork, catalog: query.TableCatalog, namespace: str, table: str
) -> tuple[lake.TableRecord, Resource]:
    """A table that the actor may read whole: its pointer, and the table as the policy sees it.

    Raises:
        UnknownQueryTable: it is not there, or may not be read.
        RawAccessRefused: it is given in part, or by a grant.
    """
    found = query.readable_table(uow, catalog, query.TableName(namespace, table))
    demanded = require(decide(uow.actor, Action.TABLE_READ, found.resource))
    if demanded or not isinstance(found.source, lake.TableRecord):
        reason = "it is given by a grant, or only in part"
        refused = Decision(False, Action.TABLE_READ.value, str(found.resource), reason, decided_by=("raw-access",))
        raise RawAccessRefused(f"{found.name} is not read raw: {reason}", hint=INSTEAD, decision=refused)
    return found.source, found.resource


def require_write(uow: UnitOfWork, catalog: query.TableCatalog, table: lake.TableId) -> None:
    """Let pass who may change this table.

    Raises:
        UnknownQueryTable, RawAccessRefused: see `raw_table`.
        AccessDenied: the actor may only read it.
        TableOfFiles: nobody changes it so.
    """
    record, resource = raw_table(uow, catalog, table.database, table.name)
    require(decide(uow.actor, Action.TABLE_WRITE, resource))
    crawler = crawl.maker_of(uow, record)
    if crawler is not None:
        reason = f"the crawler {crawler} makes it of files"
        refused = Decision(False, Action.TABLE_WRITE.value, str(resource), reason, decided_by=("crawler",))
        raise TableOfFiles(f"{table} cannot be changed: {reason}", hint="put or remove files", decision=refused)


def require_creation(uow: UnitOfWork, catalog: query.TableCatalog, table: lake.TableId) -> None:
    """Let pass who may make a table of this name. The answer is the same whether there is one already.

    Raises:
        UnknownDatabase: there is no such database, or the actor may see nothing of it.
        AccessDenied: the actor may not write there.
    """
    require_namespace(uow, catalog, table.database)
    resource = lake.resources_of_tables(uow, [table]).get(table)
    if resource is None:
        raise AccessDenied(f"{table.database} holds what was granted: no table is made in it")
    require(decide(uow.actor, Action.TABLE_WRITE, resource))


def require_drop(uow: UnitOfWork, catalog: query.TableCatalog, table: lake.TableId) -> None:
    """Let pass who may drop this table.

    Raises:
        UnknownQueryTable, RawAccessRefused: see `raw_table`.
        AccessDenied: the actor may not.
        TableOfFiles: nobody drops it so.
    """
    _, resource = raw_table(uow, catalog, table.database, table.name)
    require(decide(uow.actor, Action.TABLE_DESTROY, resource))
    require_write(uow, catalog, table)


def _namespaces_of(uow: UnitOfWork, tables: Sequence[query.TableName]) -> list[str]:
    """Where these tables are, and the databases of which the actor may read the whole, though they may be empty."""
    databases = [lake.database_resource(uow, name) for name in lake.read_databases(uow)]
    whole = {resource.id for resource in visible(uow.actor, Action.TABLE_READ, databases)}
    return sorted(whole | {name.database for name in tables})
