"""`pergamon person`: people and their passwords. People themselves come from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pergamon import identity
from pergamon.cli.ask_password import ask_password, from_stdin_option
from pergamon.cli.context import CliContext, counted, echo_json, json_option, tell
from pergamon.kernel import require
from pergamon.policy import Action, Resource

if TYPE_CHECKING:
    from pergamon.runtime import Runtime
    from pergamon.store import UnitOfWork


@click.group("person")
def person_group() -> None:
    """List people, and set their passwords."""


@person_group.command("ls")
@json_option
@click.pass_obj
def list_command(context: CliContext, as_json: bool) -> None:
    """List the people, their roles, and whether they have a password."""
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        require(runtime.decide(uow, Action.IDENTITY_MANAGE, Resource("principal", "all")))
        people = identity.list_people(uow)
    if as_json:
        echo_json([vars(person) for person in people])
        return
    width = max((len(person.id) for person in people), default=0)
    for person in people:
        state = "active" if person.active else "dropped"
        password = "password" if person.has_password else "no password"
        click.echo(f"{person.id:<{width}}  {state:<7}  {password:<11}  {', '.join(person.roles)}".rstrip())


@person_group.command("set-password")
@click.argument("person")
@from_stdin_option
@json_option
@click.pass_obj
def set_password_command(context: CliContext, person: str, from_stdin: bool, as_json: bool) -> None:
    """Set the password of PERSON, asked for twice. Whoever is logged in with the one before is logged out."""
    principal = identity.person_id(person)
    with context.open() as runtime:
        actor = context.actor(runtime)
        with runtime.begin(actor) as uow:  # before anything is asked
            _may_set(runtime, uow, principal)
        password = ask_password(f"New password of {principal}", from_stdin=from_stdin, twice=True)
        with runtime.begin(actor) as uow:
            _may_set(runtime, uow, principal)
            revoked = identity.set_password(uow, principal, password)
    words = f"{principal}: password set; {counted(revoked, 'login')} with the one before revoked"
    tell({"principal": principal, "logins_revoked": revoked}, words, as_json=as_json)
    click.echo("tokens of `pergamon token issue` still work: `pergamon token ls` lists them", err=True)


def _may_set(runtime: Runtime, uow: UnitOfWork, principal: str) -> None:
    """Raises: AccessDenied, NotFound."""
    require(runtime.decide(uow, Action.IDENTITY_MANAGE, Resource("principal", principal)))
    identity.require_person(uow, principal)
