"""A file that will be a table is closed like the table from its upload on: before the crawl, in quarantine, always."""

import pyarrow as pa
import pytest

from pergamon import crawl, lake, objects
from pergamon.kernel import Actor
from pergamon.runtime import Runtime
from tests.reference.stacks import BUCKET, KEEPER, OPERATOR, READER, VISITOR, WRITER, get, keys, put, stack, trail


@pytest.fixture(autouse=True)
def _crawled(rt: Runtime) -> None:
    """Readers of the bucket may read open/; of the database only the keeper, and of its table `t` the reader too."""
    stack(rt)
    rules = [{"prefix": "data/db", "ReadRoles": ["keeper"]}, {"prefix": "data/db/t", "ReadRoles": ["reader"]}]
    with rt.begin(OPERATOR) as uow:
        lake.put_bucket(uow, "curated", lake.BucketSpec.model_validate({"access_rules": rules}))
        lake.put_database(uow, "db", lake.DatabaseSpec(bucket="curated", prefix="data"))
        crawl.put_crawler(uow, "c", crawl.CrawlerSpec(bucket=BUCKET, prefixes=("open/in",), database="db"), {})


def may_read(rt: Runtime, key: str, version: str | None = None) -> set[str]:
    """The roles that are served the content."""
    people = {"keeper": KEEPER, "writer": WRITER, "reader": READER, "visitor": VISITOR}
    return {role for role, who in people.items() if _is_served(rt, key, who, version)}


def _is_served(rt: Runtime, key: str, who: Actor, version: str | None) -> bool:
    try:
        return bool(get(rt, key, by=who, version=version))
    except (objects.RawClosed, objects.UnknownObject):
        return False


def test_before_its_crawl_a_file_is_open_to_whom_the_database_is_and_to_who_sent_it(rt: Runtime) -> None:
    first = put(rt, "open/in/t/a.csv")
    put(rt, "open/inside.csv")
    assert may_read(rt, "open/in/t/a.csv") == {"keeper", "writer"}
    assert may_read(rt, "open/inside.csv") == {"keeper", "writer", "reader"}, "a prefix ends at a folder"
    assert ("audit.act_denied", "object:assets/open/in/t/a.csv", "person:reader") in trail(rt, ["audit.act_denied"])
    assert "open/in/t/a.csv" in keys(rt, READER), "that it is there, the bucket's rules say"
    put(rt, "open/in/t/a.csv", b"mended", by=KEEPER)
    assert may_read(rt, "open/in/t/a.csv") == {"keeper"}
    assert may_read(rt, "open/in/t/a.csv", first.id) == {"keeper", "writer"}


def test_from_its_crawl_on_the_table_decides_and_a_dropped_one_leaves_it_to_the_database(rt: Runtime) -> None:
    version = put(rt, "open/in/t/a.csv", by=KEEPER)
    table = lake.TableId("db", "t")
    with rt.begin(OPERATOR) as uow:
        lake.create_table(uow, rt.settings.lake, table, pa.schema([("id", pa.int64())]))
        objects.refer(uow, table, [version.id])
    assert may_read(rt, version.key) == {"keeper", "reader"}
    with rt.begin(OPERATOR) as uow:
        lake.drop_table(uow, table)
    assert may_read(rt, version.key) == {"keeper"}


def test_what_another_crawler_makes_of_it_counts_too(rt: Runtime) -> None:
    version = put(rt, "open/in/t/a.csv", by=KEEPER)
    with rt.begin(OPERATOR) as uow:
        lake.put_bucket(uow, "closed", lake.BucketSpec())
        lake.put_database(uow, "secret_db", lake.DatabaseSpec(bucket="closed"))
        crawl.put_crawler(uow, "d", crawl.CrawlerSpec(bucket=BUCKET, prefixes=("open",), database="secret_db"), {})
        table = lake.TableId("db", "t")
        lake.create_table(uow, rt.settings.lake, table, pa.schema([("id", pa.int64())]))
        objects.refer(uow, table, [version.id])
    put(rt, version.key, by=WRITER)
    assert may_read(rt, version.key, version.id) == {"keeper"}, "its own"
    assert may_read(rt, version.key) == {"writer"}, "its own"


def test_a_crawler_that_moves_or_goes_takes_what_it_governs_with_it(rt: Runtime) -> None:
    put(rt, "open/in/a.csv")
    put(rt, "open/there/a.csv")
    moved = crawl.CrawlerSpec(bucket=BUCKET, prefixes=("open/there",), database="db")
    with rt.begin(OPERATOR) as uow:
        crawl.put_crawler(uow, "c", moved, {})
    assert may_read(rt, "open/in/a.csv") == {"keeper", "writer", "reader"}
    assert may_read(rt, "open/there/a.csv") == {"keeper", "writer"}
    with rt.begin(OPERATOR) as uow:
        crawl.drop_crawler(uow, "c")
    assert may_read(rt, "open/there/a.csv") == {"keeper", "writer", "reader"}
