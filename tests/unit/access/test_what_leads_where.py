"""The states of requests and grants, and who may do what: written out a second time, by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pergamon.access import Grant, GrantState, RequestAct, RequestNotOpen, RequestState, table_identifier
from pergamon.access.chart import PARTS, may_ask, may_revoke, outcome
from pergamon.access.grant import free_name, subscription_database
from pergamon.access.model import TRANSITIONS, state_after
from pergamon.policy import GrantRights

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
DECIDERS = {"asset's project: owner", "asset's project: steward", "owner of the asset's unit"}
OWN = "asset's project: owner who asked or amended"
ASKERS = {
    "asking project: who asked, an owner of it",
    "asking project: another owner",
    "asking project: contributor",
    OWN,
}
BLIND = {"asset's project: contributor, consumer", "anybody else"}

LEADS_TO = {
    ("open", "amend"): "open",
    ("open", "ask-for-changes"): "changes-asked",
    ("open", "approve"): "approved",
    ("open", "reject"): "rejected",
    ("open", "withdraw"): "withdrawn",
    ("changes-asked", "amend"): "open",
    ("changes-asked", "reject"): "rejected",
    ("changes-asked", "withdraw"): "withdrawn",
}


@pytest.mark.parametrize("state", RequestState)
@pytest.mark.parametrize("act", RequestAct)
def test_an_act_leads_where_the_table_says_and_nowhere_else(state: RequestState, act: RequestAct) -> None:
    expected = LEADS_TO.get((state.value, act.value))
    if expected is None:
        with pytest.raises(RequestNotOpen):
            state_after(state, act)
    else:
        assert state_after(state, act).value == expected
    assert len(TRANSITIONS) == len(LEADS_TO)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("act", RequestAct)
@pytest.mark.parametrize("state", RequestState)
def test_who_may_do_what_in_which_state(part: str, act: RequestAct, state: RequestState) -> None:
    is_asking = act in {RequestAct.AMEND, RequestAct.WITHDRAW}
    if part in BLIND:
        expected = "not found"
    elif part not in (ASKERS if is_asking else DECIDERS):
        expected = "denied"
    else:
        expected = LEADS_TO.get((state.value, act.value), "conflict")
    assert outcome(part, act, state) == expected


@pytest.mark.parametrize("part", PARTS)
def test_who_asks_and_who_takes_back(part: str) -> None:
    assert may_ask(part) is (part in ASKERS)
    blind = "not found" if part in BLIND else "denied"
    assert may_revoke(part) == ("revoked" if part in DECIDERS | {OWN} else blind)
    unlisted = (DECIDERS | {OWN}) - {"owner of the asset's unit"}
    assert may_revoke(part, is_listed=False) == ("revoked" if part in unlisted else blind)


GRANT = Grant(
    id="grant_1",
    request_id="request_1",
    asset_id="asset_1",
    asset_project="heart",
    lake_table="heart_db.patients",
    table_key="key",
    project="study",
    database="study_sub",
    table="patients",
    rights=GrantRights({1: None}),
    column_names={1: "id"},
    isolated=False,
    granted_at=NOW - timedelta(days=1),
    granted_by=("person:olga",),
    valid_until=NOW,
)


@pytest.mark.parametrize(
    ("at", "valid_until", "revoked_at", "expected"),
    [
        (NOW, None, None, GrantState.ACTIVE),
        (NOW - timedelta(microseconds=1), NOW, None, GrantState.ACTIVE),
        (NOW, NOW, None, GrantState.EXPIRED),
        (NOW + timedelta(days=1), NOW, None, GrantState.EXPIRED),
        (NOW, None, NOW, GrantState.REVOKED),
        (NOW, NOW + timedelta(days=1), NOW - timedelta(days=1), GrantState.REVOKED),
        (NOW + timedelta(days=2), NOW, NOW - timedelta(days=1), GrantState.REVOKED),
    ],
)
def test_a_grant_is_what_the_clock_says(
    at: datetime, valid_until: datetime | None, revoked_at: datetime | None, expected: GrantState
) -> None:
    assert replace(GRANT, valid_until=valid_until, revoked_at=revoked_at).state(at) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("patients", "patients"),
        ("Heart Rate (2024)", "heart_rate_2024"),
        ("2024_visits", "t_2024_visits"),
        ("Überweisungen", "berweisungen"),
        ("☃", "asset"),
        ('x"; DROP TABLE y', "x_drop_table_y"),
        ("a" * 300, "a" * 120),
    ],
)
def test_a_table_is_called_as_sql_takes_it(name: str, expected: str) -> None:
    assert table_identifier(name) == expected


def test_a_name_that_is_taken_gets_the_first_free_number() -> None:
    assert free_name("visits", frozenset()) == "visits"
    assert free_name("visits", frozenset({"visits", "visits_3", "visits_old"})) == "visits_2"
    assert free_name("visits", frozenset({"visits", "visits_2"})) == "visits_3"
    assert subscription_database("heart-study") == "heart_study_sub"
