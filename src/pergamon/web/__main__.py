"""The web process: `python -m pergamon.web --home HOME --port PORT`. Loopback only; a proxy speaks to the world."""

from pathlib import Path

import click
import uvicorn

from pergamon.runtime import open_runtime
from pergamon.settings import settings_from_environment
from pergamon.web import create_app

LARGEST_HEADERS_BYTES = 16_384


@click.command()
@click.option("--home", type=click.Path(path_type=Path), required=True)
@click.option("--port", type=click.IntRange(1, 65535), required=True)
def serve(home: Path, port: int) -> None:
    """Serve the API until told to stop."""
    with open_runtime(settings_from_environment(home)) as runtime:
        runtime.query_engine.prewarm()
        uvicorn.run(
            create_app(runtime),
            host="127.0.0.1",
            port=port,
            log_level="warning",
            access_log=False,
            h11_max_incomplete_event_size=LARGEST_HEADERS_BYTES,
            server_header=False,
        )


if __name__ == "__main__":
    serve()
