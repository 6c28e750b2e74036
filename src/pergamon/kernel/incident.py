"""A bug that nobody foresaw: its text may hold values and names, so it goes to a 0600 log, and people get a number."""

import sys
import traceback
from pathlib import Path

from pergamon.kernel.durable import durable_write
from pergamon.kernel.ids import new_id

NOT_WRITTEN = "-not-written"


def keep_incident(logs: Path, bug: BaseException) -> str:
    """Keep what is known of a bug for the operator.

    Returns: the id by which its log is found below `logs`; ending in `-not-written` where that could not be written.
    """
    incident = new_id("incident")
    try:
        durable_write(logs / f"{incident}.log", "".join(traceback.format_exception(bug)).encode())
    except OSError:
        return incident + NOT_WRITTEN
    return incident


def tell_incident(logs: Path, bug: BaseException, doing: str) -> None:
    """As `keep_incident`, and say its number on the terminal, with what was being done."""
    sys.stderr.write(f"internal error {keep_incident(logs, bug)} ({type(bug).__name__}) while {doing}\n")
