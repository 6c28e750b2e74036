"""`replication test`: what would stop a start, and what to do about it, on a source in memory."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pergamon import replicate
from pergamon.replicate import Finding, ReplicationTask, ReplicationTaskSpec, SourceSpec
from tests.reference.memory_source import MemorySource

RULE = {
    "rule-type": "selection",
    "rule-id": "1",
    "rule-action": "include",
    "object-locator": {"schema-name": "hda", "table-name": "p%"},
}
SLOT = PUBLICATION = "pergamon_hospital"


def found(source: MemorySource, migration_type: str = "full-load-and-cdc") -> list[Finding]:
    spec = ReplicationTaskSpec.model_validate(
        {"source": SourceSpec(conninfo="{{secret:source}}"), "rules": (RULE,), "migration_type": migration_type}
    )
    return replicate.test_endpoint(ReplicationTask("hospital", spec), source)


@pytest.fixture
def source() -> MemorySource:
    source = MemorySource()
    source.make("patients")
    source.make("other", key=False)
    return source


def test_a_source_that_is_ready_has_nothing_against_it(source: MemorySource) -> None:
    assert all(finding.ok for finding in found(source))
    assert not [finding for finding in found(source) if finding.hint]


def server(**facts: Any) -> Callable[[MemorySource], None]:
    return lambda source: setattr(source, "server", replace(source.server, **facts))


def table(**facts: Any) -> Callable[[MemorySource], None]:
    def change(source: MemorySource) -> None:
        known = source.by_name["patients"]
        known.described = replace(known.described, **facts)

    return change


def slot(**facts: Any) -> Callable[[MemorySource], None]:
    def change(source: MemorySource) -> None:
        source.create_slot(SLOT)
        source.slots[SLOT] = replace(source.slots[SLOT], **facts)

    return change


def publication(**facts: Any) -> Callable[[MemorySource], None]:
    def change(source: MemorySource) -> None:
        source.create_publication(PUBLICATION, source.tables(), inserts_only=False)
        source.publications[PUBLICATION] = replace(source.publications[PUBLICATION], **facts)

    return change


def no_table(source: MemorySource) -> None:
    del source.by_name["patients"]


def partitions_told_apart(source: MemorySource) -> None:
    table(partitioned=True)(source)
    publication(via_root=False)(source)


NOT_READY = [
    (no_table, "tables", "case counts"),
    (table(readable=False), "select", 'GRANT SELECT ON "hda"."patients" TO "hospital"'),
    (table(owned=False), "publication", "administrator's script"),
    (server(can_create=False), "publication", "administrator's script"),
    (server(version=130010), "version", "PostgreSQL 14"),
    (server(wal_level="replica"), "wal_level", "set it to logical"),
    (server(can_replicate=False), "replication right", 'ALTER ROLE "hospital" REPLICATION'),
    (server(is_standby=True), "standby", "from the primary"),
    (server(free_senders=1), "senders", "max_wal_senders"),
    (server(free_slots=1), "slot", "max_replication_slots"),
    (slot(plugin="test_decoding"), "slot", "make it with pgoutput"),
    (slot(wal_status="lost"), "slot", "--reload"),
    (publication(filtered=frozenset({("hda", "patients")})), "publication", "publish the whole table"),
    (partitions_told_apart, "publication", "publish_via_partition_root"),
]


@pytest.mark.parametrize(("spoil", "check", "advice"), NOT_READY)
def test_what_stops_a_start_is_named_with_what_to_do(
    source: MemorySource, spoil: Callable[[MemorySource], None], check: str, advice: str
) -> None:
    spoil(source)
    (failed,) = [finding for finding in found(source) if not finding.ok]
    assert failed.check == check
    assert advice in failed.hint


@pytest.mark.parametrize(
    "spoil", [spoil for spoil, check, _ in NOT_READY if check not in {"tables", "select", "version"}]
)
def test_a_full_load_alone_needs_only_to_read(source: MemorySource, spoil: Callable[[MemorySource], None]) -> None:
    spoil(source)
    assert all(finding.ok for finding in found(source, "full-load"))


ADVISED = [
    (slot(active=True), "slot"),
    (publication(actions=frozenset({"insert"})), "publication"),
    (table(identity_columns=()), "replica identity"),
]


@pytest.mark.parametrize(("spoil", "check"), ADVISED)
def test_what_only_needs_to_be_known_is_advice_and_stops_nothing(
    source: MemorySource, spoil: Callable[[MemorySource], None], check: str
) -> None:
    spoil(source)
    assert all(finding.ok for finding in found(source))
    assert check in [finding.check for finding in found(source) if finding.hint]
