"""Build tables anew: read their files again, with the hints of today, and give each column the type that they need.

A folder is planned as a whole, so all of its tables are built anew together. They keep their names, and so their
assets; each changes in one commit, and its older snapshots stay as they are (ADR 0021).
"""

from pergamon.crawl import tables
from pergamon.crawl.configuration import crawler_of
from pergamon.crawl.model import RebuildAsked, UnknownCrawledTable
from pergamon.crawl.status import require_may_run
from pergamon.lake import TableId, TableRecord
from pergamon.store import UnitOfWork


def rebuild_table(uow: UnitOfWork, table: TableId) -> int:
    """Let the folder of a table be read and its tables be built anew. Returns: how many files are read again.

    Raises:
        AccessDenied: the actor may not run the crawler of this table.
        UnknownCrawledTable: no crawler makes it.
        UnknownCrawler: its crawler was dropped.
    """
    owner = tables.owner_of(uow, table.database, table.name)
    require_may_run(uow, "all" if owner is None else owner["crawler"])
    if owner is None:
        raise UnknownCrawledTable(f"no crawler makes {table}", hint="see `pergamon crawl status`")
    crawler_of(uow, owner["crawler"])
    files = tables.ask_rebuild(uow, owner["crawler"], owner["folder"])
    uow.record(RebuildAsked(subject=table.subject, crawler=owner["crawler"], folder=owner["folder"], files=files))
    return files


def maker_of(uow: UnitOfWork, table: TableRecord) -> str | None:
    """The crawler that makes this very table of files, or would, if one does."""
    return tables.crawler_of_table(uow, table.key, table.id)
