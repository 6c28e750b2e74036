"""The tree of errors. A code is for ever; a kind says what a caller can do about it.

Messages hold names, counts and identifiers, never a row's values (law 6 of the house).
"""

from enum import StrEnum
from typing import ClassVar

from pergamon.kernel.decision import Decision


class Kind(StrEnum):
    DENIED = "denied"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"


class PergamonError(Exception):
    """Something that a caller may meet. What happened, where, and what to do about it."""

    code: ClassVar[str] = "pergamon.error"
    kind: ClassVar[Kind] = Kind.INVALID
    usual_hint: ClassVar[str | None] = None
    """What to do about it, where whoever raises it knows nothing better."""

    def __init__(self, message: str, *, hint: str | None = None, decision: Decision | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = self.usual_hint if hint is None else hint
        self.decision = decision
        """The refusal behind this error, recorded in the trail although the act is rolled back."""

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class AccessDenied(PergamonError):
    """The policy does not allow this act."""

    code, kind = "access.denied", Kind.DENIED
    usual_hint = "none of your roles allows it; ask whoever gives them"


class NotFound(PergamonError):
    """There is no such thing, or the actor may not know of it: the two are answered alike."""

    code, kind = "pergamon.not_found", Kind.NOT_FOUND


class Conflict(PergamonError):
    """The state has moved on since the caller looked."""

    code, kind = "pergamon.conflict", Kind.CONFLICT


class Invalid(PergamonError):
    """What was given cannot be used as it is."""

    code, kind = "pergamon.invalid", Kind.INVALID


class Unavailable(PergamonError):
    """Another system did not do its part; the same call may succeed later."""

    code, kind = "pergamon.unavailable", Kind.UNAVAILABLE
