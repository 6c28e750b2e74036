"""Every route answers whatever comes as its description says, and never with a fault of ours."""

import pytest

from pergamon.runtime import Runtime
from pergamon.web import create_app
from pergamon.web.permissions import ROUTE_PERMISSIONS
from tests.reference.fuzz import fuzzed, make_fuzzed_world
from tests.reference.served import served


def fuzz(rt: Runtime, *, examples: int, seeded: int) -> None:
    actor = make_fuzzed_world(rt)
    with served(create_app(rt)) as address:
        asked, faults = fuzzed(rt, address, actor).run(examples=examples, seeded=seeded)
    assert not faults, "\n\n".join(faults)
    assert len(asked) == len(ROUTE_PERMISSIONS)
    assert all(times > 0 for times in asked.values()), asked
    assert list(rt.settings.logs.glob("incident_*")) == []


def test_every_route_answers_as_described(rt: Runtime) -> None:
    fuzz(rt, examples=4, seeded=20)


@pytest.mark.soak
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seeded", range(5))
def test_every_route_answers_as_described_for_long(rt: Runtime, seeded: int) -> None:
    fuzz(rt, examples=150, seeded=seeded)
