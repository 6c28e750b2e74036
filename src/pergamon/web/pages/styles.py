"""`/styles`: every component that pages are made of, on one page; for who builds pages, and for who looks at them."""

from starlette.responses import Response

from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.page import PageDep
from pergamon.web.pages.words import STATES

router = page_router()

COLOURS = ("paper", "surface", "sunken", "line", "ink", "muted", "accent", "good", "warn", "bad", "info")


@router.get("/styles")
def styles(page: PageDep) -> Response:
    """The components, each as it is used."""
    return page.show("styles.html", colours=COLOURS, states=STATES)
