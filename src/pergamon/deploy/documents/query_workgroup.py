"""Module type `query-workgroup`: who may query, and how far one query may go."""

from pydantic import Field

from pergamon.deploy.documents.base import (
    CamelDocument,
    Declared,
    Desired,
    ModuleType,
    Name,
    RoleReference,
    Scope,
    role_names,
)
from pergamon.deploy.yaml_document import Json


class Limits(CamelDocument):
    """Bounds of one query. What is left out has the workgroup's own default."""

    timeout_seconds: int | None = Field(default=None, ge=1, description="Seconds after which a query is ended.")
    memory_mb: int | None = Field(default=None, ge=64, description="Memory of one query, in MiB.")
    max_rows: int | None = Field(default=None, ge=1, description="Rows that a result may have; the rest is cut.")
    max_result_mb: int | None = Field(default=None, ge=1, description="Size of a result, in MiB.")
    threads: int | None = Field(default=None, ge=1, description="Threads of one query.")
    max_scanned_mb: int | None = Field(
        default=None, ge=1, description="Size of all data files of the tables that a query names, in MiB; without: any."
    )


class Statements(CamelDocument):
    """Bounds of what runs and waits. What is left out has the workgroup's own default."""

    concurrency: int | None = Field(default=None, ge=1, description="Queries of the workgroup at once.")
    concurrency_per_person: int | None = Field(default=None, ge=1, description="Queries of one person at once.")
    max_queued: int | None = Field(default=None, ge=1, description="Submitted statements that may wait.")
    max_queued_per_person: int | None = Field(default=None, ge=1, description="Those of one person.")
    results_kept_days: int | None = Field(
        default=None, ge=1, description="Days for which the rows of a submitted statement are kept."
    )


class QueryWorkgroupDocument(CamelDocument):
    """A workgroup. Being in it gives no data: the access policies of the buckets do."""

    workgroup: Name = Field(default="default", description="Its name.")
    description: str = Field(default="", description="For the reader.")
    data_admin_roles: list[RoleReference] = Field(default=[], description="May also see the queries of others.")
    query_user_roles: list[RoleReference] = Field(default=[], description="May run queries.")
    limits: Limits = Field(default=Limits(), description="Bounds of one query.")
    statements: Statements = Field(default=Statements(), description="Bounds of what runs, waits and is kept.")


def declares(document: QueryWorkgroupDocument) -> list[Declared]:
    return [Declared("workgroup", document.workgroup, ("workgroup",))]


def translate(document: QueryWorkgroupDocument, scope: Scope) -> list[Desired]:
    """One workgroup."""
    given = document.limits.model_dump(exclude_none=True)
    limits: dict[str, Json] = {"timeout_s" if key == "timeout_seconds" else key: value for key, value in given.items()}
    spec: dict[str, Json] = {
        "admins": [*role_names(document.data_admin_roles, scope, ("dataAdminRoles",))],
        "users": [*role_names(document.query_user_roles, scope, ("queryUserRoles",))],
        "limits": limits,
        "description": document.description,
        **document.statements.model_dump(exclude_none=True),
    }
    return [Desired("workgroup", document.workgroup, spec, ("workgroup",))]


QUERY_WORKGROUP = ModuleType(
    "query-workgroup", "Who may query, and the bounds of a query.", QueryWorkgroupDocument, declares, translate
)
