"""Crawlers as configuration: put, read, drop. What they have crawled stays when they are dropped."""

from collections.abc import Sequence

from pergamon import lake, objects
from pergamon.crawl import tables
from pergamon.crawl.model import CrawlerDropped, CrawlerHasTables, CrawlerPut, CrawlerSpec, UnknownCrawler
from pergamon.store import UnitOfWork


def put_crawler(uow: UnitOfWork, name: str, spec: CrawlerSpec, tags: dict[str, str]) -> None:
    """Deploy a crawler, or change it. One that follows events first lists what is there already.

    Raises:
        UnknownBucket, UnknownDatabase: it names what is not deployed.
        CrawlerHasTables: the change would leave its tables behind, or cut its folders in another way.
    """
    if spec.bucket not in lake.read_buckets(uow):
        raise lake.UnknownBucket(f"crawler {name}: there is no bucket {spec.bucket}")
    if spec.database not in lake.read_databases(uow):
        raise lake.UnknownDatabase(f"crawler {name}: there is no database {spec.database}")
    deployed = read_crawlers(uow).get(name)
    before = deployed or _of_the_dropped(uow, name)
    if before is not None and tables.tables_of_crawler(uow, name) and _cuts_differently(before, spec):
        raise CrawlerHasTables(
            f"crawler {name} has tables: its bucket, its database and how its folders are cut cannot change",
            hint="deploy another crawler for the other place, and drop this one",
        )
    tables.save_crawler(uow, name, spec.model_dump(mode="json"), tags)
    objects.govern_prefixes(uow, f"crawler:{name}", spec.bucket, spec.prefixes, spec.database)
    if spec.on_event and spec != deployed:
        tables.begin_listing(uow, name, "deployed")
    uow.record(
        CrawlerPut(subject=f"crawler:{name}", bucket=spec.bucket, prefixes=spec.prefixes, database=spec.database)
    )


def read_crawlers(uow: UnitOfWork) -> dict[str, CrawlerSpec]:
    return {row["name"]: CrawlerSpec.model_validate(row["spec"]) for row in tables.crawlers(uow)}


def drop_crawler(uow: UnitOfWork, name: str) -> None:
    """Stop looking after its prefixes. Its tables stay, and are its own again if it comes back.

    Raises:
        UnknownCrawler: no such crawler.
    """
    row = tables.crawler(uow, name)
    if row is None:
        raise unknown_crawler(name)
    tables.remember_spec(uow, name, row["spec"])
    tables.delete_crawler(uow, name)
    objects.release_prefixes(uow, f"crawler:{name}")
    uow.record(CrawlerDropped(subject=f"crawler:{name}"))


def crawler_of(uow: UnitOfWork, name: str) -> CrawlerSpec:
    """
    Raises:
        UnknownCrawler: no such crawler.
    """
    row = tables.crawler(uow, name)
    if row is None:
        raise unknown_crawler(name)
    return CrawlerSpec.model_validate(row["spec"])


def unknown_crawler(name: str) -> UnknownCrawler:
    return UnknownCrawler(f"there is no crawler {name}", hint="`pergamon crawl ls` lists them")


def _of_the_dropped(uow: UnitOfWork, name: str) -> CrawlerSpec | None:
    said = tables.remembered_spec(uow, name)
    return None if said is None else CrawlerSpec.model_validate(said)


def _cuts_differently(before: CrawlerSpec, after: CrawlerSpec) -> bool:
    same = (before.bucket, before.database, before.one_table) == (after.bucket, after.database, after.one_table)
    return not same or _overlap(before.prefixes, after.prefixes)


def _overlap(before: Sequence[str], after: Sequence[str]) -> bool:
    """Does one of the new prefixes lie inside or around an old one, without being it?"""
    return any(a != b and (a.startswith(b) or b.startswith(a)) for a in before for b in after)
