"""seccomp: a process gives up every system call but those that computing over already named files needs.

A list of what is allowed (never of what is forbidden), written as a classic BPF program for x86_64 and aarch64. What
is not on
the list answers ENOSYS, as an old kernel would, so that libraries fall back or fail cleanly. No sockets, no exec, no
new
processes, no ptrace, no mounts, no io_uring, no executable memory. Standard library only.
"""

import ctypes
import os
import platform
import struct
from collections.abc import Sequence
from dataclasses import dataclass

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, ERRNO, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
ENOSYS, EPERM = 38, 1
LOAD_WORD, JUMP_EQUAL, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
OFFSET_NUMBER, OFFSET_ARCH, OFFSET_ARGUMENTS = 0, 4, 16
CLONE_THREAD, PROT_EXEC = 0x00010000, 0x4

# name: (x86_64, aarch64); None where an architecture does not have it
SYSTEM_CALLS: dict[str, tuple[int | None, int]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "lseek": (8, 62), "munmap": (11, 215),
    "brk": (12, 214), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "ioctl": (16, 29), "pread64": (17, 67), "readv": (19, 65), "writev": (20, 66), "preadv": (295, 69),
    "sched_yield": (24, 124), "mremap": (25, 216), "madvise": (28, 233), "nanosleep": (35, 101), "getpid": (39, 172),
    "exit": (60, 93), "uname": (63, 160), "getcwd": (79, 17), "gettimeofday": (96, 169),
    "getrusage": (98, 165), "sysinfo": (99, 179), "getuid": (102, 174), "getgid": (104, 176), "geteuid": (107, 175),
    "getegid": (108, 177), "sigaltstack": (131, 132), "gettid": (186, 178), "futex": (202, 98),
    "sched_getaffinity": (204, 123), "getdents64": (217, 61), "set_tid_address": (218, 96), "fadvise64": (221, 223),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "exit_group": (231, 94),
    "openat": (257, 56), "newfstatat": (262, 79), "readlinkat": (267, 78), "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "set_robust_list": (273, 99), "getrandom": (318, 278), "membarrier": (324, 283), "statx": (332, 291),
    "rseq": (334, 293), "getcpu": (309, 168), "ppoll": (271, 73), "futex_waitv": (449, 449),
    "sched_getparam": (143, 121), "sched_getscheduler": (145, 120), "mincore": (27, 232),
}  # fmt: skip
WRITING: dict[str, tuple[int, int]] = {
    "pwrite64": (18, 68), "pwritev": (296, 70), "ftruncate": (77, 46), "fsync": (74, 82), "fdatasync": (75, 83),
    "unlinkat": (263, 35), "mkdirat": (258, 34), "fallocate": (285, 47),
}  # fmt: skip
"""What filling a directory takes besides, for a process that Landlock leaves one. No renames, no links."""
OLDER_WRITING_ON_X86_64 = {"mkdir": 83, "rmdir": 84, "unlink": 87}
OLDER_ON_X86_64 = {
    "open": 2, "stat": 4, "lstat": 6, "poll": 7, "access": 21, "readlink": 89, "getrlimit": 97, "time": 201,
    "arch_prctl": 158, "getppid": 110,
}  # fmt: skip
"""Calls that only the older architecture has. Files are guarded by Landlock, whatever call opens them."""
CLONE, MMAP, MPROTECT = (56, 220), (9, 222), (10, 226)
"""Allowed with conditions: threads but no processes; memory but never executable."""
TGKILL, PRCTL = (234, 131), (157, 167)
"""Allowed with conditions: signals to this process alone (abort); naming a thread alone."""
PR_SET_NAME = 15
PRLIMIT, OWN_PROCESS = (302, 261), 0
"""Allowed with a condition: a process's own limits. By number it could lower those of its siblings, and so end them."""
FCNTL, ON_FILES = (72, 25), (0, 1, 2, 3, 4, 5, 6, 7, 1030)
"""Allowed with a condition: copies, flags and locks (F_DUPFD to F_SETLKW, F_DUPFD_CLOEXEC). F_SETOWN and F_SETSIG would
have the kernel send a signal of one's choice to another process."""

ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}


