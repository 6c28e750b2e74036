"""Module types `audit` and `audit-trail`: how the trail is sealed, and who may read it."""

from pydantic import Field

from pergamon.deploy.documents.base import (
    CamelDocument,
    Declared,
    Desired,
    ModuleType,
    RoleReference,
    Scope,
    role_names,
)


class AuditDocument(CamelDocument):
    """How the trail is sealed."""

    seal_every_seconds: float = Field(
        default=1.0, gt=0, le=60, description="At most this long after its commit an event is chained and signed."
    )


class AuditTrailDocument(CamelDocument):
    """Who may read the trail."""

    auditor_roles: list[RoleReference] = Field(default=[], description="Roles that may read and verify the trail.")


def declares_audit(_: AuditDocument) -> list[Declared]:
    return [Declared("audit", "audit", ())]


def translate_audit(document: AuditDocument, _: Scope) -> list[Desired]:
    return [Desired("audit", "audit", {"seal_every_s": document.seal_every_seconds}, ())]


def declares_trail(_: AuditTrailDocument) -> list[Declared]:
    return [Declared("audit", "audit-trail", ())]


def translate_trail(document: AuditTrailDocument, scope: Scope) -> list[Desired]:
    readers = role_names(document.auditor_roles, scope, ("auditorRoles",))
    return [Desired("audit", "audit-trail", {"readers": [*readers]}, ())]


AUDIT = ModuleType("audit", "How the trail is sealed.", AuditDocument, declares_audit, translate_audit)
AUDIT_TRAIL = ModuleType("audit-trail", "Who may read the trail.", AuditTrailDocument, declares_trail, translate_trail)
