"""`pergamon up`, `down`, `status`: the installation as a running whole.

`up` stays in the foreground (a service manager's way) and supervises: the web process, the worker in its network
namespace, one replicator for each started task, and the sequencer of the trail as a thread of its own.
"""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx

from pergamon import audit
from pergamon.cli.context import CliContext, counted, echo_json, json_option
from pergamon.cli.supervise import Part, Supervisor, python_module
from pergamon.kernel import Conflict, LoadedWhenUsed, NotFound, PergamonError, durable_write, require
from pergamon.policy import Action, Resource
from pergamon.runtime import Runtime, require_database_in_reach
from pergamon.settings import Settings

if TYPE_CHECKING:
    from pergamon import deploy, replicate
else:
    deploy = LoadedWhenUsed("pergamon.deploy")
    replicate = LoadedWhenUsed("pergamon.replicate")

STOP_TIMEOUT_S = 60
DEFAULT_SEAL_EVERY_S = 1.0


class AlreadyUp(Conflict):
    """The installation runs already."""

    code = "operate.already_up"


class PortTaken(Conflict):
    """The port of the API is used by another program."""

    code = "operate.port_taken"


class NotUp(NotFound):
    """The installation does not run."""

    code = "operate.not_up"


@click.command("up")
@click.option(
    "--port", default=8620, show_default=True, type=click.IntRange(1, 65535), help="Loopback port of the API."
)
@click.option("--worker/--no-worker", default=True, help="Run workflows and schedules here.")
@click.option("--replication/--no-replication", default=True, help="Run the tasks that are started.")
@click.option("--trusted-host", is_flag=True, help="Where namespaces are forbidden and nobody else uses this host.")
@click.pass_obj
def up_command(context: CliContext, port: int, *, worker: bool, replication: bool, trusted_host: bool) -> None:
    """Start the platform; stop it with Ctrl-C or `pergamon down`."""
    if worker and not trusted_host:
        require_database_in_reach(context.settings)
    with context.open() as runtime:
        _require_operating(context, runtime)
        note = runtime.settings.home / "up.json"
        running = read_note(runtime.settings)
        if running is not None:
            raise AlreadyUp(f"it runs already, as process {running['pid']}", hint="pergamon down")
        require_free_port(port)
        parts = parts_of(runtime, port=port, worker=worker, replication=replication, trusted_host=trusted_host)
        supervisor = Supervisor(parts, lambda part, what: click.echo(f"{part.name}: {what}"))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: supervisor.request_stop())
        durable_write(
            note, json.dumps({"pid": os.getpid(), "started": _start_time(os.getpid()), "port": port}).encode()
        )
        stop_sealing = threading.Event()
        sealing = threading.Thread(target=keep_sealing, args=(runtime, stop_sealing), name="sequencer", daemon=True)
        sealing.start()
        click.echo(f"Pergamon starts; data in {runtime.settings.home}")
        threading.Thread(target=tell_when_it_answers, args=(port, stop_sealing), name="herald", daemon=True).start()
        try:
            supervisor.run()
        finally:
            stop_sealing.set()
            sealing.join(timeout=10)
            note.unlink(missing_ok=True)
        click.echo("stopped")


def _require_operating(context: CliContext, runtime: Runtime) -> None:
    with runtime.begin(context.actor(runtime)) as uow:
        require(runtime.decide(uow, Action.PLATFORM_OPERATE, Resource("platform", "main")))


