"""The trail: every act and every refusal, hash-chained, its head signed outside PostgreSQL."""

from pergamon.audit.events import ActDenied, TrailRead, TrailVerified
from pergamon.audit.head import Head, HeadFile, SignedHeadDamaged, SigningKeyMissing
from pergamon.audit.model import AuditSpec, AuditTrailSpec, TrailEntry
from pergamon.audit.read import read_trail
from pergamon.audit.record import record_events
from pergamon.audit.sequence import ChainBroken, chain_new_events, current_head, seal
from pergamon.audit.settings import drop_audit, put_audit, read_audits
from pergamon.audit.verify import Fault, Verdict, verify_trail

__all__ = [
    "ActDenied",
    "AuditSpec",
    "AuditTrailSpec",
    "ChainBroken",
    "Fault",
    "Head",
    "HeadFile",
    "SignedHeadDamaged",
    "SigningKeyMissing",
    "TrailEntry",
    "TrailRead",
    "TrailVerified",
    "Verdict",
    "chain_new_events",
    "current_head",
    "drop_audit",
    "put_audit",
    "read_audits",
    "read_trail",
    "record_events",
    "seal",
    "verify_trail",
]
