"""The catalog: what there is, what it means, who looks after it, and who may find it.

Domain units and projects give the rights; data sources make assets of the lake's tables; people describe and publish
them. Search, quality and lineage are rooms of their own (ADR 0016) and follow `read_changes`.
"""

from pergamon.catalog.documents import asset_ids, read_changes, search_documents
from pergamon.catalog.follow import Followed, quality_noted, table_changed, table_dropped
from pergamon.catalog.model import (
    Asset,
    AssetContent,
    AssetEdit,
    AssetKind,
    AssetState,
    AssetVersion,
    CatalogChange,
    Column,
    Place,
    SearchDocument,
    TableFacts,
    UnknownAsset,
)
from pergamon.catalog.rights import asset_resource, draft_resource, project_resource, resource_at
from pergamon.catalog.specs import DataSourceSpec, DomainSpec, ProjectSpec

__all__ = [
    "Asset",
    "AssetContent",
    "AssetEdit",
    "AssetKind",
    "AssetState",
    "AssetVersion",
    "CatalogChange",
    "Column",
    "DataSourceSpec",
    "DomainSpec",
    "Followed",
    "Place",
    "ProjectSpec",
    "SearchDocument",
    "TableFacts",
    "UnknownAsset",
    "asset_ids",
    "asset_resource",
    "draft_resource",
    "project_resource",
    "quality_noted",
    "read_changes",
    "resource_at",
    "search_documents",
    "table_changed",
    "table_dropped",
]
