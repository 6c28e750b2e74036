"""What does one decision cost as an installation grows, and a list of what somebody may see?

Contenders: `decide` for an actor and a table with 1, 10, 100 and 1,000 roles on each side; `visible` over 10, 1,000 and
10,000 tables with 5 readers each. Baseline: one decision with one role; each figure is seconds for 100 calls of
`decide`, or for one list. Checked first: the answers are what the roles say. Command: `python -m bench decide`.
"""

from collections.abc import Callable

from bench.measure import Measured, measure, report
from pergamon.kernel import Actor, ActorKind
from pergamon.policy import Action, Resource, decide, visible

DECISIONS = 100
ROLES = (1, 10, 100, 1000)
TABLES = (10, 1000, 10_000)


def main() -> None:
    contenders = [measure(f"decide x {DECISIONS}, {count} roles", _deciding(count)) for count in ROLES]
    contenders += [_listing(count) for count in TABLES]
    report("decide", contenders, contenders[0].name, {"decisions": DECISIONS})


def _deciding(count: int) -> Callable[[], int]:
    """Half of the tables are readable: by the last of the actor's roles alone."""
    roles = [f"role-{n:04d}" for n in range(count)]
    actor = Actor("person:ada", ActorKind.PERSON, roles=frozenset(roles))
    others = {f"other-{n:04d}" for n in range(count - 1)}
    readable = Resource("table", "raw_db.a", readers=frozenset(others | {roles[-1]}))
    closed = Resource("table", "raw_db.b", readers=frozenset(others | {"nobody"}))
    assert decide(actor, Action.TABLE_READ, readable).allowed
    assert not decide(actor, Action.TABLE_READ, closed).allowed

    def work() -> int:
        return sum(
            decide(actor, Action.TABLE_READ, readable if number % 2 else closed).allowed for number in range(DECISIONS)
        )

    return work


def _listing(count: int) -> Measured:
    """Every tenth table is readable."""
    actor = Actor("person:ada", ActorKind.PERSON, roles=frozenset({"data-user", "data-admin"}))
    others = [f"role-{n}" for n in range(4)]
    tables = [
        Resource("table", f"db.t{n}", readers=frozenset([*others, "nobody" if n % 10 else "data-user"]))
        for n in range(count)
    ]
    found = measure(f"visible, {count:,} tables", lambda: len(visible(actor, Action.TABLE_READ, tables)))
    assert found.result == count // 10, f"visible says {found.result}"
    return found
