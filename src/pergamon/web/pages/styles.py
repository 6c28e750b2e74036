"""`/styles`: every component that pages are made of, on one page; for who builds pages, and for who looks at them."""

from starlette.responses import Response

from pergamon.web.pages.charts import bars, lines
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.page import PageDep
from pergamon.web.pages.words import STATES

router = page_router()

COLOURS = ("paper", "surface", "sunken", "line", "ink", "muted", "accent", "good", "warn", "bad", "info")

EXAMPLE = ([1, 3, 5, 8], [7, 5, 3, 0], [4, 4, 4, 4], [2, 6, 1, 5])


@router.get("/styles")
def styles(page: PageDep) -> Response:
    """The components, each as it is used."""
    return page.show(
        "styles.html",
        colours=COLOURS,
        states=STATES,
        example_lines=lines(list("abcd"), range(4), EXAMPLE, floor=0.0),
        example_bars=bars(["a", "b", "c"], [8.0, 5.0, -2.0]),
    )
