"""The process that follows the catalog is killed at any moment: the index is then what a new one would be."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pergamon.search import CatalogFeed, Search, SearchBehind, SearchPage, SearchRequest, Seer
from pergamon.search.index import SearchIndex
from pergamon.search.tables import origin
from pergamon.store import FeedPosition
from tests.integration.catalog.conftest import World

EVERYTHING = SearchRequest(limit=100)
OPERATOR = Seer(frozenset(), sees_all=True)


@pytest.fixture
def killer(world: World) -> Iterator[Callable[[float], None]]:
    """Lets a follower live for so many seconds."""
    where = [str(world.rt.settings.home), str(world.rt.settings.database_url)]
    words = [sys.executable, "-m", f"{__package__}.follow_and_die", *where]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def kill_after(seconds: float) -> None:
            stdin.write(f"{seconds}\n")
            stdin.flush()
            assert stdout.readline() == "killed\n"

        yield kill_after


def test_an_index_whose_writer_was_killed_equals_one_made_anew(
    world: World, killer: Callable[[float], None], tmp_path: Path
) -> None:
    reached = set()
    for seed in range(60):
        change_and_kill(world, killer, seed)
        reached.add(position(world))
        if seed >= 9 and len(reached) > 3:
            break
    assert len(reached) > 3, "kills fell between the first commit and the last"
    assert answers(world, world.rt.searching) == answers(world, anew(world, tmp_path))


@pytest.mark.soak
def test_a_hundred_kills(world: World, killer: Callable[[float], None], tmp_path: Path) -> None:
    for seed in range(100):
        change_and_kill(world, killer, seed)
        if seed % 5 == 0:
            assert answers(world, world.rt.searching) == answers(world, anew(world, tmp_path / str(seed)))


def change_and_kill(world: World, killer: Callable[[float], None], seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    for number in dice.sample(range(30), 25):
        world.found(f"heart_db.t{number}", "id", f"column_{seed % 10}")
    killer(dice.uniform(0, 0.4))


def position(world: World) -> FeedPosition:
    """How far the index has come that the killed one left."""
    with world.rt.begin(world.operator) as uow:
        mark = origin(uow)
    try:
        return SearchIndex(world.rt.settings.home / "search", mark).view().position
    except SearchBehind:
        return FeedPosition()


def anew(world: World, root: Path) -> Search:
    """A search with an index of its own, made from the catalog's beginning."""
    return Search(root, CatalogFeed(lambda: world.rt.begin(world.rt.service("search"))))


def answers(world: World, search: Search) -> list[object]:
    asked = [EVERYTHING, *(SearchRequest(text=f"column_{seed}", limit=100) for seed in range(10))]
    pages: list[SearchPage] = [search.search(OPERATOR, one, now=world.rt.clock.now()) for one in asked]
    return [page.as_json() for page in pages]
