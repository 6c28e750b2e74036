"""Identifiers and secrets: the only place where randomness enters."""

import secrets
import time
from collections.abc import Iterator
from threading import Lock

RANDOM_BITS = 80


def _ascending() -> Iterator[int]:
    """128-bit numbers, each above the last: the time in ms, then chance; more chance added where time stood still."""
    newest = 0
    while True:
        fresh = (time.time_ns() // 1_000_000 << RANDOM_BITS) | secrets.randbits(RANDOM_BITS)
        newest = fresh if fresh > newest else newest + 1 + secrets.randbits(RANDOM_BITS - 16)
        yield newest


_numbers = _ascending()
_one_at_a_time = Lock()


def new_id(prefix: str) -> str:
    """Make an identifier that sorts by its making: `run_0198f3…`.

    Ids of one process sort in the order in which they were made, also within a millisecond and after the clock was
    set back, so that the trail shows the events of one act as they happened. Those of two processes sort by time.

    Returns: `<prefix>_` and 32 hexadecimal digits: 48 bits of Unix time in ms, then 80 random bits.
    Source: RFC 9562, UUID version 7, in spirit; section 6.2, method 2, for the order within a millisecond.
    """
    with _one_at_a_time:
        return f"{prefix}_{next(_numbers):032x}"


def new_secret() -> str:
    """Make a bearer secret of 256 random bits, safe in a URL and in a header."""
    return secrets.token_urlsafe(32)
