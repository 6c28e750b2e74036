"""What a server says with every answer when it does untrusted work without all that should confine it."""

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

HEADER = "X-Pergamon-Weak-Confinement"
"""Its value is what still confines the work: `namespaces+seccomp`, or `seccomp` alone."""


class WeakConfinement(UserWarning):
    """The server was told by name to go on where its kernel cannot confine queries to the files of their tables."""


def warn_of_weakness(answer: "httpx.Response") -> None:
    """A warning where an answer says so."""
    left = answer.headers.get(HEADER)
    if left is not None:
        warnings.warn(WeakConfinement(in_words(left)), stacklevel=2)


def in_words(left: str) -> str:
    """What is to be said to people. left: what still confines the work."""
    return f"the kernel there has no Landlock: what still confines queries is {' and '.join(left.split('+'))}"
