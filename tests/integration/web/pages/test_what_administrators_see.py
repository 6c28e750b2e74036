"""People, roles, health and configuration: for whom the policy says so, and with no secret among them."""

import pytest

from pergamon import deploy, identity, replicate
from pergamon.deploy import tables
from pergamon.deploy.kinds import plain_spec
from pergamon.deploy.plan import comparable
from pergamon.runtime import Runtime
from tests.reference.portal import OPERATOR, Portal

from .conftest import Visit

RIGHTS = {
    "manager": {"identity.manage"},
    "keeper": {"platform.operate"},
    "deployer": {"deploy.read"},
    "admin": {"identity.manage", "platform.operate", "deploy.read", "replication.control"},
}
PAGES = {
    "/administration": "identity.manage",
    "/administration?text=ren": "identity.manage",
    "/administration/roles": "identity.manage",
    "/administration/health": "platform.operate",
    "/administration/storage": "platform.operate",
    "/administration/configuration": "deploy.read",
    "/administration/configuration?kind=bucket": "deploy.read",
    "/administration/configuration?kind=replication-task": "deploy.read",
    "/administration/drift": "deploy.read",
}
RULE = {
    "rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
    "object-locator": {"schema-name": "public", "table-name": "%"},
}  # fmt: skip


@pytest.fixture
def run(portal: Portal) -> Portal:
    """Somebody with each of the rights, and a task whose source has a password."""
    with portal.rt.begin(OPERATOR) as uow:
        for name, actions in RIGHTS.items():
            identity.put_policy(uow, name, identity.PolicySpec(actions=frozenset(actions)), {})
            identity.put_role(uow, name, identity.RoleSpec(policies=frozenset({name})), {})
            spec = identity.PrincipalSpec(kind="person", display_name=f"<i>{name}", roles=frozenset({name}))
            identity.put_principal(uow, f"person:{name}", spec, {})
        task = {"source": {"conninfo": "{{secret:his}}"}, "rules": [RULE]}
        replicate.put_replication_task(uow, "hospital", replicate.ReplicationTaskSpec.model_validate(task), {})
    return portal


@pytest.mark.parametrize("name", [*RIGHTS, "rena", "olga", "hana"])
def test_each_page_opens_for_exactly_those_whom_the_policy_lets(run: Portal, visit: Visit, name: str) -> None:
    held = RIGHTS.get(name, set())
    for language in ("en", "de"):
        browser = visit(name, language)
        for path, asked in PAGES.items():
            answer = browser.get(path)
            leads_on = path.partition("?")[0] == "/administration" and asked not in held and held
            assert answer.status_code == (303 if leads_on else 200 if asked in held else 403), (name, path)
            assert "<i>admin" not in answer.text
        assert ('href="/administration"' in browser.get("/").text) is bool(held)
    assert not list(run.rt.settings.logs.glob("incident_*"))


def test_what_is_shown_of_people_and_roles(run: Portal, visit: Visit) -> None:
    admin = visit("admin")
    people = admin.get("/administration?text=ren").text
    assert "rena" in people
    assert "hana" not in people
    assert "argon2" not in admin.get("/administration").text.lower()
    assert "audit.verify" in admin.get("/administration/roles").text
    people = admin.get("/administration?after=person:remy").text
    assert "Rena" in people
    assert "Remy" not in people, "it goes on after him"


def test_what_does_not_work_is_told_first(run: Portal, visit: Visit) -> None:
    page = visit("admin").get("/administration/health").text
    assert "PostgreSQL" in page or "version 1" in page
    assert "no worker runs" in page
    assert "hospital" in page
    assert "hospital" not in visit("keeper").get("/administration/health").text, "tasks are for who may control them"


def test_storage_is_told_by_project_in_words_and_as_bars(run: Portal, visit: Visit) -> None:
    page = visit("keeper").get("/administration/storage").text
    rows = [row for row in page.split("<tr>") if 'scope="row"' in row]
    assert [row.split("</th>")[0].rpartition(">")[2] for row in rows] == ["clinic-data", "heart-study"], "largest first"
    assert 'data-label="Tables">3</td>' in rows[0]
    assert 'width="100.0"' in rows[0]
    assert "kB" in rows[0], "the number stands beside its bar"


def test_configuration_names_secrets_and_holds_none(run: Portal, visit: Visit) -> None:
    admin = visit("admin")
    assert "{{secret:his}}" in admin.get("/administration/configuration?kind=replication-task").text
    assert admin.get("/administration/configuration?kind=nothing").status_code == 404
    people = admin.get("/administration/configuration?kind=person&after=remy").text
    assert "<b>rena</b>" in people
    assert "<b>remy</b>" not in people, "it goes on after him"


def test_drift_is_told_with_what_changed(run: Portal, visit: Visit) -> None:
    evil = "<script>alert(1)</script>"
    with run.by() as uow:
        tables.save_deployment(uow, "o/d/e", "0")
        for name, spec in identity.read_roles(uow).items():
            remembered = comparable(plain_spec(spec))
            if name == "auditor":
                remembered |= {"description": evil}
            tables.remember_resource(uow, tables.Remembered("role", name, "o/d/e", "o/d/e/people", {}, remembered))
        tables.remember_resource(uow, tables.Remembered("role", evil, "o/d/e", "o/d/e/people", {}, {}))
        found = {(one.kind, one.name): one.state for one in deploy.find_drift(uow)}
    assert {key: state for key, state in found.items() if key[0] == "role"} == {
        ("role", "auditor"): "changed",
        ("role", evil): "gone",
    }
    assert found["replication-task", "hospital"] == "undeployed"
    page = visit("admin").get("/administration/drift").text
    assert "alert(1)" in page
    assert evil not in page
    assert page.index("changed since it was deployed") < page.index("here without a deployment")


def test_health_asks_the_policy(rt: Runtime) -> None:
    states = {one.kind: one.state for one in rt.health(OPERATOR)}
    assert states["database"] == "good"
    assert states["trail"] == "good"