def require_free_port(port: int) -> None:
    """
    Raises:
        PortTaken: another program listens there, perhaps another installation's API.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise PortTaken(f"port {port} is taken", hint="choose another with --port") from None


def parts_of(runtime: Runtime, *, port: int, worker: bool, replication: bool, trusted_host: bool) -> list[Part]:
    """The processes that this installation is made of, from what is deployed."""
    home, logs = str(runtime.settings.home), runtime.settings.logs
    accepted = ["--without-landlock"] if runtime.settings.without_landlock else []
    web = python_module("pergamon.web", "--home", home, "--port", str(port), *accepted)
    parts = [Part("web", web, logs / "web.log")]
    if worker:
        alone = [*(["--trusted-host"] if trusted_host else []), *accepted]
        parts.append(Part("worker", python_module("pergamon.worker", "--home", home, *alone), logs / "worker.log"))
    if replication:
        with runtime.begin(runtime.operator()) as uow:
            names = replicate.tasks_to_run(uow)
        parts += [
            Part(
                f"replication {name}",
                python_module("pergamon.cli", "--home", home, "replication", "start", name, "--supervised"),
                logs / f"replication-{name}.log",
            )
            for name in names
        ]
    return parts


def keep_sealing(runtime: Runtime, stop: threading.Event) -> None:
    """The sequencer: chain and sign what was committed, every second or as the configuration says.

    It is also the first to notice that PostgreSQL is gone, so it starts the embedded one again.
    """
    while not stop.is_set():
        wait_s = DEFAULT_SEAL_EVERY_S
        try:
            runtime.keep_database_running()
            with runtime.begin(runtime.service("sequencer")) as uow:
                spec = audit.read_audits(uow).get("audit")
            wait_s = spec.seal_every_s if isinstance(spec, audit.AuditSpec) else DEFAULT_SEAL_EVERY_S
            runtime.seal_trail()
        except PergamonError as error:
            click.echo(f"sequencer: {error.message}; trying again", err=True)
        stop.wait(wait_s)


def tell_when_it_answers(port: int, stop: threading.Event) -> None:
    """Say that it is up once it is: processes that have started do not answer yet."""
    address = f"http://127.0.0.1:{port}"
    while not stop.wait(0.2):
        with suppress(httpx.HTTPError):
            if httpx.get(f"{address}/healthz", timeout=2, trust_env=False).is_success:
                click.echo(f"Pergamon is up: {address}")
                return


@click.command("down")
@click.pass_obj
def down_command(context: CliContext) -> None:
    """Stop a running installation and wait until it has stopped."""
    if context.as_person:  # the operator may in any case, and must be able to when PostgreSQL is gone
        with context.open() as runtime:
            _require_operating(context, runtime)
    running = read_note(context.settings)
    if running is None:
        raise NotUp("it does not run", hint="pergamon up")
    os.kill(running["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while read_note(context.settings) is not None:
        if time.monotonic() > deadline:
            raise Conflict(f"process {running['pid']} does not stop", hint="look at its log, then end it yourself")
        time.sleep(0.1)
    click.echo("stopped")


@click.command("status")
@json_option
@click.pass_obj
def status_command(context: CliContext, as_json: bool) -> None:
    """Say what runs, what is deployed, how replication stands, and what to do next."""
    running = read_note(context.settings)
    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        tasks = [vars_of_status(status) for status in replicate.status_of_tasks(uow)]
        deployments = deploy.count_resources(uow)
        database = uow.row("SELECT current_setting('server_version') AS version")
    status = {
        "home": str(context.settings.home),
        "up": running is not None,
        "api": f"http://127.0.0.1:{running['port']}" if running else None,
        "postgresql": database["version"] if database else None,
        "deployments": deployments,
        "replication": tasks,
    }
    if as_json:
        echo_json(status)
        return
    click.echo(f"data         {status['home']}")
    click.echo(f"platform     {'up, ' + str(status['api']) if running else 'not up'}")
    click.echo(f"postgresql   {status['postgresql']}")
    for name, count in deployments.items():
        click.echo(f"deployed     {name}: {counted(count, 'resource')}")
    for task in tasks:
        click.echo(f"replication  {task['name']}: {task['state']}")
    if hint := what_next(deployments, is_up=running is not None):
        click.echo(f"next         {hint}")


def what_next(deployments: Mapping[str, int], *, is_up: bool) -> str | None:
    """What somebody who looks at an installation would do with it now; nothing when it runs."""
    if not deployments:
        return "nothing is deployed: `pergamon init` or `pergamon quickstart` write a configuration, `deploy` takes it"
    return None if is_up else "pergamon up"


def read_note(settings: Settings) -> dict[str, Any] | None:
    """The process that `up` runs as, if it is still that process."""
    try:
        note = json.loads((settings.home / "up.json").read_text())
    except (OSError, ValueError):
        return None
    alive = _start_time(note["pid"]) == note["started"]
    return note if alive else None


def vars_of_status(status: Any) -> dict[str, Any]:  # Any: the room's own frozen value
    return {name: getattr(status, name) for name in status.__dataclass_fields__}


def _start_time(pid: int) -> str:
    """When a process started, in ticks since boot: with its number, this names it uniquely."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""
