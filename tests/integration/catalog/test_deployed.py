"""The catalog as configuration: deployed, read back, twice the same; and people's own work beside it stays."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pergamon import catalog, deploy, identity, lake
from pergamon.kernel import Conflict, PergamonError
from pergamon.runtime import Runtime
from pergamon.store import FeedPosition

PERGAMON = """
organization: heartland
domains:
  shared:
    environments:
      dev:
        modules:
          projects: {module_type: projects, module_configs: [./projects.yaml]}
          domain: {module_type: catalog-domain, module_configs: [./domain.yaml]}
          datalake: {module_type: datalake, module_configs: [./datalake.yaml]}
          databases: {module_type: catalog-databases, module_configs: [./databases.yaml]}
          roles: {module_type: roles, module_configs: [./roles.yaml]}
"""
ROLES = """
generateRoles:
  researcher: {trustedPrincipal: person}
people:
  ada: {displayName: Ada, roles: [{id: "generated-role-id:researcher"}]}
  ben: {displayName: Ben, attributes: {site: north, unit: cardiology}}
  cleo: {displayName: Cleo}
"""
DATALAKE = """
roles:
  HeartRole: [{id: "project-role-id:heart/contributor"}]
accessPolicies:
  Heart: {rule: {prefix: /, ReadWriteRoles: [HeartRole]}}
buckets:
  raw:
    encryption: none
    accessPolicies: [Heart]
    suppressions: [{id: PGM-H2, reason: made for a test}]
"""
DATABASES = """
databases:
  heart_db: {locationBucketName: "bucket:raw", locationPrefix: heart}
"""
DOMAIN = """
domain: heartland
units:
  clinic:
    owners: ["person:cleo"]
    units:
      cardiology:
        foundBy: [{id: "generated-role-id:researcher"}]
glossary:
  unit: domain-unit:clinic
  terms:
    disease: {title: Disease}
    arrhythmia: {title: Arrhythmia, isA: [disease], definition: The heart beats out of time.}
metadataForms:
  ehds:
    fields:
      legal_basis: {type: enum, choices: [consent, law], required: true}
      persons: {type: integer, minimum: 0}
enforcementRules:
  ehds-at-publish: {forms: ["metadata-form:ehds"], units: ["domain-unit:clinic"], projects: ["project:heart"]}
"""
PROJECTS = """
projects:
  heart:
    unit: domain-unit:cardiology
    description: Hearts.
    members:
      owner: ["person:ada"]
      contributor: ["person:ben"]
    environments:
      main: {databases: ["database:heart_db"]}
    dataSources:
      heart-tables:
        databases: ["database:heart_db"]
        exclude: ["tmp_*"]
        schedule: 0 4 * * *
        publishAutomatically: true
        conditions:
          approvals: 2
          longestDays: 90
          masks: {name: mask-alphanum, born: age-band(5)}
          rows: site = attribute('site')
