"""Which words `module_type` may be. What is not here does not exist yet, and naming it is an error."""

from pergamon.deploy.documents.audit import AUDIT, AUDIT_TRAIL
from pergamon.deploy.documents.base import ModuleType
from pergamon.deploy.documents.catalog import CATALOG_DOMAIN, PROJECTS
from pergamon.deploy.documents.catalog_databases import CATALOG_DATABASES
from pergamon.deploy.documents.crawler import CRAWLER
from pergamon.deploy.documents.data_quality import DATA_QUALITY
from pergamon.deploy.documents.datalake import DATALAKE
from pergamon.deploy.documents.jobs import JOBS
from pergamon.deploy.documents.query_workgroup import QUERY_WORKGROUP
from pergamon.deploy.documents.replication import REPLICATION
from pergamon.deploy.documents.roles import ROLES
from pergamon.deploy.documents.tracker import TRACKER
from pergamon.deploy.documents.workflows import WORKFLOWS

MODULE_TYPES: dict[str, ModuleType] = {
    kind.name: kind
    for kind in (
        ROLES,
        DATALAKE,
        QUERY_WORKGROUP,
        AUDIT,
        AUDIT_TRAIL,
        CATALOG_DATABASES,
        CATALOG_DOMAIN,
        PROJECTS,
        REPLICATION,
        CRAWLER,
        TRACKER,
        JOBS,
        WORKFLOWS,
        DATA_QUALITY,
    )
}
COMING = ("data-science-team", "governance-lakeformation", "federation", "access-control", "fhir", "streams")
"""Words of later releases, so that their error can say "not yet"."""
