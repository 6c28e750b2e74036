"""Whom a crawl tells of a changed table, in the commit's own unit of work."""

from collections.abc import Collection

from pergamon.crawl.model import Claim
from pergamon.crawl.tables import CrawlTable
from pergamon.store import UnitOfWork


def table_changed(uow: UnitOfWork, claim: Claim, table: CrawlTable, run_id: str, versions: Collection[str]) -> None:
    """Nobody yet."""
