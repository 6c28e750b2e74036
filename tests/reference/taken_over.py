"""What a confined process could do that was taken over: code of the attacker's, run where a job would run.

The process is a fork, as the product's are (`fork_server_child.py`), beside a sibling that holds something of its own.
"""

import json
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from pergamon.adapters.child_process import ENVIRONMENT

SIBLINGS = """
tried("sibling's memory", lambda: os.open(f"/proc/{sibling}/mem", os.O_RDONLY))
tried("sibling's files", lambda: os.open(f"/proc/{sibling}/fd/3", os.O_RDONLY))
tried("kill the sibling", lambda: os.kill(sibling, 0))
tried("trace the sibling", lambda: call(101, 16, sibling, 0, 0))
tried("read the sibling", lambda: call(310, sibling, 0, 0, 0, 0, 0))
tried("limits of the sibling", lambda: call(302, sibling, 0, 0, 0))
tried("signals to the sibling", lambda: call(72, 0, 8, sibling))
"""


def attempt(prefix: Sequence[str], load: str, job: dict[str, Any], code: str) -> dict[str, str]:
    """Run `load` in the process that forks, then in a fork `child._give_up_rights(job)` and `code`.

    Each `tried(name, act)` in `code` is reported: "done: …" or the error.
    """
    script = f"""
import ctypes, json, mmap, os, signal, socket, sys
from pergamon.adapters import fork_server_child as server
report = {{}}
def tried(name, act):
    try:
        report[name] = f"done: {{act()!r}}"
    except BaseException as error:
        report[name] = f"{{type(error).__name__}} {{getattr(error, 'errno', None) or error}}"
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result
{textwrap.dedent(load)}
def run():
    tried("open files", lambda: sorted(os.listdir("/proc/self/fd")))
    child._give_up_rights(json.loads({json.dumps(json.dumps(job))}))
{textwrap.indent(textwrap.dedent(code), "    ")}
    os.write(1, json.dumps(report).encode())
    return 0
server._prctl(server.PR_SET_DUMPABLE, 0)
of_another_fork = os.open("/dev/null", os.O_RDONLY)
sibling = os.fork()
if sibling == 0:
    signal.pause()
parent = os.getpid()
fork = os.fork()
if fork == 0:
    os._exit(server._in_the_fork(run, parent, [0, 1, 2]))
_, status = os.waitpid(fork, 0)
os.kill(sibling, signal.SIGKILL)
os._exit(os.waitstatus_to_exitcode(status))
"""
    done = subprocess.run(
        [*prefix, sys.executable, "-I", "-c", script], capture_output=True, env=ENVIRONMENT, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, str] = json.loads(done.stdout)
    assert found.pop("open files") == "done: ['0', '1', '2', '3']"  # the fourth is the look at them
    return found
