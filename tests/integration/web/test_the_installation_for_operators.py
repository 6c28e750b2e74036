"""How the installation is, for who operates it: the API and the command line say the same, and to nobody else."""

import json
from datetime import timedelta

import httpx
import pytest

from pergamon import identity, replicate
from pergamon.replicate import tables as replicate_tables
from tests.integration.web.test_the_client import pergamon, server
from tests.reference.governed_lake import OPERATOR, GovernedLake

__all__ = ["server"]

RIGHTS = {
    "/api/v1/health": "platform.operate",
    "/api/v1/replication": "replication.control",
    "/api/v1/replication/hospital/lag": "replication.control",
    "/api/v1/configuration": "deploy.read",
    "/api/v1/configuration/role": "deploy.read",
    "/api/v1/drift": "deploy.read",
}
RULE = {
    "rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
    "object-locator": {"schema-name": "public", "table-name": "%"},
}  # fmt: skip


@pytest.fixture
def tokens(world: GovernedLake) -> dict[str, str]:
    """A token of somebody with each right alone; and a task that was behind for three minutes."""
    found = {}
    with world.rt.begin(OPERATOR) as uow:
        for right in sorted(set(RIGHTS.values())):
            name = right.replace(".", "-")
            identity.put_policy(uow, name, identity.PolicySpec(actions=frozenset({right})), {})
            identity.put_role(uow, name, identity.RoleSpec(policies=frozenset({name})), {})
            spec = identity.PrincipalSpec(kind="person", display_name=name, roles=frozenset({name}))
            identity.put_principal(uow, f"person:{name}", spec, {})
            found[right] = identity.issue_token(uow, f"person:{name}", label="test", lifetime=timedelta(hours=1))
        task = {"source": {"conninfo": "{{secret:his}}"}, "rules": [RULE]}
        replicate.put_replication_task(uow, "hospital", replicate.ReplicationTaskSpec.model_validate(task), {})
        for minutes in (3, 2, 1):
            earlier = uow.__class__(uow.connection, uow.actor, uow.now - timedelta(minutes=minutes))
            replicate_tables.set_progress(earlier, "hospital", 100, 100 + minutes * 1_000, 11)
    return found


def test_each_is_told_to_exactly_those_whom_the_policy_lets(
    world: GovernedLake, server: str, tokens: dict[str, str]
) -> None:
    others = {"admin": world.admin.token, "user": world.user.token}
    for path, right in RIGHTS.items():
        for name, token in (tokens | others).items():
            answer = httpx.get(f"{server}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30)
            assert answer.status_code == (200 if name == right else 403), (path, name, answer.text)


def test_the_command_line_says_what_the_api_says(world: GovernedLake, server: str, tokens: dict[str, str]) -> None:
    def told(path: str, right: str) -> object:
        answer = httpx.get(f"{server}{path}", headers={"Authorization": f"Bearer {tokens[right]}"}, timeout=30)
        (found,) = answer.json().values()
        return found

    health = pergamon(world, "health", "--json", "--server", server, token=tokens["platform.operate"])
    assert [one["kind"] for one in json.loads(health.stdout)] == [
        one["kind"]
        for one in told("/api/v1/health", "platform.operate")  # type: ignore[attr-defined]
    ]
    assert "✓ database" in pergamon(world, "health").stdout
    counted = pergamon(world, "configuration", "ls", "--json", "--server", server, token=tokens["deploy.read"])
    assert json.loads(counted.stdout) == told("/api/v1/configuration", "deploy.read")
    tasks = pergamon(world, "configuration", "show", "replication-task")
    assert "{{secret:his}}" in tasks.stdout
    drift = pergamon(world, "configuration", "drift", "--json", "--server", server, token=tokens["deploy.read"])
    assert drift.returncode == 5, "nothing here came with a deployment"
    assert json.loads(drift.stdout) == told("/api/v1/drift", "deploy.read")
    lag = httpx.get(
        f"{server}/api/v1/replication/hospital/lag?hours=1",
        headers={"Authorization": f"Bearer {tokens['replication.control']}"},
        timeout=30,
    ).json()
    assert [(point["lag_bytes"], point["rows"]) for point in lag["points"]] == [(3_000, 11), (2_000, 11), (1_000, 11)]
    assert pergamon(world, "replication", "lag", "hospital").stdout.count("11 rows landed") == 3
    there = ("--json", "--server", server)
    told_there = pergamon(world, "replication", "lag", "hospital", *there, token=tokens["replication.control"])
    told_here = pergamon(world, "replication", "lag", "hospital", "--json")
    assert json.loads(told_there.stdout) == json.loads(told_here.stdout)
    assert len(json.loads(told_here.stdout)) == 3
    assert pergamon(world, "replication", "lag", "nothing").returncode == 4
