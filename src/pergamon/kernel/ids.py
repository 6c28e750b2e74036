"""Identifiers and secrets: the only place where randomness enters."""

import secrets
import time


def new_id(prefix: str) -> str:
    """Make an identifier that sorts by the millisecond of its making: `run_0198f3…`.

    Returns: `<prefix>_` and 32 hexadecimal digits: 48 bits of Unix time in ms, then 80 random bits.
    Source: RFC 9562, UUID version 7, in spirit.
    """
    milliseconds = time.time_ns() // 1_000_000
    return f"{prefix}_{milliseconds:012x}{secrets.token_hex(10)}"


def new_secret() -> str:
    """Make a bearer secret of 256 random bits, safe in a URL and in a header."""
    return secrets.token_urlsafe(32)
