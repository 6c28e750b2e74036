"""A governed lake, fresh for each test."""

import pytest

from pergamon.runtime import Runtime
from tests.reference.governed_lake import GovernedLake, make_governed_lake


@pytest.fixture
def world(rt: Runtime) -> GovernedLake:
    return make_governed_lake(rt)
