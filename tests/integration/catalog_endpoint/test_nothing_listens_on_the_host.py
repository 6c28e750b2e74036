"""Law 8: Sail has no authentication, so nobody on the host may be able to connect to it; from inside it works."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pergamon.adapters.network_namespace import (
    NamespacesForbidden,
    bwrap_command,
    is_isolated,
    launch_module,
    refusal_of_namespaces,
)

NOBODY = "65534"
needs_namespaces = pytest.mark.skipif(refusal_of_namespaces() is not None, reason="this host forbids namespaces")


def another_user_can_connect(port: int) -> bool:
    """Try it as another user of the host where we may become one, else as another process."""
    bash = shutil.which("bash")
    assert bash is not None
    become = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"] if os.geteuid() == 0 else []
    tried = subprocess.run(
        [*become, bash, "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"], capture_output=True, check=False, timeout=20
    )
    return tried.returncode == 0


@contextmanager
def running(home: Path, *, trusted_host: bool) -> Iterator[dict[str, Any]]:
    with socket.create_server(("127.0.0.1", 0)) as on_host:
        process = launch_module(
            "inside_the_namespace",
            [str(home), str(on_host.getsockname()[1])],
            trusted_host=trusted_host,
            environment={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(20)
            process.stdout.close()


@needs_namespaces
def test_a_sail_in_its_own_network_answers_inside_and_nobody_outside(tmp_path: Path) -> None:
    with running(tmp_path, trusted_host=False) as said:
        assert said["answer"] == [2]
        assert said["is_isolated"]
        assert not said["reaches_the_host"]
        assert not another_user_can_connect(said["port"])


def test_on_a_trusted_host_the_same_sail_is_open_to_everyone_which_is_why_it_must_be_named(tmp_path: Path) -> None:
    """The control: the probe of the test above can succeed."""
    with running(tmp_path, trusted_host=True) as said:
        assert said["answer"] == [2]
        assert not said["is_isolated"]
        assert said["reaches_the_host"]
        assert another_user_can_connect(said["port"])


@needs_namespaces
def test_a_host_that_forbids_namespaces_is_refused_with_the_setting_that_takes_the_risk() -> None:
    """A real refusal: inside a user namespace that allows no further ones, without capabilities."""
    bwrap = bwrap_command()[0]
    prison = [bwrap, "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--dev-bind", "/", "/", "--"]
    script = (
        "from pergamon.adapters.network_namespace import *\n"
        "try:\n    launch_module('this')\n"
        "except NamespacesForbidden as error:\n    print(error.hint)\n"
    )
    done = subprocess.run([*prison, sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "trusted_host: true" in done.stdout
    assert NamespacesForbidden.code == "network_namespace.forbidden"


@needs_namespaces
def test_what_runs_inside_dies_with_its_parent(tmp_path: Path) -> None:
    """The parent is killed without a chance to clean up; the engine below the namespace must not outlive it."""
    script = (
        "import subprocess, sys, time\n"
        "from pergamon.adapters.network_namespace import launch_module\n"
        f"launch_module('inside_the_namespace', [{str(tmp_path)!r}, '9'], stdin=subprocess.PIPE)\n"
        "time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    json.loads(parent.stdout.readline())
    parent.kill()
    parent.wait(20)
    assert parent.stdout.read() == b"", "the pipe closes when its last holder is gone"
    parent.stdout.close()


def test_a_process_is_not_isolated_because_its_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERGAMON_NETWORK_NAMESPACE", os.readlink("/proc/self/ns/net"))  # noqa: PTH115
    assert not is_isolated()
