"""The web process: `python -m pergamon.web --home HOME --port PORT`. Loopback only; a proxy speaks to the world."""

import gc
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click
import uvicorn

from pergamon.kernel import PergamonError
from pergamon.runtime import open_runtime
from pergamon.settings import settings_from_environment
from pergamon.web import create_app
from pergamon.web.server import server_config

YOUNG = 20_000
"""So many new objects are looked through for what can go. A page makes some thousands, and keeps none: with Python's
own 700 it was stopped for that dozens of times, and every fifth page for a look through everything."""


@click.command()
@click.option("--home", type=click.Path(path_type=Path), required=True)
@click.option("--port", type=click.IntRange(1, 65535), required=True)
@click.option("--without-landlock", is_flag=True)
def serve(home: Path, port: int, *, without_landlock: bool) -> None:
    """Serve the portal and the API until told to stop."""
    gc.freeze()  # what is loaded stays
    gc.set_threshold(YOUNG)
    settings = replace(settings_from_environment(home), without_landlock=without_landlock)
    try:
        with open_runtime(settings) as runtime, runtime.searching.following():
            runtime.query_engine.prewarm()
            with suppress(KeyboardInterrupt):
                uvicorn.Server(server_config(create_app(runtime), port)).run()
    except PergamonError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(6)


if __name__ == "__main__":
    serve()
