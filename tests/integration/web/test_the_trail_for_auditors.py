"""An auditor reads and verifies the trail with a token of their own; nobody else does."""

import json
from datetime import timedelta

import httpx
import pytest

from pergamon import identity
from tests.integration.web.test_the_client import pergamon, server
from tests.reference.governed_lake import OPERATOR, GovernedLake

__all__ = ["server"]

PATHS = ("/api/v1/trail?limit=5", "/api/v1/trail/verification")


@pytest.fixture
def auditor(world: GovernedLake) -> str:
    """The token of a person who may read and verify the trail, and nothing else."""
    with world.rt.begin(OPERATOR) as uow:
        actions = frozenset({"audit.read", "audit.verify"})
        identity.put_policy(uow, "audit", identity.PolicySpec(actions=actions), {})
        identity.put_role(uow, "auditor", identity.RoleSpec(policies=frozenset({"audit"})), {})
        spec = identity.PrincipalSpec(kind="person", display_name="Otto", roles=frozenset({"auditor"}))
        identity.put_principal(uow, "person:otto", spec, {})
        return identity.issue_token(uow, "person:otto", label="test", lifetime=timedelta(hours=1))


def test_only_an_auditor_reads_and_verifies(world: GovernedLake, server: str, auditor: str) -> None:
    expected = {auditor: 200, world.admin.token: 403, world.user.token: 403}
    for path in PATHS:
        for token, status in expected.items():
            answer = httpx.get(f"{server}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30)
            assert answer.status_code == status, (path, answer.text)
        assert httpx.get(f"{server}{path}", timeout=30).status_code == 401


def test_an_auditor_at_the_command_line(world: GovernedLake, server: str, auditor: str) -> None:
    verified = pergamon(world, "audit", "verify", "--server", server, token=auditor)
    assert "chain intact" in verified.stdout, verified.stderr
    log = pergamon(
        world, "audit", "log", "--code", "identity.token_issued", "--server", server, "--json", token=auditor
    )
    entries = json.loads(log.stdout)
    assert entries
    assert {entry["code"] for entry in entries} == {"identity.token_issued"}
    assert "person:otto" in pergamon(world, "audit", "log", "--server", server, token=auditor).stdout


def test_the_trail_is_searched_by_who_and_when(world: GovernedLake, server: str, auditor: str) -> None:
    today, name = f"{world.rt.clock.now():%Y-%m-%d}", world.user.actor.id.removeprefix("person:")
    assert pergamon(world, "query", "SELECT 1", "--server", server, token=world.user.token).returncode == 0

    def codes(*options: str, at: tuple[str, ...] = ("--server", server)) -> set[tuple[str, str]]:
        log = pergamon(world, "audit", "log", *options, *at, "--json", token=auditor)
        return {(entry["actor"], entry["code"]) for entry in json.loads(log.stdout)}

    for at in (("--server", server), ()):
        found = codes("--by", name, at=at)
        assert (world.user.actor.id, "query.ran") in found
        assert {actor for actor, _ in found} == {world.user.actor.id}
        assert codes("--by", name, "--since", today, "--until", today, at=at) == found
        assert codes("--by", name, "--until", "2020-01-31", at=at) == set()
        assert codes("--by", name, "--since", "9999-12-31", "--until", "9999-12-31", at=at) == set()


def test_a_changed_byte_is_told_to_the_auditor(world: GovernedLake, server: str, auditor: str) -> None:
    assert pergamon(world, "audit", "verify", "--server", server, token=auditor).returncode == 0
    with world.rt.begin(OPERATOR) as uow:
        uow.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        uow.execute("UPDATE audit_event SET actor = 'person:somebody' WHERE code = 'lake.table_created'")
        uow.execute("ALTER TABLE audit_event ENABLE TRIGGER USER")
    broken = pergamon(world, "audit", "verify", "--server", server, token=auditor)
    assert broken.returncode == 5
    assert "✗ entry" in broken.stdout


def test_who_acts_for_a_person_need_not_write_its_kind(world: GovernedLake) -> None:
    name = world.admin.actor.id.removeprefix("person:")
    asked = pergamon(world, "--as", name, "query", "SELECT 1 AS one")
    assert asked.returncode == 0, asked.stderr
