"""Signing in with a name and a password, and out again, here or everywhere.

The session is a login as the API knows it (`identity.log_in`): throttled by the same counts, on the same record. Each
sign-in begins a new one and ends the one that the browser came with: a session that somebody planted is worth nothing.
"""

from contextlib import suppress
from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from pergamon import identity
from pergamon.identity import LONGEST_PASSWORD, LoginBusy, TooManyAttempts, Unauthenticated
from pergamon.kernel import NotFound, new_secret
from pergamon.runtime import Runtime
from pergamon.web.errors import status_of
from pergamon.web.pages import cookies
from pergamon.web.pages.error_page import SIGN_IN
from pergamon.web.pages.forms import FormNotValid
from pergamon.web.pages.genuine import form_token, page_router
from pergamon.web.pages.next_page import local_path
from pergamon.web.pages.page import Form, Look, LookDep, PageDep

router = page_router()


class SignInForm(Form):
    """Who, with which password, and where to go then."""

    person: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
    password: Annotated[str, Field(min_length=1, max_length=LONGEST_PASSWORD, repr=False)]
    next: Annotated[str, Field(max_length=4_000)] = "/"


class Nothing(Form):
    """A form that is only a button."""


@router.get("/sign-in")
def sign_in_page(look: LookDep, next: str = "/") -> Response:
    """Where one signs in."""
    return _shown(look, next_path=local_path(next))


@router.post("/sign-in")
def sign_in(look: LookDep) -> Response:
    """Begin a session."""
    try:
        asked = look.form(SignInForm)
    except FormNotValid:
        return _shown(look, next_path="/", failure="incomplete", status=422)
    scope, earlier = look.request.scope, cookies.session_token(look.request.scope)
    try:
        login = look.rt.log_in(asked.person.strip(), asked.password, previous_token=earlier)
    except (Unauthenticated, TooManyAttempts, LoginBusy) as error:
        wait_s = getattr(error, "retry_after_s", None)
        failure = "wait" if wait_s else "wrong"
        return _shown(
            look,
            next_path=local_path(asked.next),
            failure=failure,
            wait_s=wait_s,
            person=asked.person,
            status=status_of(error),
        )
    if earlier is not None:
        _end(look.rt, earlier)
    response = look.go(local_path(asked.next))
    cookies.set_cookie(response, scope, cookies.SESSION, login.token)
    cookies.end_cookie(response, scope, cookies.VISIT)
    return response


@router.post("/sign-out")
def sign_out(page: PageDep) -> Response:
    """End this session."""
    page.form(Nothing)
    token = cookies.session_token(page.request.scope)
    if token is not None:
        _end(page.rt, token)
    return _gone(page, "signed-out")


@router.post("/sign-out-everywhere")
def sign_out_everywhere(page: PageDep) -> Response:
    """End every session that this person began with a password, on any device."""
    page.form(Nothing)
    with page.begin() as uow:
        identity.revoke_login_tokens(uow, page.actor.id)
    return _gone(page, "signed-out-everywhere")


def _end(rt: Runtime, token: str) -> None:
    """End a session that is still good; of one that is not, there is nothing to end."""
    with suppress(Unauthenticated, NotFound):
        actor = rt.authenticate(token)
        with rt.begin(actor) as uow:
            identity.log_out(uow, token)


def _gone(page: Look, said: str) -> Response:
    response = page.go(SIGN_IN, said=said)
    cookies.end_cookie(response, page.request.scope, cookies.SESSION)
    return response


def _shown(
    look: Look,
    *,
    next_path: str,
    failure: str | None = None,
    wait_s: int | None = None,
    person: str = "",
    status: int = 200,
) -> Response:
    """The page, its form bound to this visit."""
    scope = look.request.scope
    secret = cookies.session_token(scope) or cookies.cookie(scope, cookies.VISIT)
    fresh = None if secret else new_secret()
    response = look.show(
        "sign_in.html",
        status=status,
        next_path=next_path,
        failure=failure,
        wait_s=wait_s,
        person=person,
        form_token=form_token(secret or fresh or ""),
    )
    if fresh is not None:
        cookies.set_cookie(response, scope, cookies.VISIT, fresh)
    if wait_s is not None:
        response.headers["Retry-After"] = str(wait_s)
    return response
