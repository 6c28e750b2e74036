"""Words that every room uses. Standard library only."""

from pergamon.kernel.actor import Actor, ActorKind
from pergamon.kernel.canonical import canonical_bytes, sha256_hex
from pergamon.kernel.clock import Clock, FixedClock, SystemClock
from pergamon.kernel.decision import Decision
from pergamon.kernel.durable import (
    durable_write,
    fsync_directory,
    fsync_file,
    make_durable_directory,
    open_exclusive,
    publish,
)
from pergamon.kernel.errors import AccessDenied, Conflict, Invalid, Kind, NotFound, PergamonError, Unavailable
from pergamon.kernel.events import Event, event_class, event_codes
from pergamon.kernel.ids import new_id, new_secret
from pergamon.kernel.incident import keep_incident, tell_incident
from pergamon.kernel.late import LoadedWhenUsed
from pergamon.kernel.pieces import as_file
from pergamon.kernel.require import require
from pergamon.kernel.size import size_text

__all__ = [
    "AccessDenied",
    "Actor",
    "ActorKind",
    "Clock",
    "Conflict",
    "Decision",
    "Event",
    "FixedClock",
    "Invalid",
    "Kind",
    "LoadedWhenUsed",
    "NotFound",
    "PergamonError",
    "SystemClock",
    "Unavailable",
    "as_file",
    "canonical_bytes",
    "durable_write",
    "event_class",
    "event_codes",
    "fsync_directory",
    "fsync_file",
    "keep_incident",
    "make_durable_directory",
    "new_id",
    "new_secret",
    "open_exclusive",
    "publish",
    "require",
    "sha256_hex",
    "size_text",
    "tell_incident",
]
