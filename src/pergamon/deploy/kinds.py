"""Every kind of thing that a configuration can deploy, and the verbs of the room that owns it.

A kind's rank says what stands on what: putting goes up the ranks inside a module, dropping goes down them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pergamon import access, audit, catalog, crawl, identity, lake, objects, pipeline, quality, query, replicate
from pergamon.store import UnitOfWork

Spec = BaseModel
Specs = Mapping[str, Spec]


@dataclass(frozen=True)
class Kind:
    """A kind and its verbs. `Any` below: each put takes the spec class of its own room, which `parse` made."""

    name: str
    rank: int
    parse: Callable[[str, Mapping[str, object]], Spec]
    read: Callable[[UnitOfWork], Specs]
    put: Callable[[UnitOfWork, str, Any, dict[str, str]], None]
    drop: Callable[[UnitOfWork, str], None]


def _of(model: type[Spec]) -> Callable[[str, Mapping[str, object]], Spec]:
    return lambda _name, spec: model.model_validate(spec)


def _principals(
    kind: str,
) -> tuple[Callable[[UnitOfWork], Specs], Callable[..., None], Callable[[UnitOfWork, str], None]]:
    """Accounts of one kind by their short name. A dropped account stays as an inactive row: the trail names it."""

    def read(uow: UnitOfWork) -> Specs:
        found = identity.read_principals(uow).items()
        return {key.partition(":")[2]: spec for key, spec in found if spec.kind == kind and spec.active}

    def put(uow: UnitOfWork, name: str, spec: identity.PrincipalSpec, tags: dict[str, str]) -> None:
        identity.put_principal(uow, f"{kind}:{name}", spec, tags)

    def drop(uow: UnitOfWork, name: str) -> None:
        identity.drop_principal(uow, f"{kind}:{name}")

    return read, put, drop


def _drop_project(uow: UnitOfWork, name: str) -> None:
    """A project that is removed has no grants any more, and neither has another of its name."""
    access.end_grants_of_project(uow, name)
    catalog.drop_project(uow, name)


def _audit_model(name: str, spec: Mapping[str, object]) -> Spec:
    return (audit.AuditSpec if name == "audit" else audit.AuditTrailSpec).model_validate(spec)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("policy", 10, _of(identity.PolicySpec), identity.read_policies, identity.put_policy, identity.drop_policy),
        Kind("role", 20, _of(identity.RoleSpec), identity.read_roles, identity.put_role, identity.drop_role),
        Kind("person", 30, _of(identity.PrincipalSpec), *_principals("person")),
        Kind("service", 31, _of(identity.PrincipalSpec), *_principals("service")),
        Kind("audit", 40, _audit_model, audit.read_audits, audit.put_audit, audit.drop_audit),
        Kind(
            "catalog-domain",
            46,
            _of(catalog.DomainSpec),
            catalog.read_domains,
            catalog.put_domain,
            catalog.drop_domain,
        ),
        Kind(
            "glossary",
            47,
            _of(catalog.GlossarySpec),
            catalog.read_glossaries,
            catalog.put_glossary,
            catalog.drop_glossary,
        ),
        Kind("metadata-form", 48, _of(catalog.FormSpec), catalog.read_forms, catalog.put_form, catalog.drop_form),
        Kind("metadata-rule", 49, _of(catalog.RuleSpec), catalog.read_rules, catalog.put_rule, catalog.drop_rule),
        Kind("project", 66, _of(catalog.ProjectSpec), catalog.read_projects, catalog.put_project, _drop_project),
        Kind(
            "data-source",
            67,
            _of(catalog.DataSourceSpec),
            catalog.read_data_sources,
            catalog.put_data_source,
            catalog.drop_data_source,
        ),
        Kind("bucket", 50, _of(lake.BucketSpec), lake.read_buckets, lake.put_bucket, lake.drop_bucket),
        Kind(
            "drop-directory",
            52,
            _of(objects.DropDirectorySpec),
            objects.read_drop_directories,
            objects.put_drop_directory,
            objects.drop_drop_directory,
        ),
        Kind("database", 60, _of(lake.DatabaseSpec), lake.read_databases, lake.put_database, lake.drop_database),
        Kind(
            "workgroup", 45, _of(query.WorkgroupSpec), query.read_workgroups, query.put_workgroup, query.drop_workgroup
        ),
        Kind(
            "replication-task",
            65,
            _of(replicate.ReplicationTaskSpec),
            replicate.read_replication_tasks,
            replicate.put_replication_task,
            replicate.drop_replication_task,
        ),
        Kind("crawler", 66, _of(crawl.CrawlerSpec), crawl.read_crawlers, crawl.put_crawler, crawl.drop_crawler),
        Kind(
            "tracker",
            70,
            _of(pipeline.TrackerSpec),
            pipeline.read_trackers,
            pipeline.put_tracker,
            pipeline.drop_tracker,
        ),
        Kind("batch", 71, _of(pipeline.BatchSpec), pipeline.read_batches, pipeline.put_batch, pipeline.drop_batch),
        Kind(
            "raw-table",
            72,
            _of(pipeline.RawTableSpec),
            pipeline.read_raw_tables,
            pipeline.put_raw_table,
            pipeline.drop_raw_table,
        ),
        Kind("job", 80, _of(pipeline.JobSpec), pipeline.read_jobs, pipeline.put_job, pipeline.drop_job),
        Kind(
            "workflow",
            90,
            _of(pipeline.WorkflowSpec),
            pipeline.read_workflows,
            pipeline.put_workflow,
            pipeline.drop_workflow,
        ),
        Kind(
            "quality-rules",
            85,
            _of(quality.QualityRulesSpec),
            quality.read_quality_rules,
            quality.put_quality_rules,
            quality.drop_quality_rules,
        ),
    )
}


def plain_spec(spec: Spec) -> dict[str, Any]:
    """A spec as JSON values that read the same every time: sets are sorted."""
    return {key: _plain(value) for key, value in spec.model_dump(mode="python").items()}


def _plain(value: Any) -> Any:  # Any: whatever a spec holds
    if isinstance(value, set | frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value
