"""A bucket with a crawler, objects that come and go, and the tables that they become, read by a real DuckDB."""

import io
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pergamon import crawl, lake, objects
from pergamon.crawl import CrawlerSpec, Did, Limits
from pergamon.kernel import Actor, ActorKind
from pergamon.runtime import Runtime
from tests.reference.plain_engine import connected
from tests.reference.plain_reader import PlainReader

HOLDER = Actor("person:holder", ActorKind.PERSON, frozenset({"holder"}))
CRAWLER = Actor("service:crawler", ActorKind.SERVICE)
AT_ONCE = Limits(quiet_s=0, longest_wait_s=0)


@dataclass
class World:
    """What a holder and a worker do, in few words."""

    rt: Runtime
    reader: PlainReader = field(default_factory=PlainReader)
    limits: Limits = AT_ONCE

    def deploy(self, name: str = "assets", **spec: Any) -> None:
        given = {"bucket": "assets", "prefixes": ("in",), "database": "assets_db"} | spec
        with self.rt.begin(self.operator) as uow:
            crawl.put_crawler(uow, name, CrawlerSpec(**given), {})

    @property
    def operator(self) -> Actor:
        return Actor("operator:test", ActorKind.OPERATOR)

    def put(self, key: str, content: bytes) -> str:
        received = objects.receive_content(self.rt.settings.lake, "assets", key, [content])
        with self.rt.begin(HOLDER) as uow:
            return objects.put_object(uow, received, "assets", key).id

    def put_parquet(self, key: str, **columns: Any) -> str:
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink)
        return self.put(key, sink.getvalue())

    def put_csv(self, key: str, *lines: str) -> str:
        return self.put(key, ("\n".join(lines) + "\n").encode())

    def remove(self, key: str) -> None:
        with self.rt.begin(HOLDER) as uow:
            objects.remove_object(uow, "assets", key)

    def place(self, worker: str = "worker") -> crawl.Place:
        return crawl.Place(lambda: self.rt.begin(CRAWLER), self.rt.settings.lake, self.reader, worker, self.limits)

    def crawl(self, worker: str = "worker") -> list[Did]:
        """Until there is nothing left to do."""
        done, place = [], self.place(worker)
        while True:
            followed = crawl.follow(place)
            did = crawl.crawl_step(place)
            if did is not None:
                done.append(did)
            elif not followed:
                return done

    def tables(self) -> list[str]:
        with self.rt.begin(self.operator) as uow:
            return [record.id.name for record in lake.list_tables(uow, "assets_db")]

    def rows(self, table: str, order: str = "ALL") -> list[dict[str, Any]]:
        with self.rt.begin(self.operator) as uow:
            files = lake.table_files(uow, lake.TableId("assets_db", table))
        if files.snapshot_id is None:
            return []
        query = f"SELECT * FROM iceberg_scan('{files.metadata}') ORDER BY {order}"
        return list(connected().execute(query).to_arrow_table().to_pylist())

    def column(self, table: str, name: str = "id") -> list[Any]:
        return [row[name] for row in self.rows(table, f'"{name}"')]

    def snapshots(self, table: str) -> int:
        with self.rt.begin(self.operator) as uow:
            return len(lake.snapshot_history(uow, lake.TableId("assets_db", table)))

    def states(self, name: str = "assets") -> dict[str, str]:
        with self.rt.begin(self.operator) as uow:
            return {row["key"]: row["state"] for row in crawl.crawled_files(uow, name)}

    def reason(self, key: str, name: str = "assets") -> str:
        with self.rt.begin(self.operator) as uow:
            return next(row["reason"] for row in crawl.crawled_files(uow, name) if row["key"] == key)

    def events(self, code: str) -> list[dict[str, Any]]:
        with self.rt.begin(self.operator) as uow:
            return uow.rows("SELECT subject, facts FROM audit_event WHERE code = %s ORDER BY 1", (code,))


@pytest.fixture
def world(rt: Runtime, operator: Actor) -> World:
    with rt.begin(operator) as uow:
        rule = lake.AccessRuleSpec(ReadWriteSuperRoles=("holder",))
        for bucket in ("assets", "curated"):
            lake.put_bucket(uow, bucket, lake.BucketSpec(access_rules=(rule,)))
        lake.put_database(uow, "assets_db", lake.DatabaseSpec(bucket="assets", prefix="tables"))
    return World(rt)
