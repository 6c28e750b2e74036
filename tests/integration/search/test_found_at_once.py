"""What is published is found by the next search, what is hidden by none; whoever keeps the index up to date."""

import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from pergamon import catalog
from pergamon.search import Facet, SearchBehind, SearchPage, SearchRequest, Sort
from pergamon.search.index import SearchIndex
from pergamon.search.tables import origin
from tests.integration.catalog.conftest import World


def search(world: World, name: str | None, text: str = "", **more: object) -> SearchPage:
    actor = world.person(name) if name else world.operator
    return world.rt.search_catalog(actor, SearchRequest(text=text, **more))  # type: ignore[arg-type]


def names(page: SearchPage) -> list[str]:
    return [str(hit.document["name"]).removeprefix("heart_db.") for hit in page.hits]


@pytest.fixture(params=["a thread follows", "whoever searches follows"])
def followed(request: pytest.FixtureRequest, world: World) -> Iterator[World]:
    with world.rt.searching.following() if request.param == "a thread follows" else nullcontext():
        yield world


def test_what_is_published_is_found_by_the_next_search(followed: World) -> None:
    for number in range(5):
        followed.found(f"heart_db.patient_vitals_{number}", "blood_pressure:int")
        page = search(followed, "bea", "vitals pressure")
        assert page.total == number + 1
    assert page.hits[0].highlights["name"]
    assert page.hits[0].document["columns"] == ["blood_pressure"]


def test_what_is_hidden_is_gone_from_the_next_search(followed: World) -> None:
    (asset_id,) = followed.found("heart_db.patients", "id")
    followed.found("heart_db.visits", "id")
    assert names(search(followed, "bea", sort=Sort.NAME)) == ["patients", "visits"]
    with followed.by("olga") as uow:
        catalog.unpublish_asset(uow, asset_id)
    page = search(followed, "bea")
    assert (names(page), page.total) == (["visits"], 1)
    assert [one.count for one in page.facets[Facet.TYPE].values] == [1]
    assert search(followed, "bea", "patients").total == 0
    assert search(followed, "olga", "patients").total == 1, "the project's own people still find it"
    assert search(followed, None, "patients").total == 1, "and who looks after every description"


def test_an_edit_is_found_by_its_new_words_and_no_longer_by_the_old(followed: World) -> None:
    (asset_id,) = followed.found("heart_db.t1", "id")
    with followed.by("olga") as uow:
        catalog.edit_asset(uow, asset_id, catalog.AssetEdit(title="Blutdrücke der Klinik"), expected_version=1)
        catalog.publish_asset(uow, asset_id)
    assert search(followed, "bea", "blutdrucke").total == 1
    with followed.by("olga") as uow:
        catalog.edit_asset(uow, asset_id, catalog.AssetEdit(title="Pulse"), expected_version=2)
        catalog.publish_asset(uow, asset_id)
    assert [search(followed, "bea", word).total for word in ("blutdrucke", "pulse")] == [0, 1]


def test_searches_go_on_while_assets_come(followed: World) -> None:
    """Every search holds everything committed before it, and totals never go back."""
    committed = [0]
    stop = threading.Event()

    def publish() -> None:
        while not stop.is_set():
            followed.found(f"heart_db.t{committed[0]}", "id")
            committed[0] += 1

    publisher = threading.Thread(target=publish)
    publisher.start()
    totals, deadline = [], time.monotonic() + 3
    try:
        while time.monotonic() < deadline:
            before = committed[0]
            totals.append(search(followed, "bea").total)
            assert totals[-1] >= before
    finally:
        stop.set()
        publisher.join()
    assert totals == sorted(totals)
    assert totals[-1] > totals[0]


def test_what_the_index_does_not_hold_yet_is_left_out_rather_than_shown_as_it_was(world: World) -> None:
    """The process that writes the index has stopped: what has changed since is not told of, the rest is."""
    (asset_id,) = world.found("heart_db.patients", "id")
    world.found("heart_db.visits", "id")
    assert search(world, "bea").total == 2
    with world.by("olga") as uow:
        mark = origin(uow)
    usual_s, world.rt.searching.follower.patience_s = world.rt.searching.follower.patience_s, 0.05
    with SearchIndex(world.rt.settings.home / "search", mark).writing() as stuck:
        assert stuck is not None
        with world.by("olga") as uow:
            catalog.unpublish_asset(uow, asset_id)
        page = search(world, "bea")
        assert (names(page), page.total) == (["visits"], 1)
        world.rt.searching.follower.most_left_out = 0
        with pytest.raises(SearchBehind):
            search(world, "bea")
    world.rt.searching.follower.patience_s = usual_s
    assert search(world, "bea").total == 1
