"""`pergamon demo`: the whole way on a sample hospital, each stage by the command that a user would type.

The demo is a script, not a shortcut: every `$ pergamon …` that it prints is run as a process of its own, the two people
are clients with tokens over the API, and what it shows is what those commands answered.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx

from pergamon.cli.context import CliContext
from pergamon.cli.demo_access import ask_and_decide, query_what_was_given
from pergamon.cli.demo_assets import share_a_folder
from pergamon.cli.operate import read_note
from pergamon.cli.supervise import stop_process
from pergamon.kernel import Conflict, Unavailable, durable_write, make_durable_directory
from pergamon.runtime import free_port, sample_source
from pergamon.settings import Settings

START_TIMEOUT_S = 60
STAGES = 12
MARKER = ".pergamon-demo"
"""Only a directory with this file in it is ever emptied."""


class DemoStageFailed(Unavailable):
    """A command of the demo failed; its own message stands above."""

    code = "demo.stage_failed"


class DemoInUse(Conflict):
    """The demo's directory is in use or is not a demo's."""

    code = "demo.in_use"


@click.command("demo")
@click.option("--directory", type=click.Path(path_type=Path), default=Path(".demo"), show_default=True)
@click.option("--patients", default=200, show_default=True, type=click.IntRange(20, 1_000_000))
@click.option("--changes", default=300, show_default=True, type=click.IntRange(1, 1_000_000), help="Live transactions.")
@click.pass_obj
def demo_command(context: CliContext, directory: Path, patients: int, changes: int) -> None:
    """Run the whole way on sample data: replicate, merge, transform, query; upload, crawl, publish, find; verify."""
    started = time.monotonic()
    demo = Demo(prepare_directory(directory.absolute()))
    with demo.hospital():
        demo.fill_the_hospital(patients)
        demo.deploy()
        with demo.platform():
            demo.replicate_and_merge()
            demo.query_as_two_people()
            demo.change_the_hospital(changes)
            demo.refuse_a_query()
            share_a_folder(demo)
            ask_and_decide(demo)
            query_what_was_given(demo)
            demo.verify_the_trail()
            demo.say_how_to_go_on(time.monotonic() - started)


def prepare_directory(directory: Path) -> Path:
    """An empty private directory for the demo; what an earlier demo left there is removed.

    Raises:
        DemoInUse: it is not a demo's, or the platform of an earlier demo still runs.
    """
    if directory.exists() and any(directory.iterdir()):
        if not (directory / MARKER).exists():
            raise DemoInUse(f"{directory} is not a demo's directory", hint="choose another with --directory")
        if read_note(Settings(home=directory / "home")) is not None:
            raise DemoInUse("the platform of an earlier demo runs", hint=f"pergamon --home {directory / 'home'} down")
        shutil.rmtree(directory)
    make_durable_directory(directory)
    durable_write(directory / MARKER, b"")
    return directory


class Demo:
    """One run of the demo in its directory: `home/` (data), `config/` (documents), `hospital/` (a `sample serve`)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home, self.config = directory / "home", directory / "config"
        self.source = sample_source(directory / "hospital" / "server")
        self.port = free_port()
        self.stage = 0
        self.up: subprocess.Popen[bytes] | None = None

    # --- the stages ---

    @contextmanager
    def hospital(self) -> Iterator[None]:
        """The hospital's own PostgreSQL, a cluster apart from the platform's."""
        self.title("A hospital: a PostgreSQL database of its own")
        with self.source.in_use():
            durable_write(self.directory / "hospital" / "hospital.url", self.source.conninfo.encode())
            yield

    def fill_the_hospital(self, patients: int) -> None:
        self.pergamon(
            "sample", "hospital", "--database-url-file", self.path("hospital/hospital.url"), "--patients", patients
        )

    def deploy(self) -> None:
        self.title("A configuration: from a starter kit to a deployed platform")
        source = self.source.parameters()
        context = {
            "source-host": source["host"],
            "source-port": source["port"],
            "source-database": source["dbname"],
            "source-user": source["user"],
        }
        settings = [word for name, value in context.items() for word in ("--set", f"{name}={value}")]
        self.pergamon("init", "health-data-accelerator", self.path("config"), *settings)
        self.keep_password()
        self.pergamon("ls", "-C", self.path("config"))
        self.pergamon("deploy", "-C", self.path("config"))
        self.say("Deploying twice changes nothing:")
        self.pergamon("deploy", "-C", self.path("config"))

    @property
    def server(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def platform(self) -> Iterator[None]:
        """`pergamon up` in the background while the block runs; it starts while the first load lands."""
        log = os.open(self.directory / "up.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        command = self.command("up", "--no-replication", "--port", self.port)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        os.close(log)
        try:
            self.up = process
            yield
        finally:
            stop_process(process)

    def replicate_and_merge(self) -> None:
        self.title("Replication: full load of every table into the landing zone")
        self.pergamon("replication", "test", "hospital")
        self.pergamon("replication", "start", "hospital", "--until-caught-up")
        self.title("Merge and transform: landing -> raw -> curated")
        self.pergamon("run", "file-processor", "--with-dependents")

    def query_as_two_people(self) -> None:
        self.title("Query: two people with different rights, as clients with tokens")
        self.wait_until_up()
        self.pergamon("token", "issue", "person:ada", "person:ulla", "--out-dir", self.path("."))
        self.query("ada", "SELECT count(*) AS patients FROM raw_db.patients")
        self.query("ulla", self.metrics)

    def change_the_hospital(self, changes: int) -> None:
        self.title("Life goes on: changes in the hospital, visible in curated")
        url = self.path("hospital/hospital.url")
        self.pergamon("sample", "hospital", "--database-url-file", url, "--live", 10_000, "--changes", changes)
        self.pergamon("replication", "start", "hospital", "--until-caught-up")
        self.pergamon("run", "file-processor", "--with-dependents")
        self.query("ulla", self.metrics)

    def refuse_a_query(self) -> None:
        self.title("Refused: what the access rules do not give does not exist for the asker")
        self.query("ulla", "SELECT family_name FROM raw_db.patients", refused=True)
        self.query("ulla", "SELECT * FROM read_csv('/etc/passwd')", refused=True)

    def verify_the_trail(self) -> None:
        self.title("The trail: every step, run, decision and query, chained and signed")
        self.pergamon("audit", "log", "--code", "audit.act_denied")
        self.pergamon("audit", "verify")

    def say_how_to_go_on(self, seconds: float) -> None:
        program, home = self.shown(Path(sys.argv[0]).absolute()), self.shown(self.home)
        click.secho(f"\nDone in {seconds:.0f} s. To go on:", bold=True)
        for what, how in (
            ("first, to stay: the hospital, alive", f"{program} sample serve {self.path('hospital')} --live 5"),
            ("in another terminal: the platform", f"{program} --home {home} up"),
            ("what runs, what is deployed", f"{program} --home {home} status"),
            ("change the configuration, and deploy it", f"{self.path('config')}/"),
            ("the tables themselves (Iceberg)", f"{home}/lake/"),
        ):
            click.echo(f"  {what:<42} {how}")

    metrics = (
        "SELECT count(*) AS events, count(DISTINCT subscriber_id) AS subscribers FROM curated_db.all_vitals_events"
    )

    # --- how a stage is told ---

    def title(self, text: str) -> None:
        self.stage += 1
        click.secho(f"\n[{self.stage}/{STAGES}] {text}", bold=True)

    def say(self, text: str) -> None:
        click.echo(f"  {text}")

    def query(self, person: str, sql: str, *, refused: bool = False) -> None:
        self.as_client(person, "query", sql, must_fail=refused)

    def as_client(self, person: str, *arguments: object, must_fail: bool = False) -> None:
        """A command of a client with a token; the token reaches the process by its environment."""
        token = (self.directory / f"{person}.token").read_text()
        self.pergamon(*arguments, "--server", self.server, who=person, token=token, must_fail=must_fail)

    def pergamon(
        self, *arguments: object, who: str | None = None, token: str | None = None, must_fail: bool = False
    ) -> None:
        """Print a command as a user would type it, run it, and pass on what it says."""
        words = [str(argument) for argument in arguments]
        click.secho(f"  {who or ''}$ pergamon {' '.join(_quoted(word) for word in words)}", fg="cyan")
        began = time.monotonic()
        environment = os.environ | ({"PERGAMON_TOKEN": token} if token else {})
        process = subprocess.Popen(
            self.command(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        if process.stdout is not None:
            for line in process.stdout:
                click.echo(f"    {line.rstrip()}")
        failed = process.wait() != 0
        click.secho(f"    ({time.monotonic() - began:.1f} s)", dim=True)
        if failed is not must_fail:
            raise DemoStageFailed(
                "a command of the demo " + ("failed" if failed else "should have been refused"),
                hint=f"the logs are in {self.shown(self.home / 'logs')}; run the demo again",
            )

    def command(self, *words: object) -> list[str]:
        return [sys.executable, "-m", "pergamon.cli", "--home", str(self.home), *(str(word) for word in words)]

    def path(self, name: str) -> str:
        return self.shown(self.directory / name)

    def shown(self, path: Path) -> str:
        """A path as a user would type it from here."""
        here = Path.cwd()
        return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)

    # --- what a user would do by hand ---

    def keep_password(self) -> None:
        """The source's password as a secret file, which the configuration refers to by name."""
        password = self.source.parameters()["password"]
        durable_write(self.home / "secrets" / "source-password", password.encode())
        self.say(
            f"(the source's password is kept in {self.path('home/secrets/source-password')}, readable by you alone)"
        )

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.up is not None and self.up.poll() is None:
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=2).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                return
        raise DemoStageFailed("the platform did not come up", hint=f"see {self.path('up.log')}")


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word
