"""Module type `catalog-databases`: databases, and where in the lake their tables lie."""

from pydantic import Field

from pergamon.deploy.documents.base import CamelDocument, Declared, Desired, ModuleType, Scope, SqlName
from pergamon.deploy.problems import KeyPath
from pergamon.deploy.yaml_document import Json


class DatabaseEntry(CamelDocument):
    """A database. Who may read its tables is decided by the access policies of its bucket and prefix."""

    description: str = Field(default="", description="For the reader.")
    location_bucket_name: str = Field(description="`bucket:NAME`, or `bucket:DOMAIN/NAME` for another domain.")
    location_prefix: str = Field(default="", description="Where in the bucket its tables lie.")


class CatalogDatabasesDocument(CamelDocument):
    """The databases of a project."""

    databases: dict[SqlName, DatabaseEntry] = Field(description="Database name -> database.")


def declares(document: CatalogDatabasesDocument) -> list[Declared]:
    """Databases."""
    return [Declared("database", name, ("databases", name)) for name in document.databases]


def translate(document: CatalogDatabasesDocument, scope: Scope) -> list[Desired]:
    """One resource per database."""
    return [_database(name, entry, scope) for name, entry in document.databases.items()]


def _database(name: str, entry: DatabaseEntry, scope: Scope) -> Desired:
    path: KeyPath = ("databases", name)
    spec: dict[str, Json] = {
        "bucket": scope.resolve(entry.location_bucket_name, "bucket", (*path, "locationBucketName")),
        "prefix": entry.location_prefix.strip("/"),
        "description": entry.description,
    }
    return Desired("database", name, spec, path)


CATALOG_DATABASES = ModuleType(
    "catalog-databases", "Databases in the lake.", CatalogDatabasesDocument, declares, translate
)
