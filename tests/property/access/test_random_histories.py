"""A random history of acts by people in every part never leaves the table of states, nor gives what it should not.

A plain twin keeps what should be; after every act the room is compared with it: the request's state or the refusal, the
grants there are, and what is given at that second of the clock.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import pytest

from pergamon import access
from pergamon.kernel import AccessDenied, Conflict, NotFound
from tests.integration.access.conftest import HEART, STUDY, World, world

__all__ = ["world"]

DECIDERS = {"olga", "otto", "steff", "uma"}
MEMBERS = {"study": STUDY, "heart": HEART}
PEOPLE = [*HEART, *STUDY, "uma", "eve"]
ACTS = ["ask"] * 3 + ["approve"] * 9 + ["amend", "ask-for-changes", "reject", "withdraw"]
ENDS = {"approved", "rejected", "withdrawn"}
COLUMNS = ["id", "name", "born", "site", "age"]
APPROVALS = 2
DECIDERS_AND_ASKERS = ["olga", "otto", "steff", "uma", "ada", "bob"] * 2


@dataclass
class Asked:
    """A request, as it should be."""

    project: str
    state: str
    shaped_by: set[str]
    columns: set[str]
    approved_by: set[str] = field(default_factory=set)
    narrowed: set[str] = field(default_factory=lambda: set(COLUMNS))


@dataclass
class Given:
    """A grant, as it should be."""

    project: str
    columns: set[str]
    until: datetime
    is_revoked: bool = False

    def is_live(self, now: datetime) -> bool:
        return not self.is_revoked and now < self.until


@dataclass
class Twin:
    """All that should be."""

    requests: dict[str, Asked] = field(default_factory=dict)
    grants: dict[str, Given] = field(default_factory=dict)

    def sees(self, name: str, project: str) -> bool:
        return name in DECIDERS or name in MEMBERS[project]

    def asks(self, name: str, project: str) -> bool:
        return MEMBERS[project].get(name) in {"owner", "contributor"}

    def refusal(self, name: str, act: str, asked: Asked) -> str | None:
        """What should be answered; None when the act is done."""
        if not self.sees(name, asked.project):
            return "not found"
        is_asking = act in {"amend", "withdraw"}
        if is_asking and not self.asks(name, asked.project):
            return "denied"
        if not is_asking and (name not in DECIDERS or name in asked.shaped_by):
            return "denied"
        if asked.state in ENDS or (asked.state == "changes-asked" and act in {"approve", "ask-for-changes"}):
            return "conflict"
        return "conflict" if act == "approve" and name in asked.approved_by else None


def _ask(world: World, twin: Twin, dice: Random, name: str) -> None:
    project = dice.choice(["study", "heart"])
    is_open = any(one.project == project and one.state not in ENDS for one in twin.requests.values())
    columns = dice.sample(COLUMNS, dice.randint(1, 5))
    try:
        request = world.ask(name, project=project, columns=columns, days=2)
    except (NotFound, AccessDenied):
        assert not twin.asks(name, project)
    except access.AlreadyAsked:
        assert twin.asks(name, project)
        assert is_open
    else:
        assert twin.asks(name, project)
        assert not is_open
        twin.requests[request.id] = Asked(project, "open", {name}, set(columns))


def _act(world: World, twin: Twin, dice: Random, name: str, act: str) -> None:
    undecided = [name for name, one in twin.requests.items() if one.state not in ENDS]
    request_id = dice.choice(undecided if undecided and dice.random() < 0.9 else list(twin.requests))
    asked = twin.requests[request_id]
    columns = dice.sample(sorted(asked.columns), dice.randint(1, len(asked.columns)))
    expected = twin.refusal(name, act, asked)
    if act == "approve" and expected is None and not asked.narrowed & asked.columns & set(columns):
        return  # two who leave no column in common: refused, and told elsewhere
    try:
        with world.by(name) as uow:
            match act:
                case "amend":
                    request = access.amend_request(uow, request_id, columns=columns)
                case "withdraw":
                    request = access.withdraw_request(uow, request_id)
                case "approve":
                    request = access.approve_request(uow, request_id, note="yes", columns=columns)
                case "reject":
                    request = access.reject_request(uow, request_id, note="no")
                case _:
                    request = access.ask_for_changes(uow, request_id, note="less")
    except NotFound:
        assert expected == "not found"
        return
    except AccessDenied:
        assert expected == "denied"
        return
    except Conflict:
        assert expected == "conflict"
        return
    assert expected is None
    _done(world, asked, act, name, set(columns))
    assert request.state.value == asked.state
    assert (request.grant_id is not None) is (asked.state == "approved")
    if request.grant_id is not None:
        until = (world.clock.at + timedelta(days=2)).replace(microsecond=0)
        assert request.grant_id not in twin.grants
        twin.grants[request.grant_id] = Given(asked.project, asked.columns & asked.narrowed, until)


def _done(world: World, asked: Asked, act: str, name: str, columns: set[str]) -> None:
    """What an act that is done makes of a request."""
    match act:
        case "amend":
            asked.state, asked.columns = "open", columns
            asked.shaped_by.add(name)
            asked.approved_by, asked.narrowed = set(), set(COLUMNS)
        case "approve":
            asked.approved_by.add(name)
            asked.narrowed &= columns
            asked.state = "approved" if len(asked.approved_by) == APPROVALS else "open"
        case _:
            asked.state = {"withdraw": "withdrawn", "reject": "rejected", "ask-for-changes": "changes-asked"}[act]


def _revoke(world: World, twin: Twin, dice: Random, name: str) -> None:
    grant_id = dice.choice(list(twin.grants))
    grant = twin.grants[grant_id]
    try:
        with world.by(name) as uow:
            access.revoke_grant(uow, grant_id, "enough")
    except NotFound:
        assert not twin.sees(name, grant.project)
    except AccessDenied:
        assert name not in DECIDERS
    except Conflict:
        assert not grant.is_live(world.clock.at)
    else:
        assert name in DECIDERS
        assert grant.is_live(world.clock.at)
        grant.is_revoked = True


def _move(world: World, twin: Twin, dice: Random) -> None:
    """Some hours on; or to the very end of a grant, or just before it."""
    ends = [grant.until for grant in twin.grants.values() if grant.until > world.clock.at + timedelta(seconds=1)]
    if ends and dice.random() < 0.5:
        world.clock.at = min(ends) - dice.choice([timedelta(0), timedelta(microseconds=1)])
    else:
        world.later(hours=dice.randint(0, 20))


def _compare(world: World, twin: Twin) -> None:
    now = world.clock.at
    live = {grant_id: grant for grant_id, grant in twin.grants.items() if grant.is_live(now)}
    with world.by("cyd") as uow:
        table = access.granted_rights(uow, "study_sub", "patients")
        for grant_id, grant in twin.grants.items():
            assert access.is_live(uow, [grant_id]) is (grant_id in live)
            state = access.read_grant(uow, grant_id).state(now) if grant.project == "study" else None
            wanted = "revoked" if grant.is_revoked else "active" if grant_id in live else "expired"
            assert state in {None, access.GrantState(wanted)}
        rows = uow.rows("SELECT id, state FROM access_request")
        grants = uow.rows("SELECT request_id FROM access_grant")
    assert {row["id"]: row["state"] for row in rows} == {name: one.state for name, one in twin.requests.items()}
    assert len({row["request_id"] for row in grants}) == len(grants) == len(twin.grants)
    ours = {grant_id: grant for grant_id, grant in live.items() if grant.project == "study"}
    assert set(table.grants if table else ()) == set(ours)
    names = dict(enumerate(COLUMNS, start=1))
    given = {names[column.field_id] for column in table.rights.columns} if table else set()
    assert given == set().union(*(grant.columns for grant in ours.values()))


@pytest.mark.parametrize("seed", range(2))
def test_a_random_history_does_what_the_twin_says(world: World, seed: int) -> None:
    dice = Random(seed)  # noqa: S311 - not for secrets
    twin = Twin()
    world.list_with(approvals=APPROVALS, longest_days=2)
    for _ in range(200):
        name, act = dice.choice([*PEOPLE, *DECIDERS_AND_ASKERS]), dice.choice([*ACTS, "revoke", "move"])
        if act == "ask" or not twin.requests:
            _ask(world, twin, dice, name)
        elif act == "move":
            _move(world, twin, dice)
        elif act == "revoke" and twin.grants:
            _revoke(world, twin, dice, name)
        elif act != "revoke":
            _act(world, twin, dice, name, act)
        _compare(world, twin)
    with world.by() as uow:
        while access.expire_grants(uow):
            pass
    _compare(world, twin)
    reached = {one.state for one in twin.requests.values()}
    assert len(twin.grants) > 2, reached
