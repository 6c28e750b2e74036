"""A table that changes becomes an asset, a version, a listing; a table that goes takes its listing with it."""

from pergamon import catalog, lake
from pergamon.store import FeedPosition
from tests.integration.catalog.conftest import World


def test_a_new_table_is_an_asset_and_is_published_where_the_source_says_so(world: World) -> None:
    (asset_id,) = world.found("heart_db.patients", "id:long", "sex")
    document = world.documents(asset_id)[asset_id]
    assert (document.name, document.is_published, document.version, document.rows) == (
        "heart_db.patients",
        True,
        1,
        10,
    )
    assert document.columns == (("id", ""), ("sex", ""))
    assert document.unit == "clinic/cardiology"
    assert "everyone" in document.readers
    assert document.format == "csv"


def test_a_table_that_the_source_leaves_out_is_no_asset(world: World) -> None:
    assert world.found("heart_db.tmp_x", "id") == []
    assert world.found("other_db.patients", "id") == []


def test_the_same_table_again_makes_no_version_and_new_columns_make_one(world: World) -> None:
    (asset_id,) = world.found("heart_db.patients", "id")
    assert world.found("heart_db.patients", "id", rows=20) == [asset_id]
    assert (world.documents(asset_id)[asset_id].version, world.documents(asset_id)[asset_id].rows) == (1, 20)
    world.found("heart_db.patients", "id", "sex", rows=20)
    assert world.documents(asset_id)[asset_id].version == 2


def test_every_change_stands_in_the_feed_and_a_follower_reads_it_once(world: World) -> None:
    (asset_id,) = world.found("heart_db.patients", "id")
    with world.by() as uow:
        changes = catalog.read_changes(uow, FeedPosition(), 100)
    assert {change.asset_id for change in changes} == {asset_id}
    world.found("heart_db.patients", "id", "sex")
    with world.by() as uow:
        later = catalog.read_changes(uow, changes[-1].position, 100)
    assert [change.asset_id for change in later] == [asset_id]


def test_only_the_newest_change_of_each_asset_is_kept_and_a_follower_misses_none(world: World) -> None:
    (first,) = world.found("heart_db.patients", "id")
    (second,) = world.found("heart_db.visits", "id")
    with world.by() as uow:
        early = catalog.read_changes(uow, FeedPosition(), 1)[0].position
    world.found("heart_db.patients", "id", "sex")
    world.found("heart_db.patients", "id", "sex", "age")
    with world.by() as uow:
        before = catalog.read_changes(uow, FeedPosition(), 100)
        assert catalog.forget_superseded_changes(uow, limit=1)
        assert not catalog.forget_superseded_changes(uow)
    with world.by() as uow:
        for start in (FeedPosition(), early):
            assert [change.asset_id for change in catalog.read_changes(uow, start, 100)] == [second, first]
    assert len(before) > 2


def test_a_table_that_is_gone_gives_no_document_and_comes_back_with_what_was_said(world: World) -> None:
    (asset_id,) = world.found("heart_db.patients", "id")
    with world.by() as uow:
        assert catalog.table_dropped(uow, lake.TableId("heart_db", "patients")) == [asset_id]
    assert world.documents(asset_id) == {}
    assert world.found("heart_db.patients", "id") == [asset_id]
    assert world.documents(asset_id)[asset_id].is_published
