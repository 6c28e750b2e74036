"""`/api/v1/quality`: what a table's columns hold, how well it keeps its rules, how that has changed."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from pergamon import quality
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.idempotency import OnceDep
from pergamon.web.pagination import After, Limit, cursor, moment_in, page

router = APIRouter()

TablePath = Annotated[str, Path(min_length=1, max_length=300, description="`database.table`, or an asset's id.")]


class RulesRequest(BaseModel):
    """The rules that a table shall have, in place of those that people set before, at that version (0: none yet)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    expected_version: Annotated[int, Field(ge=0, le=2**31 - 2)]
    rules: Annotated[tuple[quality.AnyRule, ...], Field(max_length=200)]


@router.get("/api/v1/quality/{table}")
def profile(table: TablePath, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """The newest profile: counts for whoever finds the asset, values for whoever may read the table without a mask."""
    with rt.begin(actor) as uow:
        return quality.visible_profile(uow, quality.table_named(uow, table)).as_json()


@router.get("/api/v1/quality/{table}/history")
def history(
    table: TablePath, rt: RuntimeDep, actor: ActorDep, limit: Limit = 100, after: After = None
) -> dict[str, Any]:
    """Rows, share of missing values and scores of each profile, newest first."""
    before = moment_in(after)
    with rt.begin(actor) as uow:
        found = quality.profile_history(uow, quality.table_named(uow, table), before=before, limit=limit + 1)
    return page("profiles", found, limit, lambda last: cursor(last["at"], last["id"]))


@router.post("/api/v1/quality/{table}/run", status_code=202)
def run(table: TablePath, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Have the table measured now."""

    def work(uow: Any) -> dict[str, Any]:  # Any: a unit of work
        named = quality.table_named(uow, table)
        quality.run_profile(uow, named)
        return {"table": str(named), "pending": True}

    return once.answer(rt, actor, work, status=202)


@router.get("/api/v1/quality/{table}/rules")
def rules(table: TablePath, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """The rules that hold for the table; in full for who may write them, or read the rows."""
    with rt.begin(actor) as uow:
        return quality.visible_rules(uow, quality.table_named(uow, table))


@router.post("/api/v1/quality/{table}/rules")
def set_rules(table: TablePath, asked: RulesRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Set the rules that people have for this table; those of the configuration stay."""

    def work(uow: Any) -> dict[str, Any]:  # Any: a unit of work
        named = quality.table_named(uow, table)
        wanted = quality.rule_set(asked.rules)
        version = quality.set_rules(uow, named, wanted, expected_version=asked.expected_version)
        return {"table": str(named), "version": version}

    return once.answer(rt, actor, work, status=200)
