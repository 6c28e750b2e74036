"""`pergamon run`, `runs`, `tracker`: start a workflow and watch it, see what ran, and what the tracker holds."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from pergamon import pipeline
from pergamon.cli.context import CliContext, counted, echo_json, json_option, tell
from pergamon.kernel import Actor, Invalid, Unavailable, require
from pergamon.policy import Action, Resource
from pergamon.runtime import Runtime

LOOK_EVERY_S = 0.15
LOOK_AGAIN_AFTER_S = 2.0
GOODBYE_S = 10.0


class RunFailed(Invalid):
    """A run ended as failed; its parts say why."""

    code = "run.failed"


class WorkerEnded(Unavailable):
    """The worker ended before the run did; the run goes on when a worker starts."""

    code = "run.worker_ended"


@click.command("run")
@click.argument("workflow")
@click.option("--with-dependents", is_flag=True, help="Then run the workflows that run after it.")
@click.option("--trusted-host", is_flag=True, help="Where namespaces are forbidden and nobody else uses this host.")
@json_option
@click.pass_obj
def run_command(context: CliContext, workflow: str, with_dependents: bool, trusted_host: bool, as_json: bool) -> None:
    """Run a workflow to its end. Interrupted, it goes on with the next worker."""
    with context.open() as runtime:
        actor = context.actor(runtime)
        with runtime.begin(actor) as uow:
            run_id = pipeline.request_run(uow, workflow, dependents=with_dependents)
        with _some_worker(runtime, trusted_host) as worker:
            ended = list(_follow(runtime, actor, run_id, worker, quiet=as_json))
    if as_json:
        echo_json([_document(run) for run in ended])
    failed = [run for run in ended if run.state == "failed"]
    if failed:
        raise RunFailed(f"{failed[0].workflow} failed: {failed[0].failure}", hint="see `pergamon runs`")


@click.command("runs")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@json_option
@click.pass_obj
def runs_command(context: CliContext, limit: int, as_json: bool) -> None:
    """What ran, newest first."""
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        require(runtime.decide(uow, Action.WORKFLOW_READ, Resource("workflow", "all")))
        runs = pipeline.list_runs(uow, limit)
    if as_json:
        echo_json(runs)
        return
    for run in runs:
        ended = f"{run['ended_at']:%Y-%m-%d %H:%M:%S}" if run["ended_at"] else "-"
        click.echo(
            f"{run['requested_at']:%Y-%m-%d %H:%M:%S}  {ended:19}  {run['state']:9}  {run['workflow']}  {run['id']}"
        )
        if run["failure"]:
            click.echo(f"    {run['failure']}")


@click.group("tracker")
def tracker_group() -> None:
    """Landed files: which wait, which are merged, which are set aside."""


@tracker_group.command("ls")
@click.option("--state", type=click.Choice([state.value for state in pipeline.FileState]))
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 100_000))
@json_option
@click.pass_obj
def ls_command(context: CliContext, state: str | None, limit: int, as_json: bool) -> None:
    """List landed files in the order of their sources."""
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        require(runtime.decide(uow, Action.TRACKER_READ, Resource("tracker", "all")))
        files = pipeline.list_files(uow, state=state, limit=limit)
    if as_json:
        echo_json(files)
        return
    for file in files:
        click.echo(f"{file['state']:11}  {file['row_count']:>9}  {file['last_position']}  {file['path']}  {file['id']}")
        if file["reason"]:
            click.echo(f"    {file['reason']}")


@tracker_group.command("replay")
@click.argument("file_id")
@json_option
@click.pass_obj
def replay_command(context: CliContext, file_id: str, as_json: bool) -> None:
    """Let a quarantined file be tried again."""
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        pipeline.replay_file(uow, file_id)
    tell({"file": file_id}, f"{file_id}: it will be tried again", as_json=as_json)


@tracker_group.command("skip")
@click.argument("file_id")
@click.option("--reason", required=True, help="Why; kept in the trail.")
@json_option
@click.pass_obj
def skip_command(context: CliContext, file_id: str, reason: str, as_json: bool) -> None:
    """Go on without a quarantined file: its changes are lost."""
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        pipeline.skip_file(uow, file_id, reason=reason)
    tell({"file": file_id}, f"{file_id}: skipped", as_json=as_json)


class _SomeWorker:
    """A worker that ends when no run is left. Where one runs already, ours ends at once, and that one does the work."""

    def __init__(self, runtime: Runtime, trusted_host: bool) -> None:
        self._runtime, self._trusted_host = runtime, trusted_host
        self._process = self._launch()
        self._ended_at: float | None = None

    def _launch(self) -> subprocess.Popen[bytes]:
        return self._runtime.launch_worker(["--until-idle"], trusted_host=self._trusted_host)

    def keep(self) -> None:
        """See to it that there is a worker.

        Raises:
            WorkerEnded: it could not do its work.
        """
        status = self._process.poll()
        if status is None:
            return
        if status != 0:
            raise WorkerEnded(f"the worker ended with {status}", hint="run the same command again; the run goes on")
        self._ended_at = self._ended_at or time.monotonic()
        if time.monotonic() - self._ended_at > LOOK_AGAIN_AFTER_S:
            self._process, self._ended_at = self._launch(), None

    def end(self) -> None:
        """Let it say goodbye; it has nothing left to do, unless others asked for runs."""
        try:
            self._process.wait(GOODBYE_S)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            self._process.wait()


@contextmanager
def _some_worker(runtime: Runtime, trusted_host: bool) -> Iterator[_SomeWorker]:
    worker = _SomeWorker(runtime, trusted_host)
    try:
        yield worker
    finally:
        worker.end()


def _follow(runtime: Runtime, actor: Actor, run_id: str, worker: _SomeWorker, *, quiet: bool) -> Iterator[pipeline.Run]:
    """Watch a run, then those that it causes. Yields: each when it has ended.

    Raises:
        WorkerEnded: nobody carries it out any more.
    """
    waiting = [run_id]
    while waiting:
        told: set[tuple[str, str]] = set()
        current = waiting.pop(0)
        while True:
            with runtime.begin(actor) as uow:
                run = pipeline.read_run(uow, current)
                caused = pipeline.runs_caused_by(uow, current) if run.has_ended else []
            if not quiet:
                _tell(run, told)
            if run.has_ended:
                break
            worker.keep()
            time.sleep(LOOK_EVERY_S)
        waiting += caused
        yield run


def _tell(run: pipeline.Run, told: set[tuple[str, str]]) -> None:
    """Say what has changed since we last looked."""
    if not told:
        told.add((run.id, ""))
        click.echo(f"{run.workflow}: run {run.id}")
    for part in run.parts:
        seen = (part["name"], part["state"])
        if part["state"] != "running" and seen not in told:
            told.add(seen)
            seconds = (part["ended_at"] - part["started_at"]).total_seconds()
            mark = "✓" if part["state"] == "succeeded" else "✗"
            click.echo(f"  {mark} {part['name']}: {_counts(part['detail'])} ({seconds:.1f} s)")
    if run.has_ended:
        click.echo(f"{run.workflow}: {run.state}")


def _counts(detail: dict[str, Any]) -> str:
    """What a part did, in words. Any: counts and names, as the part wrote them."""
    if "message" in detail:
        return str(detail["message"])
    if isinstance(detail.get("rows"), dict):
        return ", ".join(f"{counted(rows, 'row')} in {table}" for table, rows in detail["rows"].items())
    if detail.get("waiting"):
        return "waits for the rest of its full load"
    if not detail.get("files"):
        return "nothing new"
    rows, files, commits = (counted(detail[f"{noun}s"], noun) for noun in ("row", "file", "commit"))
    return f"{rows} from {files} in {commits}"


def _document(run: pipeline.Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "workflow": run.workflow,
        "state": run.state,
        "cause": run.cause,
        "run_at": run.run_at,
        "failure": run.failure,
        "parts": list(run.parts),
    }
