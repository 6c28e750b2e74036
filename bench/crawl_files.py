"""How long do 100,000 small Parquet files in one folder take to become a table, in place, and in how much memory?

Contenders: our crawler from its deployment to a table that stands (listed, each file looked into in the confined
reader, none rewritten, added in commits of 5,000 with states, references, catalog and trail); listing alone: the same
objects by key, page by page, as every crawl begins. And again: a second listing, when nothing has changed.

Data: files of 20 rows and 4 columns, seed 42, uploaded as objects before the clock starts. Checked after each run, off
the clock: the table's files and rows, and that no byte was written into its data directory.
Goal: memory that does not grow with the number of files (below 1 GiB with its readers).
Command: `python -m bench crawl_files` (`BENCH_FILES`, by default 100,000).
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.installation import OPERATOR, opened, platform_database, scratch
from bench.measure import Steps, measure_prepared, report, rows_wanted
from pergamon import crawl, lake, objects
from pergamon.crawl import CrawlerSpec, Limits
from pergamon.kernel import Actor, ActorKind
from pergamon.runtime import Runtime
from pergamon.settings import Settings

SEED = 42
ROWS = 20
HOLDER = Actor("person:holder", ActorKind.PERSON, frozenset({"holder"}))
LIMITS = Limits(quiet_s=0, longest_wait_s=0)
PUT_TOGETHER = 200


def main() -> None:
    files = rows_wanted("BENCH_FILES", 100_000)
    with scratch() as directory, platform_database(directory) as settings:
        with opened(settings) as rt:
            _upload(rt, files)
        contenders = [
            measure_prepared("listing alone", lambda: _listing(settings)),
            measure_prepared("our crawl, in place", lambda: _ours(settings), warm_up=0),
            measure_prepared("listed again, nothing new", lambda: _again(settings)),
        ]
        facts = {"files": files, "rows_per_file": ROWS, "goal": "peak memory below 1,024 MiB"}
        report("crawl_files", contenders, "listing alone", facts, things=(files, "files"))


def _upload(rt: Runtime, files: int) -> None:
    with rt.begin(OPERATOR) as uow:
        rule = lake.AccessRuleSpec(ReadWriteSuperRoles=("holder",))
        lake.put_bucket(uow, "assets", lake.BucketSpec(access_rules=(rule,)))
        for number in range(100):
            lake.put_database(uow, f"db{number}", lake.DatabaseSpec(bucket="assets", prefix="tables"))
    random = np.random.default_rng(SEED)
    for first in range(0, files, PUT_TOGETHER):
        some = range(first, min(first + PUT_TOGETHER, files))
        received = [
            (key, objects.receive_content(rt.settings.lake, "assets", key, [_content(random, number)]))
            for number in some
            for key in [f"in/visits/{number % 100:02d}/{number:06d}.parquet"]
        ]
        with rt.begin(HOLDER) as uow:
            for key, content in received:
                objects.put_object(uow, content, "assets", key)


def _content(random: np.random.Generator, number: int) -> bytes:
    ids = np.arange(number * ROWS, (number + 1) * ROWS)
    columns = {"id": ids, "value": random.normal(size=ROWS), "code": [f"c{n % 7}" for n in ids], "day": ids % 365}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@contextmanager
def _listing(settings: Settings) -> Iterator[Steps]:
    with opened(settings) as rt:

        def work() -> int:
            found, after = 0, ""
            while True:
                with rt.begin(OPERATOR) as uow:
                    page = objects.current_objects(uow, "assets", "in/", after=after)
                found += len(page)
                if len(page) < LIMITS.page:
                    return found
                after = page[-1].key

        yield Steps(work)


@contextmanager
def _ours(settings: Settings) -> Iterator[Steps]:
    """Each run crawls into a database of its own."""
    with opened(settings) as rt:
        rt.file_reader.prewarm()
        with rt.begin(OPERATOR) as uow:
            number = len(crawl.read_crawlers(uow)) + 1

        def work() -> int:
            _deploy(rt, number)
            return _crawl(rt)

        yield Steps(work)
        _check(rt, number)


@contextmanager
def _again(settings: Settings) -> Iterator[Steps]:
    """With as many crawlers as there were runs; one is listed again, the others have nothing to do."""
    with opened(settings) as rt:

        def work() -> int:
            with rt.begin(OPERATOR) as uow:
                crawl.request_crawl(uow, "visits1")
            return _crawl(rt)

        yield Steps(work)


def _deploy(rt: Runtime, number: int) -> None:
    spec = CrawlerSpec(bucket="assets", prefixes=("in/visits",), database=f"db{number}", one_table=True)
    with rt.begin(OPERATOR) as uow:
        crawl.put_crawler(uow, f"visits{number}", spec, {})


def _crawl(rt: Runtime) -> int:
    """To the end. Returns: the files of all commits."""
    plain = rt.crawl_place("bench")
    place = crawl.Place(plain.begin, plain.lake_root, plain.reader, plain.worker, LIMITS)
    committed = 0
    while True:
        followed = crawl.follow(place)
        did = crawl.crawl_step(place)
        if did is None and not followed:
            return committed
        committed += did.files if did is not None and did.what == "committed" else 0


def _check(rt: Runtime, number: int) -> None:
    with rt.begin(OPERATOR) as uow:
        status = crawl.crawler_status(uow, f"visits{number}")
        files = lake.table_files(uow, lake.TableId(f"db{number}", "visits"))
    wanted = status.files["added"]
    if len(files.data) != wanted or sum(file.rows for file in files.data) != wanted * ROWS:
        raise RuntimeError("a file or a row is missing")
    if (rt.settings.lake / f"assets/tables/db{number}/visits/data").exists():
        raise RuntimeError("something was rewritten")
