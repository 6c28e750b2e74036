"""`GET /api/v1/tables`: exactly the tables that the actor may read."""

from typing import Any

from fastapi import APIRouter

from pergamon import query
from pergamon.web.authentication import ActorDep, RuntimeDep

router = APIRouter()


@router.get("/api/v1/tables")
def tables(rt: RuntimeDep, actor: ActorDep) -> dict[str, list[dict[str, str]]]:
    """Names only; a table's columns are asked for one by one."""
    with rt.begin(actor) as uow:
        names = query.visible_tables(uow, rt.query_catalog)
    return {"tables": [{"database": name.database, "table": name.table} for name in names]}


@router.get("/api/v1/tables/{database}/{table}")
def table(database: str, table: str, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:  # Any: JSON
    """The columns of one table, and its asset, where one may find that; 404 when it does not exist or may not be
    read."""
    with rt.begin(actor) as uow:
        return query.table_as_told(uow, rt.query_catalog, query.TableName(database, table))
