"""Profiles are kept as long as a trend needs them: all of a week, one a day for a year, the newest for ever."""

from datetime import UTC, timedelta

from pergamon import quality
from pergamon.kernel import Actor
from pergamon.runtime import Runtime


def test_a_week_whole_then_one_a_day_then_the_newest_alone(rt: Runtime, operator: Actor) -> None:
    with rt.begin(operator) as uow:
        today = uow.now.astimezone(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    made = {
        ("t", "done"): [0, 0.1, 6, 6.1, 20, 20.1, 20.2, 21, 399, 500, 501],
        ("t", "failed"): [20.05, 600],
        ("still", "done"): [700, 700.1],
    }
    kept = {
        ("t", "done"): [0, 0.1, 6, 6.1, 20, 21, 399],
        ("t", "failed"): [20.05],
        ("still", "done"): [700],
    }
    with rt.begin(operator) as uow:
        for (name, state), ages in made.items():
            for age in ages:
                uow.execute(
                    "INSERT INTO quality_profile (id, database, name, state, at, duration_ms) "
                    "VALUES (%s, 'db', %s, %s, %s, 1)",
                    (f"{name}-{state}-{age}", name, state, today - timedelta(days=age)),
                )
    steps = 1
    while _expire_some(rt, operator):
        steps += 1
    assert steps == 4, "seven, in batches of two"
    with rt.begin(operator) as uow:
        left = {row["id"] for row in uow.rows("SELECT id FROM quality_profile")}
    assert left == {f"{name}-{state}-{age}" for (name, state), ages in kept.items() for age in ages}


def _expire_some(rt: Runtime, operator: Actor) -> bool:
    with rt.begin(operator) as uow:
        return quality.expire_profiles(uow, limit=2)
