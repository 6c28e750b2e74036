"""A copy of the starter kit to spoil."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pergamon.starter_kits import copy_kit

Spoil = Callable[[str, str, str], None]


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """The health data accelerator as a user gets it."""
    folder = tmp_path / "kit"
    copy_kit("health-data-accelerator", folder)
    return folder


@pytest.fixture
def change(kit: Path) -> Spoil:
    """Replace a text that must be there, once, in a file of the kit."""

    def changed(file: str, old: str, new: str) -> None:
        text = (kit / file).read_text()
        assert old in text
        (kit / file).write_text(text.replace(old, new, 1))

    return changed