@dataclass(frozen=True)
class Instruction:
    """One instruction of classic BPF: `jt` and `jf` count the instructions to skip."""

    code: int
    jt: int
    jf: int
    k: int

    def packed(self) -> bytes:
        return struct.pack("HBBI", self.code, self.jt, self.jf, self.k)


def computing_only(machine: str, pid: int, *, writing: bool = False) -> list[Instruction]:
    """The program for an architecture and a process; `writing` adds what filling a directory takes.

    Raises:
        RuntimeError: the architecture is neither x86_64 nor aarch64.
    """
    if machine not in ARCHITECTURES:
        raise RuntimeError(f"no list of system calls for {machine}")
    arch, column = ARCHITECTURES[machine]
    program = [
        _load(OFFSET_ARCH),
        Instruction(JUMP_EQUAL, 1, 0, arch),
        _answer(KILL_PROCESS),
        _load(OFFSET_NUMBER),
    ]
    for number in _plain_numbers(machine, writing):
        program += [Instruction(JUMP_EQUAL, 0, 1, number), _answer(ALLOW)]
    program += _with_bit(CLONE[column], argument=0, bit=CLONE_THREAD, wanted=True)
    program += _with_bit(MMAP[column], argument=2, bit=PROT_EXEC, wanted=False)
    program += _with_bit(MPROTECT[column], argument=2, bit=PROT_EXEC, wanted=False)
    program += _with_value(TGKILL[column], argument=0, values=[pid])
    program += _with_value(PRCTL[column], argument=0, values=[PR_SET_NAME])
    program += _with_value(PRLIMIT[column], argument=0, values=[OWN_PROCESS])
    program += _with_value(FCNTL[column], argument=1, values=ON_FILES)
    program.append(_answer(ERRNO | ENOSYS))
    return program


def restrict_to_computing(*, writing: bool = False) -> None:
    """From here on this thread, and the threads it starts, can only compute and read; `writing`: and fill a directory.

    Raises:
        OSError: the kernel refused the filter. RuntimeError: an unknown architecture.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    program = b"".join(
        instruction.packed() for instruction in computing_only(platform.machine(), os.getpid(), writing=writing)
    )
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def _plain_numbers(machine: str, writing: bool) -> list[int]:
    column = ARCHITECTURES[machine][1]
    numbers = [pair[column] for pair in SYSTEM_CALLS.values()]
    older = list(OLDER_ON_X86_64.values()) if machine == "x86_64" else []
    if writing:
        numbers += [pair[column] for pair in WRITING.values()]
        older += list(OLDER_WRITING_ON_X86_64.values()) if machine == "x86_64" else []
    return [number for number in (*numbers, *older) if number is not None]


def _load(offset: int) -> Instruction:
    return Instruction(LOAD_WORD, 0, 0, offset)


def _answer(verdict: int) -> Instruction:
    return Instruction(RETURN, 0, 0, verdict)


def _with_bit(number: int, *, argument: int, bit: int, wanted: bool) -> list[Instruction]:
    """Allow a call when a bit of an argument is set (or not), else EPERM. Other calls fall through with the number."""
    allowed, refused = (0, 1) if wanted else (1, 0)
    return [
        Instruction(JUMP_EQUAL, 0, 4, number),
        _load(OFFSET_ARGUMENTS + 8 * argument),
        Instruction(JUMP_ANY_BIT, allowed, refused, bit),
        _answer(ALLOW),
        _answer(ERRNO | EPERM),
    ]


def _with_value(number: int, *, argument: int, values: Sequence[int]) -> list[Instruction]:
    """Allow a call when an argument is one of these, else EPERM. Other calls fall through with the number."""
    among = [step for value in values for step in (Instruction(JUMP_EQUAL, 0, 1, value), _answer(ALLOW))]
    return [
        Instruction(JUMP_EQUAL, 0, len(among) + 2, number),
        _load(OFFSET_ARGUMENTS + 8 * argument),
        *among,
        _answer(ERRNO | EPERM),
    ]
