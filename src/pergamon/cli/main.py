"""Which verbs there are, and how an error becomes a message and an exit code."""

import gc
import importlib
import logging
import sys
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import click

from pergamon import __version__
from pergamon.cli.context import CliContext
from pergamon.cli.one_line import several_lines
from pergamon.cli.short_help import short_help
from pergamon.kernel import Kind, PergamonError, keep_incident
from pergamon.settings import settings_from_environment

COMMANDS_BY_PURPOSE = {
    "Try it": {
        "demo": "pergamon.cli.demo:demo_command",
        "sample": "pergamon.cli.sample:sample_group",
    },
    "Describe the platform, and bring it about": {
        "init": "pergamon.cli.deploy:init_command",
        "quickstart": "pergamon.cli.deploy:quickstart_command",
        "ls": "pergamon.cli.ls:ls_command",
        "synth": "pergamon.cli.deploy:synth_command",
        "schema": "pergamon.cli.deploy:schema_command",
        "deploy": "pergamon.cli.deploy:deploy_command",
        "diff": "pergamon.cli.deploy:diff_command",
        "destroy": "pergamon.cli.deploy:destroy_command",
        "configuration": "pergamon.cli.configuration:configuration_group",
    },
    "Bring data in": {
        "replication": "pergamon.cli.replication:replication_group",
        "tracker": "pergamon.cli.run:tracker_group",
        "put": "pergamon.cli.objects:put_command",
        "get": "pergamon.cli.objects:get_command",
        "rm": "pergamon.cli.objects:rm_command",
        "object": "pergamon.cli.objects:object_group",
        "crawl": "pergamon.cli.crawl:crawl_group",
        "data-source": "pergamon.cli.project:data_source_group",
    },
    "Make data of it": {
        "run": "pergamon.cli.run:run_command",
        "runs": "pergamon.cli.run:runs_command",
    },
    "Understand it": {
        "search": "pergamon.cli.search:search_command",
        "asset": "pergamon.cli.asset:asset_group",
        "product": "pergamon.cli.asset:product_group",
        "glossary": "pergamon.cli.glossary:glossary_group",
        "lineage": "pergamon.cli.lineage:lineage_group",
        "quality": "pergamon.cli.quality:quality_group",
    },
    "Ask for it, give it": {
        "project": "pergamon.cli.project:project_group",
        "request": "pergamon.cli.request:request_group",
        "grant": "pergamon.cli.grant:grant_group",
    },
    "Query it": {
        "query": "pergamon.cli.query:query_command",
        "tables": "pergamon.cli.query:tables_command",
    },
    "Who may come in, and what was done": {
        "login": "pergamon.cli.login:login_command",
        "logout": "pergamon.cli.login:logout_command",
        "person": "pergamon.cli.person:person_group",
        "token": "pergamon.cli.identity:token_group",
        "secret": "pergamon.cli.secret:secret_group",
        "audit": "pergamon.cli.audit:audit_group",
    },
    "Keep it running": {
        "up": "pergamon.cli.operate:up_command",
        "down": "pergamon.cli.operate:down_command",
        "status": "pergamon.cli.operate:status_command",
        "health": "pergamon.cli.health:health_command",
        "storage": "pergamon.cli.storage:storage_command",
    },
}
"""What people do with it, along the way of the data; and where each command is."""
COMMANDS = {name: at for commands in COMMANDS_BY_PURPOSE.values() for name, at in commands.items()}

EXIT_CODES = {
    Kind.INVALID: 2,
    Kind.DENIED: 3,
    Kind.NOT_FOUND: 4,
    Kind.CONFLICT: 5,
    Kind.UNAVAILABLE: 6,
}
"""What a script can tell from the exit code; 1 is a bug of ours, 130 an interruption."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called for, so that `--help` does not load an engine."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module_name, attribute = COMMANDS[cmd_name].split(":")
        gc.disable()
        try:
            command = getattr(importlib.import_module(module_name), attribute)
        finally:
            gc.freeze()  # what is loaded stays: nobody looks through it for what could go, again and again
            gc.enable()
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by what people do, in columns that stand below each other; none is imported."""
        widest = max(map(len, COMMANDS))
        for purpose, commands in COMMANDS_BY_PURPOSE.items():
            said = {name: click.Command(name, help=short_help(at)) for name, at in commands.items()}
            room = formatter.width - 6 - widest
            with formatter.section(purpose):
                formatter.write_dl([(name.ljust(widest), one.get_short_help_str(room)) for name, one in said.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A word that is nearly a command is answered with the command."""
        near = get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and near:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pergamon")
@click.option("--home", type=click.Path(path_type=Path), help="Data directory [PERGAMON_HOME].")
@click.option("--as", "as_person", metavar="PERSON", help="Operator mode: act as this person, on the record.")
@click.option(
    "--without-landlock",
    is_flag=True,
    help="Do untrusted work though this kernel cannot confine it to its files; every answer says so.",
)
@click.pass_context
def group(ctx: click.Context, home: Path | None, as_person: str | None, *, without_landlock: bool) -> None:
    """Pergamon: an open, self-hosted health-data platform."""
    settings = replace(settings_from_environment(home), without_landlock=without_landlock)
    ctx.obj = CliContext(settings=settings, as_person=_principal(as_person))


def _principal(name: str | None) -> str | None:
    """`ada` is the person of that name."""
    return f"person:{name}" if name and ":" not in name else name


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code; a user never sees a traceback."""
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        ended_with = group.main(args=arguments, standalone_mode=False)
        sys.exit(ended_with if isinstance(ended_with, int) else 0)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.exceptions.Abort:
        click.echo("interrupted; run the same command again to go on", err=True)
        sys.exit(130)
    except click.ClickException as wrong_usage:
        wrong_usage.show()
        sys.exit(wrong_usage.exit_code)
    except PergamonError as error:
        click.echo(several_lines(f"error: {error.message}"), err=True)
        if error.hint:
            click.echo(several_lines(f"  hint: {error.hint}"), err=True)
        sys.exit(EXIT_CODES[error.kind])
    except BrokenPipeError:
        sys.exit(0)
    except Exception as bug:  # the last line of defence: a bug is logged, not printed, for its text may hold values
        click.echo(_incident(bug), err=True)
        sys.exit(1)


def _incident(bug: Exception) -> str:
    """Keep the bug's traceback and say where."""
    logs = settings_from_environment().logs
    incident = keep_incident(logs, bug)
    if not (logs / f"{incident}.log").exists():
        return f"internal error {incident} ({type(bug).__name__}); its log could not be written"
    return f"internal error {incident} ({type(bug).__name__}); details in {logs / incident}.log"
