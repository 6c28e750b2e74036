"""Whose fault is it? Not every error of a library means that the file is damaged: a disk, a right, or memory may be at
fault, and then nobody should be told to make the file again. Texts of errors may hold rows and stay here (law 6).
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from pergamon.formats.model import Unreadable

HOSTS = frozenset({errno.EACCES, errno.EPERM, errno.EIO, errno.ENOENT, errno.ESTALE, errno.EROFS}) | {
    *(errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.ENODEV, errno.ENXIO, errno.EINTR)
}
"""What the system says when the file itself is not to blame. Libraries report damage as an error without a number, or
with one of a wrong argument, and a file that grows beyond its limit with EFBIG."""


def blame(error: Exception, damaged: Unreadable) -> Unreadable:
    """Why a file could not be read or written: `damaged`, unless the error says that the file is not at fault."""
    if isinstance(error, MemoryError):  # pyarrow's is one
        return Unreadable("reading it takes more memory than allowed", hint="split it, or raise memory_bytes")
    if isinstance(error, OSError) and error.errno in HOSTS:
        said = os.strerror(error.errno)
        return Unreadable(
            f"the system did not let it be read or written ({said})",
            hint="nothing is known against the file: mend the host, then `pergamon crawl replay`",
        )
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return Unreadable("unpacked it is larger than allowed", hint="split it, or raise unpacked_bytes")
    if isinstance(error, pa.ArrowNotImplementedError):
        return Unreadable(
            "it uses something of its format that is not read here", hint="write it in a plainer way, or as Parquet"
        )
    return damaged


@contextmanager
def hosts_troubles_told() -> Iterator[None]:
    """What the system refuses anywhere inside is told as such.

    Raises:
        Unreadable: the system, not the file, is at fault.
    """
    try:
        yield
    except OSError as error:
        if error.errno in HOSTS:
            raise blame(error, Unreadable("it cannot be read")) from None
        raise
