"""`pergamon replication`: test a source, run a task, stop it, see where it stands, print the administrator's script."""

import signal
import threading
from dataclasses import asdict
from datetime import datetime, timedelta
from types import FrameType

import click

from pergamon import replicate
from pergamon.cli.catalog import Door, Json, answering, in_path
from pergamon.cli.context import CliContext, counted, echo_json, json_option, tell
from pergamon.kernel import size_text
from pergamon.runtime import Runtime
from pergamon.store import UnitOfWork

SUPERVISED_LOOK_S = 2.0


@click.group("replication")
def replication_group() -> None:
    """Sources: test, start, stop, status, lag, script."""


@replication_group.command("test")
@click.argument("task")
@json_option
@click.pass_obj
def test_command(context: CliContext, task: str, as_json: bool) -> None:
    """Ask a task's source everything that a start would need. Changes nothing."""
    with context.open() as runtime:
        found = runtime.test_replication(context.actor(runtime), task)
    if as_json:
        echo_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            mark = "✓" if finding.ok and not finding.hint else "!" if finding.ok else "✗"
            click.echo(f"{mark} {finding.check}: {finding.message}")
            if finding.hint:
                click.echo(f"    hint: {finding.hint}")
    failed = [finding for finding in found if not finding.ok]
    if failed:
        raise replicate.SourceRefused(
            f"the source of {task} is not ready: {len(failed)} of {len(found)} checks failed", hint=failed[0].hint
        )


@replication_group.command("start")
@click.argument("task")
@click.option("--until-caught-up", is_flag=True, help="End once everything that the source has now has landed.")
@click.option("--supervised", is_flag=True, help="Under `pergamon up`: when asked to stop, wait for the next start.")
@click.option("--reload", is_flag=True, help="Forget where the task stood and load every table anew.")
@json_option
@click.pass_obj
def start_command(
    context: CliContext, task: str, *, until_caught_up: bool, supervised: bool, reload: bool, as_json: bool
) -> None:
    """Run a task in the foreground until Ctrl-C, SIGTERM or `replication stop`."""
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    with context.open() as runtime:
        while supervised and not stop.is_set() and _is_stop_asked(context, runtime, task):
            stop.wait(SUPERVISED_LOOK_S)
        if supervised and stop.is_set():
            return
        outcome = runtime.run_replication(
            context.actor(runtime),
            task,
            until_caught_up=until_caught_up,
            reload=reload,
            should_stop=stop.is_set,
            progress=None if as_json else _say_landed,
        )
    if as_json:
        echo_json(asdict(outcome))
        return
    for warning in outcome.warnings:
        click.echo(f"! {warning}")
    rows, files = counted(outcome.rows_landed, "row"), counted(outcome.files_landed, "file")
    click.echo(f"{task}: {rows} in {files} landed; {outcome.state.value}")


@replication_group.command("stop")
@click.argument("task")
@json_option
@click.pass_obj
def stop_command(context: CliContext, task: str, as_json: bool) -> None:
    """Ask a running task to land what it holds and end."""
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        replicate.stop_replication(uow, task)
    tell({"task": task}, f"{task}: asked to stop", as_json=as_json)


@replication_group.command("status")
@click.argument("task", required=False)
@json_option
@click.pass_obj
def status_command(context: CliContext, task: str | None, as_json: bool) -> None:
    """Where each task stands, and how far behind its source it is."""
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        found = [status for status in replicate.status_of_tasks(uow) if task in (None, status.name)]
    if as_json:
        echo_json([{**asdict(status), "lag_bytes": status.lag_bytes} for status in found])
        return
    for status in found:
        click.echo(
            f"{status.name}: {status.state.value} since {status.since:%Y-%m-%d %H:%M:%S}, "
            f"{counted(status.rows_landed, 'row')} landed up to {replicate.lsn_text(status.landed_lsn)}, "
            f"{size_text(status.lag_bytes)} behind"
        )
        for line in [status.message, *status.warnings]:
            if line:
                click.echo(f"    {line}")


def _echo_lag(points: list[Json]) -> None:
    for point in points:
        behind, rows = size_text(point["lag_bytes"]), counted(point["rows"], "row")
        click.echo(f"{datetime.fromisoformat(point['at']):%Y-%m-%d %H:%M}  {behind} behind, {rows} landed")


@replication_group.command("lag")
@click.argument("task")
@click.option(
    "--hours", default=24, show_default=True, type=click.IntRange(1, 48), help="How far back; two days are kept."
)
@answering(_echo_lag)
def lag_command(door: Door, *, task: str, hours: int) -> list[Json]:
    """How far behind its source a task was, minute by minute, the newest last."""

    def here(uow: UnitOfWork) -> Json:
        replicate.replication_task(uow, task)
        found = replicate.lag_of_task(uow, task, uow.now - timedelta(hours=hours))
        return {"points": [asdict(point) | {"at": point.at.isoformat()} for point in found]}

    told: Json = door.get(f"/api/v1/replication/{in_path(task)}/lag?hours={hours}", here)
    return list(told["points"])


@replication_group.command("script")
@click.argument("task")
@click.pass_obj
def script_command(context: CliContext, task: str) -> None:
    """Print the SQL that the source's administrator runs once."""
    with context.open() as runtime:
        click.echo(runtime.replication_script(context.actor(runtime), task), nl=False)


def _is_stop_asked(context: CliContext, runtime: Runtime, task: str) -> bool:
    with runtime.begin(context.actor(runtime)) as uow:
        return replicate.is_stop_asked(uow, task)


def _say_landed(manifest: replicate.Manifest) -> None:
    click.echo(f"  landed {manifest.path}: {counted(manifest.rows, 'row')}")
