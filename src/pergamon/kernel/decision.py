"""A verdict is a value. It goes to the caller and, as it is, into the trail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn


@dataclass(frozen=True)
class Decision:
    """May this actor do this to that thing, why, and by which policies.

    `obligations` are what the caller must also do (a mask, a row filter), which is why a decision has no truth value.
    """

    allowed: bool
    action: str
    resource: str
    reason: str
    decided_by: tuple[str, ...] = ()
    obligations: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> NoReturn:
        raise TypeError("a Decision has no truth value: use require(decision), which keeps its obligations")
