"""Followers of the catalog that are killed: one for each line on standard input, after so many seconds.

Each is a fork of this process, which has everything imported and nothing open.
"""

import os
import signal
import sys
import time
from pathlib import Path

from pergamon.runtime import open_runtime
from pergamon.settings import Settings


def main(home: str, database_url: str) -> None:
    for line in sys.stdin:
        is_going, tell = os.pipe()
        child = os.fork()
        if child == 0:
            follow(home, database_url, tell)
        os.close(tell)
        if os.read(is_going, 1) != b"!":
            sys.exit("the follower ended by itself")
        os.close(is_going)
        time.sleep(float(line))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print("killed", flush=True)


def follow(home: str, database_url: str, tell: int) -> None:
    """Follow in many small commits, for ever."""
    with open_runtime(Settings(home=Path(home), database_url=database_url)) as rt:
        rt.searching.follower.batch, rt.searching.follower.commit_every_s = 2, 0.0
        os.write(tell, b"!")
        rt.searching.follower.follow(lambda: False)


if __name__ == "__main__":
    main(*sys.argv[1:])
