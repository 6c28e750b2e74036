"""How pages look to somebody: in which language, light or dark. Kept on the device; nothing of it is kept here."""

from typing import Annotated, Literal

from pydantic import Field
from starlette.responses import Response

from pergamon.web.pages import cookies
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.next_page import local_path
from pergamon.web.pages.page import Form, LookDep

router = page_router()


class PreferencesForm(Form):
    """What to choose. `auto`: as the browser says."""

    language: Literal["auto", "en", "de"] | None = None
    theme: Literal["auto", "light", "dark"] | None = None
    next: Annotated[str, Field(max_length=4_000)] = "/"


@router.post("/preferences")
def choose(look: LookDep) -> Response:
    """Keep a choice, then back to where it was made."""
    asked = look.form(PreferencesForm)
    response = look.go(local_path(asked.next))
    for name, chosen in ((cookies.LANGUAGE, asked.language), (cookies.THEME, asked.theme)):
        if chosen == "auto":
            cookies.end_cookie(response, look.request.scope, name)
        elif chosen is not None:
            cookies.set_cookie(response, look.request.scope, name, chosen, max_age_s=cookies.A_YEAR_S)
    return response
