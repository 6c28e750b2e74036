"""kill -9 of the process that watches a drop directory, again and again: each file becomes one version, whole."""

import os
import random
import signal
from pathlib import Path

import pytest

from pergamon import objects
from pergamon.runtime import Runtime
from tests import prepared_processes
from tests.reference.stacks import BUCKET, KEEPER, OPERATOR, feed, get, stack

ROOT = Path(__file__).parents[3]
FILES = 8
MOST_DEATHS = 40


@pytest.mark.parametrize("seed", range(3))
def test_each_dropped_file_becomes_one_version_whatever_dies(
    rt: Runtime, postgres_url: str, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - not a secret
    inbox = drop(rt, tmp_path, chance)
    deaths = 0
    while run(rt, postgres_url, chance.randint(30, 250)) != 0:
        deaths += 1
        assert deaths < MOST_DEATHS
    assert deaths > 0, "it never died; nothing was tried"
    with rt.begin(KEEPER) as uow:
        counts = {file.name: len(objects.object_versions(uow, BUCKET, f"own/{file.name}")) for file in inbox.iterdir()}
    assert counts == {file.name: 1 for file in inbox.iterdir()}
    assert all(get(rt, f"own/{file.name}", by=KEEPER) == file.read_bytes() for file in inbox.iterdir())
    assert sorted(feed(rt)) == sorted(("created", f"own/{file.name}") for file in inbox.iterdir())


def drop(rt: Runtime, tmp_path: Path, chance: random.Random) -> Path:
    stack(rt)
    inbox = tmp_path.resolve() / "inbox"
    inbox.mkdir()
    for number in range(FILES):
        (inbox / f"{number}.bin").write_bytes(chance.randbytes(chance.randint(0, 3_000_000)))
    with rt.begin(OPERATOR) as uow:
        spec = objects.DropDirectorySpec(path=str(inbox), bucket=BUCKET, prefix="own", settle_s=0.5)
        objects.put_drop_directory(uow, "inbox", spec)
    return inbox


def run(rt: Runtime, postgres_url: str, dies_at: int) -> int:
    """Watch until it dies or has nothing more to do. Returns: 0 when it came to its end."""
    words = (str(dies_at), postgres_url, str(rt.settings.home))
    done = prepared_processes.run("tests.integration.objects.drop_and_die", *words, env=os.environ)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode
