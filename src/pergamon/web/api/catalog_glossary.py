"""`/api/v1/glossary/terms` and `/metadata-forms`: what words mean here, and what else is to be said of an asset."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from pergamon import catalog
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.idempotency import OnceDep
from pergamon.web.pagination import After, Limit, cursor, page, place_in

router = APIRouter()

NamePath = Annotated[str, Path(min_length=1, max_length=200)]

Name = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z][a-z0-9-]*$")]


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SuggestRequest(_Asked):
    """A new term, and the unit whose owners look after it."""

    name: Name
    unit: Name
    term: catalog.TermSpec


class EditTermRequest(_Asked):
    """A term anew, and the version that was looked at."""

    expected_version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    term: catalog.TermSpec


class ApproveRequest(_Asked):
    """The version that was looked at, if that matters."""

    expected_version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


@router.get("/api/v1/glossary/terms")
def terms(rt: RuntimeDep, actor: ActorDep, limit: Limit = 100, after: After = None) -> dict[str, Any]:
    """The terms, by name: what is approved, and drafts that one may write."""
    (name,) = place_in(after, str) or ("",)
    with rt.begin(actor) as uow:
        found = catalog.list_terms(uow, after=name, limit=limit + 1)
    return page("terms", [term.as_json() for term in found], limit, lambda last: cursor(last["name"]))


@router.get("/api/v1/glossary/terms/{term}")
def term(term: NamePath, rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """One term, what speaks of it, and assets that carry it."""
    with rt.begin(actor) as uow:
        return catalog.read_term(uow, term).as_json()


@router.post("/api/v1/glossary/terms", status_code=201)
def suggest(asked: SuggestRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Write a new term, as a draft."""
    return once.answer(
        rt, actor, lambda uow: catalog.suggest_term(uow, asked.name, asked.term, unit=asked.unit).as_json()
    )


@router.post("/api/v1/glossary/terms/{term}/edit")
def edit(term: NamePath, asked: EditTermRequest, rt: RuntimeDep, actor: ActorDep, once: OnceDep) -> JSONResponse:
    """Write a term anew; one that is approved is for those who may approve it."""
    return once.answer(
        rt,
        actor,
        lambda uow: catalog.edit_term(uow, term, asked.term, expected_version=asked.expected_version).as_json(),
        status=200,
    )


@router.post("/api/v1/glossary/terms/{term}/approve")
def approve(
    term: NamePath, rt: RuntimeDep, actor: ActorDep, once: OnceDep, asked: ApproveRequest | None = None
) -> JSONResponse:
    """Make a draft a term that everyone sees; for the owners of its unit."""
    expected = asked.expected_version if asked else None
    return once.answer(
        rt, actor, lambda uow: catalog.approve_term(uow, term, expected_version=expected).as_json(), status=200
    )


@router.delete("/api/v1/glossary/terms/{term}")
def remove(term: NamePath, rt: RuntimeDep, actor: ActorDep) -> dict[str, str]:
    """Remove a term that people wrote and nothing carries."""
    with rt.begin(actor) as uow:
        catalog.remove_term(uow, term)
    return {"name": term}


@router.get("/api/v1/metadata-forms")
def forms(rt: RuntimeDep, actor: ActorDep) -> dict[str, Any]:
    """The metadata forms with their fields, and the rules that demand them: what everyone may know."""
    with rt.begin(actor) as uow:
        forms, rules = catalog.read_forms(uow), catalog.read_rules(uow)
    return {
        "forms": [{"name": name, **spec.model_dump(mode="json")} for name, spec in forms.items()],
        "rules": [{"name": name, **spec.model_dump(mode="json")} for name, spec in rules.items()],
    }
