"""`pergamon audit`: read and verify the trail, as the operator or as an auditor at a server."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from pergamon.cli.client import client_at
from pergamon.cli.context import CliContext, echo_json, json_option
from pergamon.cli.one_line import one_line
from pergamon.cli.query import server_option, token_file_option
from pergamon.kernel import Conflict

DAY = click.DateTime(["%Y-%m-%d"])

Told = dict[str, Any]  # Any: JSON


class TrailBroken(Conflict):
    """The trail is not what it was."""

    code = "audit.trail_broken"


@click.group("audit")
def audit_group() -> None:
    """Read and verify the trail."""


@audit_group.command("verify")
@server_option
@token_file_option
@json_option
@click.pass_obj
def verify_command(context: CliContext, server: str | None, token_file: Path | None, as_json: bool) -> None:
    """Recompute the whole chain and hold it against the signed heads."""
    if server is not None:
        verdict: Told = client_at(server, token_file).get("/api/v1/trail/verification")
    else:
        with context.open() as runtime:
            found = runtime.verify_trail(context.actor(runtime))
            verdict = found.as_json(runtime.head_file.public_key_hex())
    if as_json:
        echo_json(verdict)
    else:
        _print_verdict(verdict)
    if not verdict["intact"]:
        raise TrailBroken("the trail is not what it was", hint="keep the database and the signed heads as they are")


@audit_group.command("log")
@click.option("--subject", help="Only entries about this: table:raw_db.patients, or raw_db.patients alone.")
@click.option("--code", help="Only entries of this kind, as query.ran.")
@click.option("--by", metavar="ACTOR", help="Only what this one did: a person's name, service:NAME or operator:NAME.")
@click.option("--since", type=DAY, metavar="DAY", help="Only from this day on, as 2026-01-31; UTC.")
@click.option("--until", type=DAY, metavar="DAY", help="Only up to the end of this day; UTC.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@server_option
@token_file_option
@json_option
@click.pass_obj
def log_command(
    context: CliContext,
    *,
    subject: str | None,
    code: str | None,
    by: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Print the newest entries, newest first."""
    first = since.replace(tzinfo=UTC) if since else None
    end = until.replace(tzinfo=UTC, hour=23, minute=59, second=59, microsecond=999_999) if until else None
    if server is not None:
        moments = {"since": first.isoformat() if first else None, "until": end.isoformat() if end else None}
        asked = {"subject": subject, "code": code, "by": by, **moments, "limit": limit}
        words = urlencode({name: value for name, value in asked.items() if value is not None})
        entries: list[Told] = client_at(server, token_file).get(f"/api/v1/trail?{words}")["entries"]
    else:
        with context.open() as runtime:
            found = runtime.read_trail(
                context.actor(runtime), subject=subject, code=code, by=by, since=first, until=end, limit=limit
            )
            entries = [entry.as_json() for entry in found]
    if as_json:
        echo_json(entries)
        return
    for entry in entries:
        click.echo(_line(entry))


def _line(entry: Told) -> str:
    who = f"{entry['operator']} as {entry['actor']}" if entry["operator"] else entry["actor"]
    at = datetime.fromisoformat(entry["at"])
    facts = json.dumps(entry["facts"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return one_line(f"{at:%Y-%m-%d %H:%M:%S}  {who:<24} {entry['code']:<28} {entry['subject']}  {facts}")


def _print_verdict(verdict: Told) -> None:
    for fault in verdict["faults"]:
        where = f"entry {fault['seq']}: " if fault["seq"] else ""
        event = f" ({fault['event_id']})" if fault["event_id"] else ""
        click.echo(one_line(f"✗ {where}{fault['what']}{event}"))
    if verdict["intact"]:
        sealed = verdict["sealed_length"]
        click.echo(f"✓ {verdict['length']} entries, chain intact, {sealed} sealed by a signed head")
    if verdict["unsealed"]:
        click.echo(f"  {verdict['unsealed']} newer entries are not sealed yet")