"""
FILES = {
    "pergamon.yaml": PERGAMON,
    "roles.yaml": ROLES,
    "datalake.yaml": DATALAKE,
    "databases.yaml": DATABASES,
    "domain.yaml": DOMAIN,
    "projects.yaml": PROJECTS,
}

Change = Callable[[str, str, str], None]


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    folder = tmp_path / "kit"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def change(kit: Path) -> Change:
    def changed(name: str, old: str, new: str) -> None:
        text = (kit / name).read_text()
        assert old in text
        (kit / name).write_text(text.replace(old, new, 1))

    return changed


def plan_of(rt: Runtime, kit: Path) -> deploy.Plan:
    checked = deploy.checked_configuration(kit, rt.settings.lake)
    with rt.begin(rt.operator()) as uow:
        return deploy.planned(uow, checked, rt.settings.lake)


def apply(rt: Runtime, kit: Path) -> list[str]:
    plan = plan_of(rt, kit)
    seen: list[str] = []
    deploy.apply_plan(
        plan,
        lambda: rt.begin(rt.operator()),
        run_program=lambda step: 0,
        delete_files=lambda bucket: None,
        progress=lambda step, number, count: seen.append(f"{step.action} {step.subject}"),
    )
    return seen


def _members(rt: Runtime) -> dict[str, list[str]]:
    with rt.begin(rt.operator()) as uow:
        return identity.read_team(uow, "project:heart")


def test_deploying_twice_changes_nothing_whatever_the_order_of_the_modules(rt: Runtime, kit: Path) -> None:
    steps = apply(rt, kit)
    assert {"create project:heart", "create data-source:heart-tables", "create glossary:heartland"} <= set(steps)
    assert plan_of(rt, kit).steps == ()


def test_a_role_of_a_project_is_usable_in_the_access_policies_of_a_bucket(rt: Runtime, kit: Path) -> None:
    apply(rt, kit)
    with rt.begin(rt.operator()) as uow:
        (rule,) = lake.read_buckets(uow)["raw"].access_rules
        assert rule.read_write_roles == ("project:heart/contributor",)
        assert "project:heart/contributor" in identity.principal_actor(uow, "person:ben").roles


def test_attributes_and_conditions_are_deployed_and_a_new_asset_has_them(
    rt: Runtime, kit: Path, change: Change
) -> None:
    apply(rt, kit)
    columns = (catalog.Column(name="id", type="long"), catalog.Column(name="name", type="string"))
    with rt.begin(rt.service("worker")) as uow:
        assert identity.attributes_of(uow, "person:ben") == {"site": "north", "unit": "cardiology"}
        (asset,) = catalog.table_changed(uow, lake.TableId("heart_db", "visits"), catalog.TableFacts(columns=columns))
    with rt.begin(rt.operator()) as uow:
        conditions = catalog.read_asset(uow, asset).version.content.conditions
    assert (conditions.approvals, conditions.longest_days, conditions.rows) == (2, 90, "site = attribute('site')")
    change("projects.yaml", "age-band(5)", "age-band(10)")
    change("roles.yaml", "site: north", "site: south")
    assert sorted(apply(rt, kit)) == ["update data-source:heart-tables", "update person:ben"]


def test_members_that_an_owner_added_are_no_drift_and_stay(rt: Runtime, kit: Path, change: Change) -> None:
    apply(rt, kit)
    with rt.begin(rt.operator()) as uow:
        ada = identity.principal_actor(uow, "person:ada")
    with rt.begin(ada) as uow:
        catalog.add_member(uow, "heart", "person:cleo", "consumer")
    assert plan_of(rt, kit).steps == ()
    change("projects.yaml", 'contributor: ["person:ben"]', 'contributor: ["person:cleo"]')
    apply(rt, kit)
    assert _members(rt) == {"owner": ["person:ada"], "contributor": ["person:cleo"], "consumer": ["person:cleo"]}
    with rt.begin(ada) as uow:
        origins = {(m.principal, m.role): m.origin for m in catalog.read_project(uow, "heart").members}
    assert origins["person:cleo", "consumer"] == "project"
    assert origins["person:cleo", "contributor"] == "configuration"


def test_what_the_configuration_names_only_the_configuration_removes(rt: Runtime, kit: Path) -> None:
    apply(rt, kit)
    with pytest.raises(Conflict), rt.begin(rt.operator()) as uow:
        catalog.remove_member(uow, "heart", "person:ben", "contributor")


def test_drift_is_shown_and_mended(rt: Runtime, kit: Path) -> None:
    apply(rt, kit)
    with rt.begin(rt.operator()) as uow:
        catalog.drop_rule(uow, "ehds-at-publish")
        catalog.put_project(uow, "heart", catalog.ProjectSpec(unit="clinic"), {})
    assert [f"{step.action} {step.subject}" for step in plan_of(rt, kit).steps] == [
        "create metadata-rule:ehds-at-publish",
        "update project:heart",
    ]
    apply(rt, kit)
    assert plan_of(rt, kit).steps == ()


def test_a_project_with_assets_is_kept_and_a_term_on_an_asset_refuses_to_go(
    rt: Runtime, kit: Path, change: Change
) -> None:
    apply(rt, kit)
    with rt.begin(rt.service("crawler")) as uow:
        facts = catalog.TableFacts(columns=(catalog.Column(name="id", type="long"),))
        (asset_id,) = catalog.table_changed(uow, lake.TableId("heart_db", "beats"), facts)
    with rt.begin(rt.operator()) as uow:
        catalog.edit_asset(uow, asset_id, catalog.AssetEdit(terms=("arrhythmia",)), expected_version=1)
    (kit / "projects.yaml").write_text("projects: {}\n")
    change("domain.yaml", ', projects: ["project:heart"]', "")
    change("datalake.yaml", "project-role-id:heart/contributor", "generated-role-id:researcher")
    plan = plan_of(rt, kit)
    assert [kept.name for kept in plan.kept if kept.kind == "project"] == ["heart"]
    change(
        "domain.yaml",
        "    arrhythmia: {title: Arrhythmia, isA: [disease], definition: The heart beats out of time.}\n",
        "",
    )
    with pytest.raises(Conflict, match="arrhythmia on 1"):
        apply(rt, kit)


def test_a_change_of_the_tree_tells_exactly_the_assets_it_touches(rt: Runtime, kit: Path, change: Change) -> None:
    apply(rt, kit)
    with rt.begin(rt.service("crawler")) as uow:
        facts = catalog.TableFacts(columns=(catalog.Column(name="id", type="long"),))
        (asset_id,) = catalog.table_changed(uow, lake.TableId("heart_db", "beats"), facts)
    before = _feed(rt)
    change("domain.yaml", "metadataForms:", "# nothing\nmetadataForms:")
    change("domain.yaml", "  clinic:\n", "  clinic:\n    description: Another word.\n")
    apply(rt, kit)
    assert _feed(rt) == before
    change("domain.yaml", '\n        foundBy: [{id: "generated-role-id:researcher"}]', " {}")
    apply(rt, kit)
    assert _feed(rt) == [*before, asset_id]
    with rt.begin(rt.operator()) as uow:
        (document,) = catalog.search_documents(uow, [asset_id])
    assert (document.unit, document.node) == ("clinic/cardiology", "heartland")


def _feed(rt: Runtime) -> list[str]:
    with rt.begin(rt.operator()) as uow:
        return [change.asset_id for change in catalog.read_changes(uow, FeedPosition(), 1000)]


MISTAKES: list[tuple[str, str, str, str]] = [
    ("projects.yaml", "domain-unit:cardiology", "domain-unit:cardiolgy", "there is no domain-unit `cardiolgy`"),
    ("projects.yaml", "person:ben", "person:bob", "there is no person `bob`"),
    ("projects.yaml", "0 4 * * *", "at four", "five cron fields"),
    ("projects.yaml", "age-band(5)", "age-band(1000)", "a mask's number is missing or out of its range"),
    ("projects.yaml", "attribute('site')", "attribute(site)", "row filter"),
    ("projects.yaml", "tmp_*", "[a-z]*", "a pattern is the name of a table"),
    ("datalake.yaml", "heart/contributor", "heart/boss", "this is not a role of a project"),
    ("datalake.yaml", "heart/contributor", "hart/contributor", "there is no project `hart`"),
    ("domain.yaml", "choices: [consent, law]", "choices: []", "a field has choices if its type is enum"),
    ("domain.yaml", "metadata-form:ehds", "metadata-form:edhs", "there is no metadata-form `edhs`"),
    (
        "domain.yaml",
        "units:\n      cardiology:",
        "units:\n      clinic: {}\n      cardiology:",
        "the domain-unit `clinic` is already declared",
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=[said for *_, said in MISTAKES])
def test_a_mistake_is_told_where_it_stands(
    rt: Runtime, kit: Path, change: Change, mistake: tuple[str, str, str, str]
) -> None:
    name, old, new, said = mistake
    change(name, old, new)
    with pytest.raises(PergamonError) as told:
        plan_of(rt, kit)
    assert said in str(told.value)
    assert name in str(told.value)


def test_a_circle_of_terms_is_refused_before_the_first_step(rt: Runtime, kit: Path, change: Change) -> None:
    change("domain.yaml", "disease: {title: Disease}", "disease: {title: Disease, isA: [arrhythmia]}")
    with pytest.raises(PergamonError, match="circle"):
        apply(rt, kit)

    with rt.begin(rt.operator()) as uow:
        assert catalog.read_projects(uow) == {}
