"""`/grants`: what one's projects were given, until when, under which table's name; and taking back what was given."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field
from starlette.responses import Response

from pergamon import access
from pergamon.access import GrantState
from pergamon.kernel import PergamonError
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.language import marked
from pergamon.web.pages.page import Form, PageDep
from pergamon.web.pages.requests import MENDABLE, SHOWN
from pergamon.web.pagination import After, cursor, place_in

router = page_router()

IdPath = Annotated[str, Path(min_length=1, max_length=100)]
TABS = {"active": marked("Active"), "expired": marked("Expired"), "revoked": marked("Taken back")}


class RevokeForm(Form):
    """Why it is taken back."""

    reason: Annotated[str, Field(max_length=4_000)] = ""


@router.get("/grants")
def grants(
    page: PageDep,
    state: Annotated[GrantState, Query()] = GrantState.ACTIVE,
    project: Annotated[str | None, Query(max_length=63, pattern=r"^[a-z][a-z0-9-]*$")] = None,
    after: After = None,
) -> Response:
    """The grants that one may see; or those of them that one project was given."""
    (last_id,) = place_in(after, str) or ("",)
    with page.begin() as uow:
        found = access.list_grants(uow, state=state, project=project, after=last_id, limit=SHOWN + 1)
        told = access.grants_as_told(found[:SHOWN], uow)
    more = cursor(told[-1]["id"]) if len(found) > SHOWN else None
    return page.show(
        "requests/grants.html",
        grants=told,
        state_shown=state.value,
        tabs=TABS,
        only=f"&project={project}" if project else "",
        project=project,
        more=more,
        after=after,
    )


@router.post("/grants/{grant_id}/revoke")
def revoke(grant_id: IdPath, page: PageDep) -> Response:
    """Take a grant back: it gives nothing from now on."""
    asked = page.form(RevokeForm)
    try:
        with page.begin() as uow:
            grant = access.revoke_grant(uow, grant_id, asked.reason)
    except PergamonError as error:
        if error.kind not in MENDABLE:
            raise
        with page.begin() as uow:
            told = access.grant_as_told(access.read_grant(uow, grant_id), uow)
        return page.show("requests/revoke.html", status=422, grant=told, failure=error)
    return page.go(f"/requests/{grant.request_id}", said="grant-revoked")
