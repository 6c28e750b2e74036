"""Module type `replication`: where a source is, which of its tables are replicated, and where they land.

Table mappings are the rules of AWS DMS, word for word; the replicate room checks every one.
"""

from typing import Literal

from pydantic import Field

from pergamon.deploy.documents.base import CamelDocument, Declared, Desired, ModuleType, Scope, TaskName
from pergamon.deploy.problems import KeyPath, did_you_mean
from pergamon.deploy.yaml_document import Json


class SourceEndpoint(CamelDocument):
    """A source database."""

    engine_name: Literal["postgres"] = Field(description="What kind of database it is.")
    server_name: str | None = Field(
        default=None, description="Its host name or address, or the directory of its socket."
    )
    port: int | None = Field(default=None, ge=1, le=65535, description="Its port.")
    database_name: str | None = Field(default=None, description="Its database.")
    username: str | None = Field(default=None, description="Who replicates: REPLICATION, and SELECT on the tables.")
    password: str | None = Field(default=None, description="A reference: `{{secret:NAME}}`. Never the password.")
    conninfo: str | None = Field(
        default=None, description="Instead of the five keys above: `{{secret:NAME}}`, a whole connection string."
    )
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        default=None, description="How far the connection is encrypted and checked."
    )


class TargetEndpoint(CamelDocument):
    """Where files land."""

    bucket_name: str = Field(description="`bucket:NAME`, or `bucket:DOMAIN/NAME` for another domain.")
    bucket_folder: str = Field(default="landing", description="The prefix in the bucket.")


class TableMappings(CamelDocument):
    """AWS DMS table-mapping rules."""

    rules: list[dict[str, object]] = Field(
        default=[], description="Rules as AWS DMS writes them: selection, transformation."
    )


class TaskEntry(CamelDocument):
    """A replication task. Its mappings may stand in several files; their rules are put one after the other."""

    source_endpoint: str = Field(description="A name under `sourceEndpoints`.")
    target_endpoint: str = Field(description="A name under `targetEndpoints`.")
    migration_type: Literal["full-load", "cdc", "full-load-and-cdc"] = Field(description="What is carried over.")
    publication: str | None = Field(default=None, description="An existing publication; left out: one is made.")
    slot: str | None = Field(default=None, description="The name of the replication slot; left out: after the task.")
    table_mappings: TableMappings = Field(
        default=TableMappings(), description="Which tables, and how they are changed."
    )


class ReplicationDocument(CamelDocument):
    """Endpoints and tasks."""

    source_endpoints: dict[str, SourceEndpoint] = Field(default={}, description="Endpoint name -> source.")
    target_endpoints: dict[str, TargetEndpoint] = Field(default={}, description="Endpoint name -> target.")
    replication_tasks: dict[TaskName, TaskEntry] = Field(default={}, description="Task name -> task.")


def declares(document: ReplicationDocument) -> list[Declared]:
    """Replication tasks."""
    return [Declared("replication-task", name, ("replicationTasks", name)) for name in document.replication_tasks]


def translate(document: ReplicationDocument, scope: Scope) -> list[Desired]:
    """One resource per task, with its endpoints written out."""
    found = (_task(document, name, task, scope) for name, task in document.replication_tasks.items())
    return [task for task in found if task is not None]


def _task(document: ReplicationDocument, name: str, task: TaskEntry, scope: Scope) -> Desired | None:
    path: KeyPath = ("replicationTasks", name)
    source = document.source_endpoints.get(task.source_endpoint)
    target = document.target_endpoints.get(task.target_endpoint)
    for endpoint, key, known in (
        (source, "sourceEndpoint", document.source_endpoints),
        (target, "targetEndpoint", document.target_endpoints),
    ):
        if endpoint is None:
            wanted = task.source_endpoint if key == "sourceEndpoint" else task.target_endpoint
            hint = did_you_mean(wanted, list(known), what=f"names under `{key}s`")
            scope.problem((*path, key), f"there is no endpoint `{wanted}` under `{key}s`", hint)
    if not task.table_mappings.rules:
        hint = "add a selection rule, here or in a file of `mappings/` that is listed after this one"
        scope.problem((*path, "tableMappings"), "no table is selected", hint)
    if source is None or target is None:
        return None
    bucket = scope.resolve(target.bucket_name, "bucket", ("targetEndpoints", task.target_endpoint, "bucketName"))
    optional = {"publication": task.publication, "slot": task.slot}
    spec: dict[str, Json] = {
        "source": _source(source),
        "bucket": bucket,
        "prefix": target.bucket_folder.strip("/"),
        "migration_type": task.migration_type,
        "rules": [*task.table_mappings.model_dump()["rules"]],
        **{key: value for key, value in optional.items() if value is not None},
    }
    return Desired("replication-task", name, spec, path)


def _source(source: SourceEndpoint) -> dict[str, Json]:
    given = {
        "host": source.server_name,
        "port": source.port,
        "dbname": source.database_name,
        "user": source.username,
        "password": source.password,
        "conninfo": source.conninfo,
        "sslmode": source.sslmode,
    }
    return {key: value for key, value in given.items() if value is not None}


REPLICATION = ModuleType(
    "replication", "Sources, and which tables land where.", ReplicationDocument, declares, translate
)
