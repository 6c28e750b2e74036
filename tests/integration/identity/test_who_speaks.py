"""Tokens, passwords and impersonation: what is proved, what is refused, what is recorded."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pergamon import audit, identity
from pergamon.kernel import Actor, FixedClock, Invalid, NotFound, PergamonError
from pergamon.runtime import Runtime


@pytest.fixture
def people(rt: Runtime, operator: Actor) -> Runtime:
    with rt.begin(operator) as uow:
        identity.put_policy(uow, "querying", identity.PolicySpec(actions=frozenset({"query.run"})), {})
        querying = frozenset({"querying"})
        identity.put_role(uow, "data-user", identity.RoleSpec(policies=querying, impersonable=True), {})
        identity.put_role(uow, "data-admin", identity.RoleSpec(policies=querying), {})
        both = frozenset({"data-user", "data-admin"})
        for name, roles in (("ada", frozenset({"data-admin"})), ("uli", frozenset({"data-user"})), ("bo", both)):
            spec = identity.PrincipalSpec(kind="person", display_name=name, roles=roles)
            identity.put_principal(uow, f"person:{name}", spec, {})
    return rt


def test_a_token_is_the_person_it_was_issued_to(people: Runtime, operator: Actor) -> None:
    with people.begin(operator) as uow:
        secret = identity.issue_token(uow, "person:uli", label="test")
    actor = people.authenticate(secret)
    assert (actor.id, actor.roles) == ("person:uli", {"data-user", "everyone"})


def test_a_secret_stands_nowhere_in_the_database(people: Runtime, operator: Actor) -> None:
    with people.begin(operator) as uow:
        secret = identity.issue_token(uow, "person:uli", label="test")
        identity.set_password(uow, "person:uli", "a long enough password")
    with people.begin(operator) as uow:
        text = str([*uow.rows("SELECT * FROM token"), *uow.rows("SELECT * FROM principal")])
        text += str(audit.read_trail(uow))
    assert secret not in text
    assert "a long enough password" not in text


@pytest.mark.parametrize("what", ["unknown", "expired", "revoked", "inactive", "empty"])
def test_every_invalid_token_is_answered_alike(people: Runtime, operator: Actor, what: str) -> None:
    with people.begin(operator) as uow:
        secret = identity.issue_token(uow, "person:uli", label="test", lifetime=timedelta(hours=1))
        [token] = identity.list_tokens(uow, "person:uli")
        if what == "revoked":
            identity.revoke_token(uow, token.id)
        if what == "inactive":
            identity.drop_principal(uow, "person:uli")
    later = FixedClock(people.clock.now() + timedelta(hours=2))
    asked = replace(people, clock=later) if what == "expired" else people
    tried = {"unknown": "pgm_other", "empty": ""}.get(what, secret)
    with pytest.raises(identity.Unauthenticated) as refusal:
        asked.authenticate(tried)
    assert refusal.value.message == "the token is not valid"
    with people.begin(operator) as uow:
        assert [entry.subject for entry in audit.read_trail(uow, code="audit.act_denied")] == ["token:unknown"]


def test_the_operator_acts_as_a_person_only_with_impersonable_roles(people: Runtime, operator: Actor) -> None:
    assert people.operator_as("person:bo").roles == {"data-user", "everyone"}
    assert people.operator_as("person:bo").operator is not None
    with pytest.raises(identity.ImpersonationRefused) as refused:
        people.operator_as("person:ada")
    assert "impersonable: true" in str(refused.value.hint)
    with people.begin(operator) as uow:
        [entry] = audit.read_trail(uow, code="audit.act_denied")
    assert entry.subject == "person:ada"


def test_a_name_without_its_kind_is_answered_with_how_it_is_written(people: Runtime, operator: Actor) -> None:
    with pytest.raises(NotFound) as unknown:
        people.operator_as("bo")
    assert "person:NAME" in str(unknown.value.hint)
    with people.begin(operator) as uow, pytest.raises(NotFound, match="no active principal bo") as unknown:
        identity.issue_token(uow, "bo", label="x")
    assert "person:NAME" in str(unknown.value.hint)


def test_nobody_but_the_operator_impersonates(people: Runtime, operator: Actor) -> None:
    with people.begin(operator) as uow:
        person = identity.principal_actor(uow, "person:bo")
    refused: list[PergamonError] = []
    try:
        with people.begin(person) as uow:
            identity.operator_as(uow, "person:uli")
    except identity.ImpersonationRefused as error:
        refused.append(error)
    assert refused


def test_a_role_that_does_not_exist_is_named(people: Runtime, operator: Actor) -> None:
    spec = identity.PrincipalSpec(kind="person", display_name="x", roles=frozenset({"data-user", "emperor"}))
    with people.begin(operator) as uow, pytest.raises(Invalid, match="emperor"):
        identity.put_principal(uow, "person:x", spec, {})


def test_a_dropped_role_gives_nothing_any_more(people: Runtime, operator: Actor) -> None:
    with people.begin(operator) as uow:
        identity.drop_role(uow, "data-user")
        assert identity.principal_actor(uow, "person:uli").roles == {"everyone"}
        with pytest.raises(NotFound):
            identity.issue_token(uow, "person:nobody", label="x")
