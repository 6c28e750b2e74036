"""The deployed configuration of the trail: two documents, `audit` and `audit-trail`."""

from collections.abc import Mapping

from psycopg.types.json import Jsonb

from pergamon.audit.events import AuditConfigured
from pergamon.audit.model import AuditSpec, AuditTrailSpec
from pergamon.store import UnitOfWork

MODELS: dict[str, type[AuditSpec] | type[AuditTrailSpec]] = {"audit": AuditSpec, "audit-trail": AuditTrailSpec}


def put_audit(uow: UnitOfWork, kind: str, spec: AuditSpec | AuditTrailSpec, tags: Mapping[str, str]) -> None:
    """Set one of the two documents. `kind`: audit | audit-trail."""
    uow.execute(
        "INSERT INTO audit_setting (kind, spec, tags) VALUES (%s, %s, %s) "
        "ON CONFLICT (kind) DO UPDATE SET spec = excluded.spec, tags = excluded.tags",
        (kind, Jsonb(spec.model_dump(mode="json")), Jsonb(dict(tags))),
    )
    uow.record(AuditConfigured(subject=f"audit:{kind}", kind=kind, removed=False))


def read_audits(uow: UnitOfWork) -> dict[str, AuditSpec | AuditTrailSpec]:
    rows = uow.rows("SELECT kind, spec FROM audit_setting")
    return {row["kind"]: MODELS[row["kind"]].model_validate(row["spec"]) for row in rows}


def drop_audit(uow: UnitOfWork, kind: str) -> None:
    uow.execute("DELETE FROM audit_setting WHERE kind = %s", (kind,))
    uow.record(AuditConfigured(subject=f"audit:{kind}", kind=kind, removed=True))
