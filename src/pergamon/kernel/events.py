"""What the trail can say. Each event has a code that is an explicit string, registered once and never reused."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

_REGISTRY: dict[str, type["Event"]] = {}


@dataclass(frozen=True)
class Event:
    """Something that happened, for the trail. Fields are facts: names, counts, identifiers; never a row's value.

    A subclass is a frozen dataclass and sets `code` to `room.what_happened`.
    """

    code: ClassVar[str] = ""
    speaks_of: ClassVar[Mapping[str, str]] = {}
    """The facts that name other things, each with their kind: who asks the trail for one of those finds this."""
    subject: str
    """What it happened to, as `kind:name`: `table:raw_db.patients`."""

    def __init_subclass__(cls) -> None:
        if not cls.code or cls.code in _REGISTRY:
            raise TypeError(f"{cls.__name__}: event code {cls.code!r} is missing or already taken")
        _REGISTRY[cls.code] = cls

    def facts(self) -> dict[str, Any]:
        """The fields besides the subject, as JSON values."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "subject"}

    def about(self) -> list[str]:
        """What it speaks of besides its subject, written as subjects are; sorted."""
        named = ((kind, getattr(self, fact)) for fact, kind in self.speaks_of.items())
        told = ((kind, [name] if isinstance(name, str) else name or ()) for kind, name in named)
        return sorted({f"{kind}:{name}" for kind, names in told for name in names} - {self.subject})


def event_codes() -> tuple[str, ...]:
    """Every registered code, sorted: the documentation lists them, and a test holds it to this."""
    return tuple(sorted(_REGISTRY))


def event_class(code: str) -> type[Event]:
    return _REGISTRY[code]
