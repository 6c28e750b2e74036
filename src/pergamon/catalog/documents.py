"""What followers of the catalog read: the feed of changes, and an asset as search needs it.

A batch costs a constant number of queries, however many assets it has.
"""

from collections import deque
from collections.abc import Collection, Mapping

from psycopg.rows import DictRow

from pergamon.catalog import tables, tables_of_places
from pergamon.catalog.model import LOCAL_NODE, Asset, AssetContent, AssetKind, CatalogChange, SearchDocument
from pergamon.catalog.rights import asset_resource
from pergamon.store import FeedPosition, UnitOfWork, read_feed

ASSET_TYPES = {AssetKind.TABLE: "table", AssetKind.PRODUCT: "data-product"}
MOST_TERM_WORDS = 200


def read_changes(uow: UnitOfWork, after: FeedPosition, limit: int) -> list[CatalogChange]:
    """Which assets have changed since a position, in order; the same asset may come several times."""
    rows = read_feed(uow, "catalog_change", after, limit)
    return [CatalogChange(position=row["position"], asset_id=row["asset_id"]) for row in rows]


def forget_superseded_changes(uow: UnitOfWork, *, limit: int = 1_000) -> bool:
    """Forget one batch of changes of assets that have changed again since. Returns: may there be more?

    The newest change of each asset is kept for ever, so a follower from any position misses nothing.
    """
    return tables.delete_superseded_changes(uow, limit) >= limit


def asset_ids(uow: UnitOfWork, *, after: str = "", limit: int = 1_000) -> list[str]:
    """Every asset by id, in pages: for a follower that begins anew. Those that are gone give no document."""
    return tables.asset_ids(uow, after, limit)


def search_documents(uow: UnitOfWork, ids: Collection[str]) -> list[SearchDocument]:
    """What is shown of these assets to those who find them: the listing, else the working version for the project.
    A term that is a draft (again) is not among its words.

    For the platform's own services; who finds it stands in `readers`. An asset that is retired gives no document.
    """
    shown = tables.shown_assets(uow, ids)
    carried = any(version.content.all_terms for _, version in shown)
    every = tables_of_places.terms(uow) if carried else []
    terms = {row["name"]: row for row in every if row["state"] == "approved"}
    return [_document(asset, version.content, version.version, terms) for asset, version in shown]


def _document(asset: Asset, content: AssetContent, version: int, terms: Mapping[str, DictRow]) -> SearchDocument:
    carried = [terms[name] for name in sorted(content.all_terms) if name in terms]
    node = asset.place.domain or LOCAL_NODE
    return SearchDocument(
        id=asset.id,
        kind=asset.kind.value,
        name=asset.name,
        title=content.title or asset.name,
        description=content.description,
        readme=content.readme,
        columns=tuple((column.name, content.column_descriptions.get(column.name, "")) for column in content.columns),
        terms=tuple(row["title"] for row in carried),
        tags=tuple(f"{name}={value}" for name, value in content.tags.items()),
        asset_type=ASSET_TYPES[asset.kind],
        project=asset.place.project,
        node=node,
        account=LOCAL_NODE,
        unit=asset.place.unit,
        classification=content.classification or "",
        format=format_of(asset),
        updated_at=asset.data_changed_at,
        rows=asset.facts.get("rows"),
        quality_score=asset.quality_score,
        is_published=asset.is_published,
        readers=asset_resource(asset).readers,
        version=version,
        term_words=_words_around(carried, terms),
    )


def format_of(asset: Asset) -> str:
    """One word for what the asset's files were: `csv`; `mixed` when they were several."""
    formats = asset.facts.get("formats") or []
    return "" if not formats else formats[0] if len(formats) == 1 else "mixed"


def _words_around(carried: list[DictRow], terms: Mapping[str, DictRow]) -> tuple[str, ...]:
    """Titles of the synonyms of what is carried, and of everything that it is; `terms`: the approved ones."""
    reached = {row["name"] for row in carried}
    waiting, words = deque(carried), list[str]()
    while waiting and len(words) < MOST_TERM_WORDS:
        relations = waiting.popleft()["content"].get("relations", {})
        for name in [*relations.get("is-a", ()), *relations.get("synonym", ())]:
            if name in terms and name not in reached:
                reached.add(name)
                words.append(terms[name]["title"])
                waiting.append(terms[name])
    return tuple(words)
