"""A whole configuration is read; whatever is wrong says its file, line, key path and what to write, all at once."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pergamon.deploy import InvalidConfiguration, Problem, checked_configuration, load_configuration
from pergamon.deploy.kinds import KINDS

Spoil = Callable[[str, str, str], None]


IN_OTHER_KITS = {
    "catalog-domain",
    "crawler",
    "data-source",
    "drop-directory",
    "glossary",
    "metadata-form",
    "metadata-rule",
    "project",
    "quality-rules",
}
"""Kinds that this kit does not use."""


def problems_of(folder: Path) -> list[Problem]:
    with pytest.raises(InvalidConfiguration) as caught:
        checked_configuration(folder, folder)
    return caught.value.problems


def test_the_kit_is_valid_and_names_every_kind_of_module(kit: Path) -> None:
    checked = checked_configuration(kit, kit)
    assert {module.type.name for module in checked.configuration.modules} == {
        "roles",
        "datalake",
        "query-workgroup",
        "audit",
        "audit-trail",
        "catalog-databases",
        "replication",
        "tracker",
        "jobs",
        "workflows",
    }
    assert {subject.partition(":")[0] for subject in checked.specs} == set(KINDS) - IN_OTHER_KITS


def test_every_resource_is_tagged_with_its_environment_and_organization(kit: Path) -> None:
    modules = load_configuration(kit).modules
    assert {(module.tags["organization"], module.tags["environment"]) for module in modules} == {
        ("example-hospital", "dev")
    }


def test_what_is_referred_to_is_deployed_first(kit: Path) -> None:
    """The datalake of `shared` gives rights to roles of `dataops`, which stands later in the document."""
    labels = [module.label for module in load_configuration(kit).modules]
    assert labels.index("dataops/dev/roles") < labels.index("shared/dev/datalake")
    assert labels.index("shared/dev/datalake") < labels.index("dataops/dev/hda-project")


def test_one_domain_alone_misses_what_it_refers_to(kit: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=r"there is no bucket `raw`"):
        load_configuration(kit, domain="dataops")


def test_the_mappings_of_several_files_are_one_task(kit: Path) -> None:
    specs = checked_configuration(kit, kit).specs
    rules = specs["replication-task:hospital"].model_dump()["rules"]
    assert len([rule for rule in rules if rule["rule-type"] == "selection"]) == 14


def test_the_password_stays_a_reference(kit: Path) -> None:
    specs = checked_configuration(kit, kit).specs
    assert specs["replication-task:hospital"].model_dump()["source"]["password"] == "{{secret:source-password}}"


MISTAKES = [
    ("pergamon.yaml", "module_type: datalake", "module_type: datalak", "no module type `datalak`", "`datalake`"),
    ("pergamon.yaml", "module_type: datalake", "module_type: federation", "not there yet", "remove"),
    ("pergamon.yaml", "module_type: datalake", "module_path: datalake", "`module_path` is not known", "module_type"),
    ("pergamon.yaml", "organization: example-hospital", "organization: Example Hospital", "match", "Small letters"),
    ("pergamon.yaml", "./roles.yaml", "./rolls.yaml", "there is no file ./rolls.yaml", "relative"),
    ("pergamon.yaml", "./roles.yaml", "../roles.yaml", "outside the directory", "copy it"),
    ("pergamon.yaml", "  source-port: 5432", "  source-prt: 5432", "no context value `source-port`", "`source-prt`"),
    ("pergamon.yaml", "source-host: localhost", "source-host:", "has no value", "write one"),
    ("tags.yaml", '"123456"', "123456", "must be text", "quotes"),
    ("roles.yaml", "- query.history", "- query.histroy", "no action `query.histroy`", "`query.history`"),
    ("roles.yaml", "Effect: Allow", "Effect: Deny", "must be 'Allow'", "refused unless"),
    ("roles.yaml", "- DataAdminPolicy", "- DataAdminPolcy", "no policy `DataAdminPolcy`", "`DataAdminPolicy`"),
    ("roles.yaml", "generated-role-id:data-user", "generated-role-id:data-usr", "no role `data-usr`", "`data-user`"),
    ("roles.yaml", "generated-role-id:data-user", "ssm:/x/data-user", "not a reference", "generated-role-id:NAME"),
    ("roles.yaml", "trustedPrincipal: person", "trustedPrincipal: service", "is for a service", "trustedPrincipal"),
    ("datalake/datalake.yaml", "encryption: none", "encryption: kms", "`kms` is not there yet", "volume"),
    ("datalake/datalake.yaml", "ReadRoles:", "ReadRole:", "`ReadRole` is not known", "`ReadRoles`"),
    ("datalake/datalake.yaml", "- DataAdminRole", "- DataAdminRol", "no logical role", "`DataAdminRole`"),
    ("datalake/datalake.yaml", "  raw:\n", "  Raw_Bucket:\n", "match", ""),
    ("datalake/datalake.yaml", "prefix: data/", "prefix: ../data/", "prefix", ""),
    ("datalake/datalake.yaml", "      - RootPolicy", "      - RotPolicy", "no access policy", "`RootPolicy`"),
    ("datalake/query.yaml", "timeoutSeconds: 60", "timeoutSeconds: soon", "must be a whole number", "Seconds"),
    ("dataops/project.yaml", "bucket:shared/raw", "bucket:raw", "no bucket `raw` in dataops/dev", "bucket:shared/raw"),
    ("dataops/replication.yaml", '"{{secret:source-password}}"', "hunter2", "may not stand", "{{secret:NAME}}"),
    ("dataops/replication.yaml", "rule-action: add-column", "rule-action: sort", "'sort'", ""),
    ("dataops/replication.yaml", "migrationType: full-load-and-cdc", "migrationType: all", "must be", "carried over"),
    ("dataops/tracker.yaml", "keys: [id]", "keys: []", "versioning S keeps one row per key", ""),
    (
        "dataops/tracker.yaml",
        "refresh_cadence: daily\n  sub",
        "refresh_cadence: dayly\n  sub",
        "never be merged",
        "daily",
    ),
    ("dataops/jobs.yaml", "all_vitals_events.sql", "all_vitals.sql", "there is no file", "relative"),
    ("dataops/workflows.yaml", "job:vitals", "job:vital", "no job `vital`", "`vitals`"),
    ("dataops/workflows.yaml", "workflow:file-processor", "workflow:merge", "no workflow `merge`", "file-processor"),
    (
        "dataops/workflows.yaml",
        'schedule: "{{',
        "after: [workflow:transformation-jobs] #",
        "waits for itself",
        "schedule",
    ),
    (
        "dataops/tracker.yaml",
        "    source_table: patients\n",
        "    source_table: patients\n    target_table: alert\n",
        "already filled by",
        "own",
    ),
    (
        "pergamon.yaml",
        "module_type: audit\n",
        'module_type: audit\n            predeploy: {command: "a \'b"}\n',
        "No closing",
        "",
    ),
    (
        "pergamon.yaml",
        "module_type: audit\n",
        'module_type: audit\n            predeploy: {command: ""}\n',
        "names a program",
        "",
    ),
    (
        "pergamon.yaml",
        "module_type: audit\n",
        'module_type: audit\n            predeploy: {command: "x {{secret:y}}"}\n',
        "whole value",
        "",
    ),
    ("governance/audit.yaml", "sealEverySeconds: 1", "sealEverySeconds: 0", "greater than 0", "chained"),
]


@pytest.mark.parametrize(("file", "old", "new", "message", "hint"), MISTAKES, ids=lambda value: value[:40])
def test_a_mistake_says_where_it_is_and_what_to_write(  # noqa: PLR0917
    kit: Path, change: Spoil, file: str, old: str, new: str, message: str, hint: str
) -> None:
    change(file, old, new)
    found = [problem for problem in problems_of(kit) if message in problem.message]
    assert found, [str(problem) for problem in problems_of(kit)]
    assert hint in found[0].hint
    assert found[0].place.line >= 1
    assert (kit / found[0].place.file).exists()


def test_a_mistake_is_shown_at_its_line(kit: Path, change: Spoil) -> None:
    change("datalake/query.yaml", "memoryMb: 1024", "memoryMB: 1024")
    (problem,) = problems_of(kit)
    line = (kit / "datalake/query.yaml").read_text().splitlines()[problem.place.line - 1]
    assert line.strip() == "memoryMB: 1024"
    assert str(problem).splitlines()[0].endswith("limits.memoryMB")


def test_all_mistakes_are_shown_at_once(kit: Path, change: Spoil) -> None:
    change("tags.yaml", '"123456"', "123456")
    change("roles.yaml", "generatedPolicies:", "generatedPolicy:")
    change("dataops/project.yaml", "locationPrefix", "locationPrefx")
    change("datalake/query.yaml", "maxRows: 10000", "maxRows: many")
    files = {problem.place.file for problem in problems_of(kit)}
    assert files >= {"tags.yaml", "roles.yaml", "dataops/project.yaml", "datalake/query.yaml"}


def test_a_file_that_cannot_be_read_is_said_once_and_not_what_it_would_have_declared(kit: Path, change: Spoil) -> None:
    """Without the buckets, every reference to one would be a mistake: noise over the one thing to correct."""
    change("datalake/datalake.yaml", "buckets:\n", "buckets\n")
    (problem,) = problems_of(kit)
    assert problem.place.file == "datalake/datalake.yaml"


def test_an_unquoted_placeholder_is_one_mistake(kit: Path, change: Spoil) -> None:
    change("dataops/workflows.yaml", '"{{context:file-processor-schedule}}"', "{{context:file-processor-schedule}}")
    (problem,) = problems_of(kit)
    assert "quote placeholders" in problem.hint


def test_a_message_never_holds_a_password(kit: Path, change: Spoil) -> None:
    change("dataops/replication.yaml", '"{{secret:source-password}}"', "hunter2-9f3a")
    with pytest.raises(InvalidConfiguration) as caught:
        checked_configuration(kit, kit)
    assert "hunter2-9f3a" not in str(caught.value)


def test_a_module_entry_may_hold_placeholders(kit: Path, change: Spoil) -> None:
    hook = (
        'module_type: audit\n            predeploy: {command: "./{{env}}.sh", timeout_s: "{{context:source-port}}"}\n'
    )
    change("pergamon.yaml", "module_type: audit\n", hook)
    module = next(module for module in load_configuration(kit).modules if module.name == "audit")
    assert module.predeploy is not None
    assert (module.predeploy.argv, module.predeploy.timeout_s) == (("./dev.sh",), 5432)


def test_two_modules_may_not_declare_one_name(kit: Path, change: Spoil) -> None:
    change("dataops/roles.yaml", "  replication:\n    description", "  data-user:\n    description")
    assert any("already declared at roles.yaml" in problem.message for problem in problems_of(kit))


def test_a_link_out_of_the_directory_is_not_followed(kit: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text("tags: {}\n")
    (kit / "tags.yaml").unlink()
    (kit / "tags.yaml").symlink_to(tmp_path / "outside.yaml")
    assert any("outside the directory" in problem.message for problem in problems_of(kit))


def test_modules_that_refer_to_each_other_in_a_circle_are_a_problem(kit: Path) -> None:
    text = (kit / "dataops/workflows.yaml").read_text()
    first, second = text.split("  # The published", 1)
    (kit / "dataops/workflows.yaml").write_text("workflows:\n" + second.split("\n", 2)[2])
    (kit / "dataops/merge.yaml").write_text(
        first.replace('schedule: "{{context:file-processor-schedule}}"', "after: [workflow:transformation-jobs]")
    )
    top = (kit / "pergamon.yaml").read_text()
    extra = "          merge:\n            module_type: workflows\n            module_configs: [./dataops/merge.yaml]\n"
    (kit / "pergamon.yaml").write_text(top.replace("          workflows:\n", extra + "          workflows:\n"))
    assert any("in a circle" in problem.message for problem in problems_of(kit))


def test_without_a_configuration_it_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="no such file"):
        load_configuration(tmp_path)


@pytest.mark.parametrize("file", ["datalake/query.yaml", "dataops/jobs/vitals/{sql}"])
def test_a_pipe_in_a_files_place_is_said_and_not_waited_for(kit: Path, file: str) -> None:
    path = kit / file.replace("{sql}", min(each.name for each in (kit / "dataops/jobs/vitals").glob("*.sql")))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InvalidConfiguration, match="not a plain file"):
        load_configuration(kit)
