"""`/catalog`: search as you type, narrowed by facets; a card says what one needs to decide whether to look closer."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query
from starlette.responses import Response

from pergamon.search import Facet, FacetCounts, SearchPage
from pergamon.web.api.search import SearchQuery
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.language import marked
from pergamon.web.pages.page import PageDep

router = page_router()

FACETS = {
    Facet.TERM: marked("Term"),
    Facet.PROJECT: marked("Project"),
    Facet.UNIT: marked("Unit"),
    Facet.TYPE: marked("Kind"),
    Facet.FORMAT: marked("Format"),
    Facet.FRESHNESS: marked("Changed within"),
    Facet.TAG: marked("Tag"),
    Facet.CLASSIFICATION: marked("Classification"),
    Facet.NODE: marked("Node"),
    Facet.ACCOUNT: marked("Account"),
}
"""In the order in which they help most."""
VALUES = {
    "day": marked("a day"),
    "week": marked("a week"),
    "month": marked("a month"),
    "year": marked("a year"),
    "older": marked("longer ago"),
    "table": marked("table"),
    "data-product": marked("data product"),
}
SORTS = {
    "relevance": marked("Best match first"),
    "updated": marked("Newest data first"),
    "quality": marked("Best quality first"),
    "name": marked("By name"),
}


@dataclass(frozen=True)
class FacetShown:
    """One facet as it stands beside the results."""

    name: str
    title: str
    counts: FacetCounts


@dataclass(frozen=True)
class Selected:
    """A value that was selected, and the address without it."""

    title: str
    value: str
    address: str


@router.get("/catalog")
def catalog(page: PageDep, asked: Annotated[SearchQuery, Query()]) -> Response:
    """One page of what was found."""
    found = page.rt.search_catalog(page.actor, asked.request())
    return page.show(
        "catalog/search.html",
        fragment="catalog/_found.html",
        asked=asked,
        found=found,
        facets=list(shown_facets(found)),
        selected=list(selected_values(asked)),
        values=VALUES,
        sorts=SORTS,
        next_address=address_of(asked, after=found.after) if found.after else None,
        suggestion_address=address_of(asked, text=found.suggestion) if found.suggestion else None,
    )


def shown_facets(found: SearchPage) -> Iterable[FacetShown]:
    """The facets by which anything can be narrowed: those with several values, or with one selected."""
    for facet, title in FACETS.items():
        counts = found.facets.get(facet)
        if counts and facet is Facet.FRESHNESS:
            counts = replace(counts, values=tuple(sorted(counts.values, key=lambda one: list(VALUES).index(one.value))))
        if counts and (len(counts.values) > 1 or any(value.is_selected for value in counts.values)):
            yield FacetShown(facet.value, title, counts)


def selected_values(asked: SearchQuery) -> Iterable[Selected]:
    """Each selected value, with the way to let it go."""
    for facet, title in FACETS.items():
        values: list[str] = getattr(asked, facet.value)
        for value in values:
            others = [other for other in values if other != value]
            yield Selected(title, value, address_of(asked, **{facet.value: others}))


def address_of(asked: SearchQuery, **otherwise: str | list[str] | None) -> str:
    """The address of this search, with something of it otherwise; from its first page."""
    told = asked.model_dump(mode="json", exclude_defaults=True, exclude={"after"}) | otherwise
    query = urlencode({name: value for name, value in told.items() if value}, doseq=True)
    return f"/catalog?{query}" if query else "/catalog"
