"""`GET /api/v1/search`: assets by words and facets, as far as the actor may find them."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from pergamon import search
from pergamon.web.authentication import ActorDep, RuntimeDep
from pergamon.web.errors import NEVER_STORED

router = APIRouter()

Value = Annotated[str, Field(max_length=1_000)]
Values = Annotated[list[Value], Field(max_length=search.MOST_SELECTED)]


class SearchQuery(BaseModel):
    """What is looked for. Each facet may be given several times: any of its values."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    text: Annotated[str, Field(max_length=search.LONGEST_TEXT)] = ""
    type: Values = []
    project: Values = []
    node: Values = []
    account: Values = []
    unit: Values = []
    term: Values = []
    tag: Values = []
    classification: Values = []
    format: Values = []
    freshness: Values = []
    sort: search.Sort = search.Sort.RELEVANCE
    limit: Annotated[int, Field(ge=1, le=search.LARGEST_PAGE)] = 20
    after: Annotated[str, Field(max_length=10_000)] | None = None

    def request(self) -> search.SearchRequest:
        """Raises: search.WrongSearch."""
        given = {facet: frozenset(getattr(self, facet.value)) for facet in search.Facet}
        selected = {facet: values for facet, values in given.items() if values}
        return search.SearchRequest(self.text, selected, self.sort, self.limit, self.after)


@router.get("/api/v1/search")
def find(rt: RuntimeDep, actor: ActorDep, asked: Annotated[SearchQuery, Query()]) -> JSONResponse:
    """One page of what was found, how much there is exactly, all facets with counts, the cursor of the next page; and
    notices of selected values that nothing has which the caller may find."""
    return JSONResponse(rt.search_catalog(actor, asked.request()).as_json(), headers=NEVER_STORED)
