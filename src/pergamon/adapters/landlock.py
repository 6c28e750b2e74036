"""Landlock: a process gives up the right to open any file but those it names (Linux,
`Documentation/userspace-api/landlock`).

Our own wrapper over three system calls, standard library only, because the process that uses it should hold nothing
else.
The restriction holds for the calling thread and whatever it starts afterwards: call it while there is only one thread.
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""The same numbers on every architecture."""
VERSION_FLAG = 1
RULE_PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG, TRUNCATE = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 14
BELOW_A_DIRECTORY = WRITE_FILE | READ_FILE | READ_DIR | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | TRUNCATE
"""Plain files and directories: made, filled, read and removed. No links, sockets, pipes or devices."""
FILE_RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Every right that a version knows is handled, so that whatever is not granted is refused."""
NET_RIGHTS = 0b11
"""Bind and connect TCP (from version 4). None is ever granted."""
SCOPES = 0b11
"""Abstract Unix sockets and signals of processes outside (from version 6)."""

LOWEST_ABI = 1
TCP_ABI = 4


class _RulesetAttr(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def abi_version() -> int:
    """The version that this kernel speaks; 0 when it has no Landlock or it is switched off."""
    version = _libc().syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION_FLAG))
    return max(int(version), 0)


def handled_rights(abi: int) -> tuple[int, int, int]:
    """(file, network, scope) rights that a version can take away."""
    files = FILE_RIGHTS_BY_ABI[max(known for known in FILE_RIGHTS_BY_ABI if known <= abi)]
    return files, NET_RIGHTS if abi >= TCP_ABI else 0, SCOPES if abi >= 6 else 0


def restrict_to_files(paths: Iterable[Path | str], *, directory: Path | str | None = None) -> None:
    """From here on this thread can read exactly these files, and write, list, execute and connect to nothing.

    directory: below it plain files can be made, read and removed as well.

    Raises:
        OSError: a path is not there, or the kernel refused; nothing may go on after that.
        RuntimeError: there is no Landlock.
    """
    abi = abi_version()
    if abi < LOWEST_ABI:
        raise RuntimeError("this kernel has no Landlock")
    libc = _libc()
    files, net, scopes = handled_rights(abi)
    attr = _RulesetAttr(files, net, scopes)
    size = ctypes.sizeof(attr) if abi >= 6 else (16 if abi >= TCP_ABI else 8)
    ruleset = libc.syscall(CREATE_RULESET, ctypes.byref(attr), ctypes.c_size_t(size), ctypes.c_uint32(0))
    _check(ruleset)
    try:
        for path in paths:
            _allow(libc, ruleset, path, READ_FILE)
        if directory is not None:
            _allow(libc, ruleset, directory, BELOW_A_DIRECTORY & files)
        _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _check(libc.syscall(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)))
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path | str, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        rule = _PathBeneathAttr(rights, descriptor)
        added = libc.syscall(
            ADD_RULE,
            ctypes.c_int(ruleset),
            ctypes.c_int(RULE_PATH_BENEATH),
            ctypes.byref(rule),
            ctypes.c_uint32(0),
        )
        _check(added)
    finally:
        os.close(descriptor)


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"landlock: {os.strerror(number)}")
