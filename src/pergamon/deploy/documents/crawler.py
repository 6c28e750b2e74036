"""Module type `crawler`: which files become tables of which database, and when they are looked at."""

from typing import Literal

from pydantic import Field

from pergamon.crawl import CrawlerSpec
from pergamon.deploy.documents.base import (
    CamelDocument,
    Declared,
    Desired,
    ModuleType,
    Name,
    Scope,
    Suppression,
    reasons,
)
from pergamon.deploy.problems import KeyPath
from pergamon.deploy.yaml_document import Json


class BucketTarget(CamelDocument):
    """A place that is crawled."""

    bucket_name: str = Field(description="`bucket:NAME`, or `bucket:DOMAIN/NAME` for another domain.")
    prefix: str = Field(default="", description="Files below it; left out: the whole bucket.")


class Targets(CamelDocument):
    """What is crawled. All targets of a crawler are in one bucket."""

    bucket_targets: list[BucketTarget] = Field(min_length=1, description="At least one.")


class Hints(CamelDocument):
    """What you know better than the files tell; each is optional, believed, and checked."""

    format: Literal["parquet", "csv", "json", "ndjson", "avro", "orc", "excel"] | None = Field(
        default=None, description="What the files are, whatever they are called."
    )
    compression: Literal["none", "gzip", "zstd", "bz2"] | None = Field(default=None, description="How they are packed.")
    delimiter: str | None = Field(default=None, description="Between two fields of a text file.")
    quote: str | None = Field(default=None, description="Around a field; an empty text: there is no quoting.")
    encoding: str | None = Field(default=None, description="utf-8, utf-16, iso-8859-1, windows-1252, …")
    header: bool | None = Field(default=None, description="Is the first line the names of the columns?")
    decimal: Literal[".", ","] | None = Field(default=None, description="In numbers.")
    date_order: Literal["ymd", "dmy", "mdy"] | None = Field(default=None, description="In dates such as 1/2/2003.")
    latest_year: int | None = Field(
        default=None, description="Two-digit years mean the hundred years that end with this one."
    )
    null_words: list[str] | None = Field(default=None, description="Words that mean: no value.")
    ragged: Literal["refuse", "null-pad"] | None = Field(
        default=None, description="`null-pad`: lines with too few fields are filled up with nulls."
    )
    sheet: str | None = Field(default=None, description="The only sheet of workbooks to read.")


class CrawlerEntry(CamelDocument):
    """A crawler."""

    database_name: str = Field(description="Where its tables are made: `database:NAME` or `database:DOMAIN/NAME`.")
    description: str = Field(default="", description="For the reader.")
    targets: Targets = Field(description="What it crawls.")
    include: list[str] = Field(
        default=[], description="Patterns such as `*.csv` of paths below the prefix; left out: every file."
    )
    exclude: list[str] = Field(default=[], description="Patterns of what is left out.")
    on_event: bool = Field(default=True, description="Crawl what is uploaded, at once.")
    schedule: str | None = Field(default=None, description="List everything: five cron fields in UTC, as `0 3 * * *`.")
    one_table: bool = Field(default=False, description="Everything below the one prefix is one table, named after it.")
    most_tables: int = Field(
        default=CrawlerSpec.model_fields["most_tables"].default,
        ge=1,
        description="More tables are not made: files that would need one are `blocked`.",
    )
    hints: Hints = Field(default=Hints(), description="How its files are to be read.")
    suppressions: list[Suppression] = Field(default=[], description="Hygiene rules that may pass here, with reasons.")


class CrawlerDocument(CamelDocument):
    """Crawlers."""

    crawlers: dict[Name, CrawlerEntry] = Field(description="Crawler name -> crawler.")


def declares(document: CrawlerDocument) -> list[Declared]:
    """Crawlers."""
    return [Declared("crawler", name, ("crawlers", name)) for name in document.crawlers]


def translate(document: CrawlerDocument, scope: Scope) -> list[Desired]:
    """One resource per crawler."""
    return [_crawler(name, entry, scope) for name, entry in document.crawlers.items()]


def _crawler(name: str, entry: CrawlerEntry, scope: Scope) -> Desired:
    path: KeyPath = ("crawlers", name)
    at: KeyPath = (*path, "targets", "bucketTargets")
    found = enumerate(entry.targets.bucket_targets)
    buckets = [scope.resolve(target.bucket_name, "bucket", (*at, index, "bucketName")) for index, target in found]
    if len(set(buckets)) > 1:
        scope.problem(at, "the targets are in several buckets", "write one crawler for each bucket")
    spec: dict[str, Json] = {
        "bucket": buckets[0],
        "prefixes": [target.prefix for target in entry.targets.bucket_targets],
        "database": scope.resolve(entry.database_name, "database", (*path, "databaseName")),
        "include": [*entry.include],
        "exclude": [*entry.exclude],
        "on_event": entry.on_event,
        "schedule": entry.schedule,
        "one_table": entry.one_table,
        "most_tables": entry.most_tables,
        "hints": entry.hints.model_dump(exclude_none=True),
        "description": entry.description,
    }
    return Desired("crawler", name, spec, path, reasons(entry.suppressions))


CRAWLER = ModuleType("crawler", "Files that become tables.", CrawlerDocument, declares, translate)
