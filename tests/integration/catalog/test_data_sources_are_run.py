"""A run of a data source looks at every table of the lake that it takes: found, unchanged, gone, unreadable."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from pergamon import catalog, lake
from pergamon.catalog.data_sources import newest_tick
from pergamon.kernel import AccessDenied, NotFound
from pergamon.store import UnitOfWork
from tests.integration.catalog.conftest import World

Make = Callable[..., Path]
COLUMNS = pa.schema([("id", pa.int64()), ("sex", pa.string())])


@pytest.fixture
def make(world: World) -> Make:
    def table(name: str, columns: pa.Schema = COLUMNS) -> Path:
        with world.by() as uow:
            record = lake.create_table(uow, world.rt.settings.lake, lake.TableId("heart_db", name), columns)
        return Path(record.metadata_location.removeprefix("file://"))

    return table


def _by(world: World, name: str | None) -> Callable[[], AbstractContextManager[UnitOfWork]]:
    return lambda: world.by(name)


def _run(world: World, name: str | None = "olga") -> dict[str, int]:
    return dict(catalog.run_data_source(_by(world, name), "heart-tables").as_json()["counts"])


def test_a_run_finds_what_is_there_and_then_nothing_new(world: World, make: Make) -> None:
    make("patients")
    make("visits")
    make("tmp_x")
    counts = {"added": 0, "updated": 0, "unchanged": 0, "removed": 0, "failed": 0, "held": 0}
    assert _run(world) == counts | {"added": 2}
    assert _run(world) == counts | {"unchanged": 2}
    with world.by("bea") as uow:
        seen = catalog.read_asset(uow, "heart_db.patients").as_json()
    assert [(column["name"], column["type"]) for column in seen["columns"]] == [("id", "long"), ("sex", "string")]
    assert (seen["rows"], seen["format"], seen["state"]) == (0, "iceberg", "published")


def test_a_table_that_changed_is_a_version_and_one_that_is_gone_is_retired(world: World, make: Make) -> None:
    make("patients")
    make("visits")
    _run(world)
    with world.by() as uow:
        lake.evolve_table(uow, lake.TableId("heart_db", "patients"), add=[pa.field("age", pa.int32())])
        lake.drop_table(uow, lake.TableId("heart_db", "visits"))
    counts = _run(world)
    assert (counts["updated"], counts["removed"]) == (1, 1)
    with pytest.raises(NotFound), world.by("bea") as uow:
        catalog.read_asset(uow, "heart_db.visits")
    with world.by("olga") as uow:
        assert catalog.read_asset(uow, "heart_db.visits").as_json()["state"] == "retired"


def test_a_table_that_cannot_be_read_is_counted_and_the_rest_goes_on(world: World, make: Make) -> None:
    metadata = make("broken")
    make("patients")
    metadata.write_text("{")
    run = catalog.run_data_source(_by(world, "olga"), "heart-tables")
    assert (run.state, run.counts["added"], run.counts["failed"]) == ("succeeded", 1, 1)
    assert [dict(fault)["table"] for fault in run.faults] == ["heart_db.broken"]
    with world.by("olga") as uow:
        assert [one.id for one in catalog.list_runs(uow, "heart-tables")] == [run.id]


@pytest.mark.parametrize(
    ("person", "error"), [("carl", None), ("connie", AccessDenied), ("bea", NotFound), ("uma", NotFound)]
)
def test_who_describes_the_assets_may_run_their_source(
    world: World, person: str, error: type[Exception] | None
) -> None:
    if error is None:
        assert _run(world, person)["failed"] == 0
        return
    with pytest.raises(error):
        _run(world, person)


def test_a_source_is_due_when_it_was_deployed_and_when_its_schedule_says_so(world: World) -> None:
    def service() -> AbstractContextManager[UnitOfWork]:
        return world.rt.begin(world.rt.service("catalog"))

    assert catalog.run_due_data_source(service) is not None
    assert catalog.run_due_data_source(service) is None
    spec = catalog.DataSourceSpec(project="heart", databases=("heart_db",), schedule="* * * * *")
    with world.by() as uow:
        catalog.put_data_source(uow, "heart-tables", spec, {})
    assert catalog.run_due_data_source(service) is not None
    with world.by() as uow:
        uow.execute("UPDATE catalog_data_source SET changed_at = changed_at - interval '1 hour'")
        uow.execute("UPDATE catalog_source_run SET started_at = started_at - interval '10 minutes'")
    with world.by() as uow:
        assert catalog.due_data_sources(uow) == ["heart-tables"]
        assert newest_tick("* * * * *", uow.now) > uow.now - timedelta(minutes=1)


def test_a_run_that_was_cut_off_is_told_as_abandoned_and_done_again(world: World, make: Make) -> None:
    make("patients")

    class PowerCut(BaseException):
        pass

    calls = 0

    def cut() -> AbstractContextManager[UnitOfWork]:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise PowerCut
        return world.rt.begin(world.rt.service("catalog"))

    with pytest.raises(PowerCut):
        catalog.run_due_data_source(cut)
    with world.rt.begin(world.rt.service("catalog")) as uow:
        catalog.abandon_unfinished_runs(uow)
    run = catalog.run_due_data_source(lambda: world.rt.begin(world.rt.service("catalog")))
    assert run is not None
    assert run.counts["added"] == 1
    with world.by("olga") as uow:
        assert [one.state for one in catalog.list_runs(uow, "heart-tables")] == ["succeeded", "abandoned"]
