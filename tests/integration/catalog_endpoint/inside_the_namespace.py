"""Runs in a network of its own, started by `test_nothing_listens_on_the_host`: a Sail, asked from inside."""

import json
import socket
import sys
from pathlib import Path

from pergamon.adapters.network_namespace import is_isolated
from pergamon.adapters.sail import start_sail
from pergamon.adapters.spark_connect import open_session


def can_connect(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main(home: Path, port_on_host: int) -> None:
    with (
        start_sail("http://127.0.0.1:9", "none", logs=home / "logs", spill=home / "spill") as sail,
        open_session(sail.remote, logs=home / "logs", timeout_s=60) as session,
    ):
        said = {
            "port": sail.port,
            "answer": session.sql_to_arrow("SELECT 1 + 1 AS two")["two"].to_pylist(),
            "is_isolated": is_isolated(),
            "reaches_the_host": can_connect(port_on_host),
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
