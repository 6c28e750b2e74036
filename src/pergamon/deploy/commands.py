"""Runs a module's command: without a shell, in the configuration's directory, with almost no environment."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from pergamon.deploy.plan import RunCommand

NOT_RUN = -1
"""The exit code of a command that could not start, or was ended at its time-out."""


def environment_of(step: RunCommand) -> dict[str, str]:
    """What a command sees: where programs are, and which module it belongs to. No secret, nothing of the caller's."""
    organization, domain, env = step.deployment.split("/")
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
        "LANG": "C.UTF-8",
        "PERGAMON_ORGANIZATION": organization,
        "PERGAMON_DOMAIN": domain,
        "PERGAMON_ENV": env,
        "PERGAMON_MODULE": step.module.rpartition("/")[2],
    }


def run_program(step: RunCommand, folder: Path, show: Callable[[str], None]) -> int:
    """Run a command to its end and show what it writes, line by line.

    Returns: its exit code; -1 when it could not start, or took too long and was ended with its children.
    """
    try:
        process = subprocess.Popen(
            step.hook.argv,
            cwd=folder,
            env=environment_of(step),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        show(f"{step.hook.argv[0]} cannot be started: {error.strerror}")
        return NOT_RUN
    late = threading.Event()
    timer = threading.Timer(step.hook.timeout_s, _end, (process, late))
    timer.start()
    try:
        with process:
            for line in process.stdout or ():
                show(line.rstrip("\n"))
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # not reaped: its group's number is still its own
            _end_group(process)
    finally:
        timer.cancel()
        timer.join()
    if late.is_set():
        show(f"ended after {step.hook.timeout_s} s")
        return NOT_RUN
    return process.returncode


def _end(process: subprocess.Popen[str], late: threading.Event) -> None:
    late.set()
    _end_group(process)


def _end_group(process: subprocess.Popen[str]) -> None:
    """End the command and whatever it left running in its process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
