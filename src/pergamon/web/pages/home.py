"""`/`: what waits for me, what became of what I asked for, what I did last, and what ends soon."""

from starlette.responses import Response

from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.page import PageDep

router = page_router()


@router.get("/")
def home(page: PageDep) -> Response:
    """The first page of whoever has signed in."""
    return page.show("home.html")
