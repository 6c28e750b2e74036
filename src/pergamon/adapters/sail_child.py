"""The process that Sail runs in: says its port, then lives exactly as long as its parent holds the pipe.

Run as `python -m pergamon.adapters.sail_child`. Everything it must know is in its environment (`SAIL_…`).
"""

import os
import sys


def main() -> None:
    """Start the server on a free loopback port, print the port, wait for the parent to go."""
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    address = server.listening_address
    sys.stdout.write(f"{address[1] if address else 0}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()  # ends when the parent closes the pipe, or is killed
    os._exit(0)  # at once: a statement may be under way, and its lease tells what became of it


if __name__ == "__main__":
    main()
