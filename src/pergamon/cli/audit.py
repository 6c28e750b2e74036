"""`pergamon audit`: read and verify the trail."""

import json
from contextlib import suppress

import click

from pergamon import audit
from pergamon.cli.context import CliContext, echo_json, json_option
from pergamon.kernel import Conflict, require
from pergamon.policy import Action, Resource

TRAIL = Resource("trail", "main")


class TrailBroken(Conflict):
    """The trail is not what it was."""

    code = "audit.trail_broken"


@click.group("audit")
def audit_group() -> None:
    """Read and verify the trail."""


@audit_group.command("verify")
@json_option
@click.pass_obj
def verify_command(context: CliContext, as_json: bool) -> None:
    """Recompute the whole chain and hold it against the signed heads."""
    with context.open() as runtime:
        actor = context.actor(runtime)
        with suppress(audit.ChainBroken, audit.SigningKeyMissing):  # the verdict will say where
            runtime.seal_trail()
        with runtime.begin(actor) as uow:
            require(runtime.decide(uow, Action.AUDIT_VERIFY, TRAIL))
            verdict = audit.verify_trail(uow, runtime.head_file)
        if as_json:
            echo_json(
                {
                    "intact": verdict.intact,
                    "length": verdict.length,
                    "sealed_length": verdict.sealed_length,
                    "unsealed": verdict.unsealed,
                    "faults": [vars(fault) for fault in verdict.faults],
                    "public_key": runtime.head_file.public_key_hex(),
                }
            )
        else:
            _print_verdict(verdict)
    if not verdict.intact:
        raise TrailBroken("the trail is not what it was", hint="keep the database and the signed heads as they are")


@audit_group.command("log")
@click.option("--subject", help="Only entries about this, as table:raw_db.patients.")
@click.option("--code", help="Only entries of this kind, as query.ran.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@json_option
@click.pass_obj
def log_command(context: CliContext, subject: str | None, code: str | None, limit: int, as_json: bool) -> None:
    """Print the newest entries, newest first."""
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        require(runtime.decide(uow, Action.AUDIT_READ, TRAIL))
        entries = audit.read_trail(uow, subject=subject, code=code, limit=limit)
    if as_json:
        echo_json([{**vars(entry), "facts": json.loads(entry.facts)} for entry in entries])
        return
    for entry in entries:
        who = f"{entry.operator} as {entry.actor}" if entry.operator else entry.actor
        click.echo(one_line(f"{entry.at:%Y-%m-%d %H:%M:%S}  {who:<24} {entry.code:<28} {entry.subject}  {entry.facts}"))


def one_line(text: str) -> str:
    """Text as a terminal may show it: a name from a source cannot forge another entry, or speak to the terminal."""
    return "".join(c if c.isprintable() else "·" for c in text)


def _print_verdict(verdict: audit.Verdict) -> None:
    for fault in verdict.faults:
        where = f"entry {fault.seq}: " if fault.seq else ""
        click.echo(f"✗ {where}{fault.what}" + (f" ({fault.event_id})" if fault.event_id else ""))
    if verdict.intact:
        click.echo(f"✓ {verdict.length} entries, chain intact, {verdict.sealed_length} sealed by a signed head")
    if verdict.unsealed:
        click.echo(f"  {verdict.unsealed} newer entries are not sealed yet")
