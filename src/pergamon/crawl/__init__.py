"""Crawl: from files to tables that every engine reads; incremental, and nothing is lost on the way.

A worker's way: `follow` and `crawl_step`, again and again. Its rules: ADR 0015.
"""

from pergamon.crawl.configuration import drop_crawler, put_crawler, read_crawlers
from pergamon.crawl.follow import begin_due_listings, follow
from pergamon.crawl.model import (
    CrawledNameTaken,
    CrawlerHasTables,
    CrawlerSpec,
    CrawlerStatus,
    Did,
    FileOutcome,
    FileState,
    Limits,
    UnknownCrawledFile,
    UnknownCrawledTable,
    UnknownCrawler,
)
from pergamon.crawl.ports import Place
from pergamon.crawl.rebuild import maker_of, rebuild_table
from pergamon.crawl.release import release_name
from pergamon.crawl.status import (
    crawled_files,
    crawler_status,
    files_set_aside,
    list_crawlers,
    replay_files,
    request_crawl,
    what_became_of,
)
from pergamon.crawl.step import ClaimLost, beat, crawl_step

__all__ = [
    "ClaimLost",
    "CrawledNameTaken",
    "CrawlerHasTables",
    "CrawlerSpec",
    "CrawlerStatus",
    "Did",
    "FileOutcome",
    "FileState",
    "Limits",
    "Place",
    "UnknownCrawledFile",
    "UnknownCrawledTable",
    "UnknownCrawler",
    "beat",
    "begin_due_listings",
    "crawl_step",
    "crawled_files",
    "crawler_status",
    "drop_crawler",
    "files_set_aside",
    "follow",
    "list_crawlers",
    "maker_of",
    "put_crawler",
    "read_crawlers",
    "rebuild_table",
    "release_name",
    "replay_files",
    "request_crawl",
    "what_became_of",
]
