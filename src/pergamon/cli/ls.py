"""`pergamon ls`: what would be deployed, as a tree; or, with a bucket or a server, the objects that one may read."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pergamon.cli.configuration_options import directory_option, domain_option, env_option
from pergamon.cli.context import CliContext, echo_json, json_option
from pergamon.cli.objects import object_ls_command
from pergamon.cli.query import server_option, token_file_option
from pergamon.kernel import LoadedWhenUsed

if TYPE_CHECKING:
    from pergamon import deploy
else:
    deploy = LoadedWhenUsed("pergamon.deploy")


@click.command("ls")
@click.argument("name", metavar="[BUCKET[/PREFIX]]", required=False)
@click.option("--recursive", is_flag=True, help="Objects: through all folders.")
@directory_option
@domain_option
@env_option
@server_option
@token_file_option
@json_option
@click.pass_context
def ls_command(
    ctx: click.Context,
    /,
    *,
    name: str | None,
    recursive: bool,
    directory: Path,
    domain: str | None,
    env: str | None,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """What would be deployed, as a tree, without an installation; or, with a bucket or a server, the objects there."""
    context: CliContext = ctx.obj
    if name is not None or server is not None or context.as_person is not None:
        ctx.invoke(
            object_ls_command,
            name=name,
            recursive=recursive,
            server=server,
            token_file=token_file,
            as_json=as_json,
        )
        return
    configuration = deploy.load_configuration(directory, domain=domain, env=env)
    if as_json:
        echo_json(deploy.tree_json(configuration))
        return
    for line in deploy.tree_lines(configuration):
        click.echo(line)
