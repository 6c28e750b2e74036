"""Whom a crawl tells of a changed table, in the commit's own unit of work: the catalog, lineage, quality."""

from pergamon import catalog, lake, lineage, quality
from pergamon.crawl import tables
from pergamon.crawl.model import Claim
from pergamon.crawl.planning import is_partition
from pergamon.crawl.tables import CrawlTable
from pergamon.lineage import ColumnEdge, Dataset, LineageRun
from pergamon.store import UnitOfWork


def table_changed(uow: UnitOfWork, claim: Claim, table: CrawlTable, bucket: str, run_id: str) -> None:
    """The table stands as it is from now on: its assets follow, and where it came from is known to the column."""
    table_id = lake.TableId(table.database, table.name)
    formats = tables.formats_of(uow, table.id)
    catalog.table_changed(uow, table_id, catalog.read_facts(uow, table_id, cause="crawl", formats=formats))
    source, target = Dataset.of_objects(bucket, claim.folder), Dataset.of_table(table_id)
    own = [field.name for field in table.columns if not is_partition(field)]
    edges = [ColumnEdge(source, name, target, name) for name in own]
    run = LineageRun(f"crawl:{claim.crawler}", "crawl", run_id)
    lineage.record_if_new(uow, run, [source], [target], edges)
    quality.request_profile(uow, table_id)
