# ruff: noqa: E501 - a table
"""The seccomp program, run by a small interpreter of classic BPF, for both architectures."""

import struct

import pytest

from pergamon.adapters import seccomp
from pergamon.adapters.seccomp import ALLOW, ARCHITECTURES, ENOSYS, EPERM, ERRNO, KILL_PROCESS, computing_only

PID = 4711


def verdict(machine: str, number: int, *arguments: int, arch: int | None = None) -> int:
    """What the kernel would answer: interprets the four instructions that the program uses."""
    filled = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, arch or ARCHITECTURES[machine][0], 0, *filled)
    program, at, accumulator = computing_only(machine, PID), 0, 0
    while True:
        step = program[at]
        match step.code:
            case seccomp.LOAD_WORD:
                (accumulator,) = struct.unpack_from("<I", data, step.k)
                at += 1
            case seccomp.JUMP_EQUAL:
                at += 1 + (step.jt if accumulator == step.k else step.jf)
            case seccomp.JUMP_ANY_BIT:
                at += 1 + (step.jt if accumulator & step.k else step.jf)
            case seccomp.RETURN:
                return step.k
            case code:
                raise AssertionError(f"unknown instruction {code}")


FORBIDDEN = {
    # name: (x86_64, aarch64)
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "mount": (165, 40), "unshare": (272, 97), "setns": (308, 268),
    "bpf": (321, 280), "io_uring_setup": (425, 425), "userfaultfd": (323, 282), "keyctl": (250, 219), "kill": (62, 129),
    "clone3": (435, 435), "unlinkat": (263, 35), "renameat2": (316, 276), "mkdirat": (258, 34), "memfd_create": (319, 279),
    "pidfd_open": (434, 434), "perf_event_open": (298, 241), "chroot": (161, 51), "setuid": (105, 146), "reboot": (169, 142),
    "finit_module": (313, 273), "open_by_handle_at": (304, 265), "ftruncate": (77, 46), "shmget": (29, 194),
}  # fmt: skip


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_reaches_out_of_the_process_is_not_there(machine: str, name: str) -> None:
    assert verdict(machine, FORBIDDEN[name][ARCHITECTURES[machine][1]]) == ERRNO | ENOSYS


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_reading_and_computing_are_left(machine: str) -> None:
    column = ARCHITECTURES[machine][1]
    for name in ("read", "write", "pread64", "openat", "futex", "exit_group", "clock_gettime", "madvise"):
        assert verdict(machine, seccomp.SYSTEM_CALLS[name][column] or 0) == ALLOW


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_threads_but_no_processes_and_memory_but_no_code(machine: str) -> None:
    column = ARCHITECTURES[machine][1]
    assert verdict(machine, seccomp.CLONE[column], seccomp.CLONE_THREAD | 0x100) == ALLOW
    assert verdict(machine, seccomp.CLONE[column], 0x11) == ERRNO | EPERM
    assert verdict(machine, seccomp.MMAP[column], 0, 4096, 0x3) == ALLOW
    assert verdict(machine, seccomp.MMAP[column], 0, 4096, 0x7) == ERRNO | EPERM
    assert verdict(machine, seccomp.MPROTECT[column], 0, 4096, 0x4) == ERRNO | EPERM
    assert verdict(machine, seccomp.TGKILL[column], PID, 1, 6) == ALLOW
    assert verdict(machine, seccomp.TGKILL[column], 1, 1, 9) == ERRNO | EPERM
    assert verdict(machine, seccomp.PRCTL[column], seccomp.PR_SET_NAME) == ALLOW
    assert verdict(machine, seccomp.PRCTL[column], 8) == ERRNO | EPERM


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_no_limit_and_no_signal_reaches_another_process(machine: str) -> None:
    column = ARCHITECTURES[machine][1]
    assert verdict(machine, seccomp.PRLIMIT[column], 0, 7) == ALLOW
    assert verdict(machine, seccomp.PRLIMIT[column], PID + 1, 7) == ERRNO | EPERM
    f_dupfd_cloexec, f_setown, f_setsig, f_setown_ex = 1030, 8, 10, 15
    assert verdict(machine, seccomp.FCNTL[column], 3, f_dupfd_cloexec) == ALLOW
    for command in (f_setown, f_setsig, f_setown_ex):
        assert verdict(machine, seccomp.FCNTL[column], 3, command) == ERRNO | EPERM


def test_another_architecture_is_ended_and_x32_is_not_there() -> None:
    assert verdict("x86_64", 0, arch=0x40000003) == KILL_PROCESS
    assert verdict("x86_64", 0x40000000 | 41) == ERRNO | ENOSYS
    with pytest.raises(RuntimeError):
        computing_only("riscv64", PID)
