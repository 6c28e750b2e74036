"""Which configuration a command is about, and how much of it."""

from pathlib import Path

import click

directory_option = click.option(
    "-C",
    "--directory",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Where pergamon.yaml is [this directory].",
)
domain_option = click.option("--domain", help="Only this domain.")
env_option = click.option("--env", help="Only this environment.")
