"""What this room's users need: files read where they can do no harm."""

from collections.abc import Callable, Sequence
from typing import Protocol

from pergamon.formats.model import Failed, Inspected, ReadRequest, WriteRequest, WrittenPart

Progress = Callable[[int], None]
"""Told the number of rows written so far, now and then."""


class ConfinedReader(Protocol):
    """Reads and converts files in a process that can open these files and one directory, and nothing else.

    The answers stand in the order of the requests. A file that ends the process, or takes too long, is `Failed`
    with `Unreadable`; the others are done all the same.
    """

    def inspect(self, files: Sequence[ReadRequest]) -> list[Inspected | Failed]:
        """Look into each file: its format, its parts, their types; or into the first ones, when they take long.

        Raises:
            Unavailable: the host cannot confine a process.
        """
        ...

    def write(self, parts: Sequence[WriteRequest]) -> list[WrittenPart | Failed]:
        """Write each part to its `out`. Files and their directories are synced to disk when this returns.

        Parts that share a file: one that fails is not in it, and the others are. When the process ends over one of
        them, the others are in several files instead; `WrittenPart.path` and `first_row` say where. The answers may be
        those of the first parts alone, when it has taken long and one of these has failed.

        Raises:
            Unavailable: the host cannot confine a process.
        """
        ...
