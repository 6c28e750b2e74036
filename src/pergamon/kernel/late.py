"""A module that is imported with its first use: whoever needs little starts at once.

For entry points and what joins rooms, never between rooms: there it would only hide that something is in the wrong one.
"""

import importlib
from typing import Any


class LoadedWhenUsed:
    """Stands for a module until something of it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:  # Any: whatever the module holds
        return getattr(importlib.import_module(self._name), attribute)
