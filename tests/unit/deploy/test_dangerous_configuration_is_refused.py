"""Hygiene: what is dangerous is refused, unless the place says why it is right there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pergamon.deploy import InvalidConfiguration, load_configuration
from pergamon.deploy.check import parsed_specs
from pergamon.deploy.encryption import encrypted_device
from pergamon.deploy.hygiene import RULES, hygiene_problems
from pergamon.deploy.problems import Problem
from pergamon.starter_kits import copy_kit

Spoil = Callable[[str, str, str], None]

SUPPRESSION = """    suppressions:
      - id: PGM-H2
        reason: A demonstration on generated sample data; no person is behind any row.
"""


def found(kit: Path, device: str | None = None) -> list[Problem]:
    configuration = load_configuration(kit)
    problems: list[Problem] = []
    specs = parsed_specs(configuration, problems)
    assert not problems
    return hygiene_problems(configuration, specs, device)


def rules_of(kit: Path, device: str | None = None) -> list[str]:
    return sorted(problem.message.partition(":")[0] for problem in found(kit, device))


def test_the_kit_is_clean_because_its_suppressions_have_reasons(kit: Path) -> None:
    assert found(kit) == []


SPOILED = {
    "PGM-H1": ("roles.yaml", "- id: generated-role-id:auditor", "- id: generated-role-id:data-user"),
    "PGM-H2": ("datalake/datalake.yaml", SUPPRESSION, ""),
    "PGM-H3": ("datalake/datalake.yaml", "audited: true", "audited: false"),
    "PGM-H4": (
        "datalake/datalake.yaml",
        "- DataAdminRole\n\n  # Rep",
        "- DataAdminRole\n        - DataUserRole\n\n  # Rep",
    ),
    "PGM-H5": ("datalake/datalake.yaml", f"encryption: none\n{{}}{SUPPRESSION}", "encryption: volume\n{}"),
    "PGM-H6": ("roles.yaml", "trustedPrincipal: person\n", "trustedPrincipal: person\n    impersonable: true\n"),
}


def spoil(kit: Path, change: Callable[[str, str, str], None], rule: str) -> None:
    file, old, new = SPOILED[rule]
    if rule == "PGM-H5":
        change(file, "encryption: none", "encryption: volume")
        change(file, SUPPRESSION, "")
        return
    change(file, old, new)
    if rule == "PGM-H1":
        change(file, "- id: generated-role-id:platform-engineer", "- id: generated-role-id:data-user")
        change(
            file,
            "- id: generated-role-id:data-admin",
            "- id: generated-role-id:data-admin\n      - id: generated-role-id:data-user",
        )


@pytest.mark.parametrize("rule", sorted(SPOILED))
def test_each_rule_finds_what_it_is_for(kit: Path, change: Spoil, rule: str) -> None:
    spoil(kit, change, rule)
    assert set(rules_of(kit)) == {rule}


def test_every_rule_has_its_case() -> None:
    assert {*SPOILED, "PGM-H7"} == set(RULES)


@pytest.mark.parametrize(
    ("prefix", "tags", "rules"),
    [
        ("/", "", ["PGM-H7"]),
        ("/in/deep/", "", ["PGM-H7"]),
        ("/in/", 'tags: {seen: "yes"}', ["PGM-H7"]),
        ("/out/", "", []),
    ],
)
def test_who_may_read_what_is_crawled_may_read_its_tables(
    tmp_path: Path, prefix: str, tags: str, rules: list[str]
) -> None:
    """A rule with tags, and one for a part of what is crawled, open files too."""
    kit = tmp_path / "governance"
    copy_kit("ehds-governance", kit)
    datalake, crawler = kit / "datalake/datalake.yaml", kit / "dataops/crawler.yaml"
    policy = f"""  ReaderPolicy:
    rule:
      prefix: {prefix}
      {tags}
      ReadRoles:
        - ReaderRole

  HolderReadPolicy:
"""
    text = datalake.read_text().replace("  HolderReadPolicy:\n", policy, 1)
    text = text.replace("roles:\n", "roles:\n  ReaderRole:\n    - id: generated-role-id:researcher\n", 1)
    text = text.replace("      - HolderUploadPolicy\n", "      - HolderUploadPolicy\n      - ReaderPolicy\n", 1)
    datalake.write_text(text)
    written = crawler.read_text()
    crawler.write_text(written.replace("bucket:ehds-assets\n", "bucket:ehds-assets\n          prefix: in\n", 1))
    assert rules_of(kit) == rules
    if rules:
        reason = "    suppressions: [{id: PGM-H7, reason: They check what comes in.}]\n"
        crawler.write_text(crawler.read_text().replace("    targets:\n", f"{reason}    targets:\n", 1))
        assert rules_of(kit) == []


def test_a_kit_of_crawlers_is_clean(tmp_path: Path) -> None:
    copy_kit("ehds-governance", tmp_path / "governance")
    assert rules_of(tmp_path / "governance") == []


def test_a_role_called_everyone_is_open_to_everyone(kit: Path, change: Spoil) -> None:
    change("roles.yaml", "  auditor:\n", "  everyone:\n")
    change("roles.yaml", "role-id:auditor", "role-id:everyone")
    change("governance/audit-trail.yaml", "role-id:auditor", "role-id:everyone")
    change("datalake/datalake.yaml", "  DataUserRole:\n", "  DataUserRole:\n    - id: generated-role-id:everyone\n")
    assert rules_of(kit) == ["PGM-H1"]


@pytest.mark.parametrize(("role", "rules"), [("auditor", ["PGM-H1"]), ("data-user", [])])
def test_a_rule_that_leaves_out_no_role_is_open_to_everyone(
    kit: Path, change: Spoil, role: str, rules: list[str]
) -> None:
    """The roles of programs aside. Rules for the folders above count too: the admin need not stand in this one."""
    roles = "".join(f"    - id: generated-role-id:{name}\n" for name in (role, "platform-engineer"))
    change("datalake/datalake.yaml", "role-id:data-user\n", f"role-id:data-user\n{roles}")
    assert rules_of(kit) == rules


def test_volume_is_believed_when_the_kernel_shows_it(kit: Path, change: Spoil) -> None:
    spoil(kit, change, "PGM-H5")
    assert rules_of(kit, device="dm-0") == []


def test_a_suppression_needs_a_reason(kit: Path, change: Spoil) -> None:
    reason = "A demonstration on generated sample data; no person is behind any row."
    change("datalake/datalake.yaml", reason, "demo")
    with pytest.raises(InvalidConfiguration, match="at least 10 characters"):
        load_configuration(kit)


def test_a_suppression_that_suppresses_nothing_is_refused(kit: Path, change: Spoil) -> None:
    change("datalake/datalake.yaml", "id: PGM-H2", "id: PGM-H3")
    messages = [problem.message for problem in found(kit)]
    assert any("suppresses nothing" in message for message in messages)
    assert any(message.startswith("PGM-H2") for message in messages)


def test_a_suppression_of_an_unknown_rule_is_refused(kit: Path, change: Spoil) -> None:
    change("datalake/datalake.yaml", "id: PGM-H2", "id: PGM-H22")
    assert any("there is no rule PGM-H22" in problem.message for problem in found(kit))


def test_a_suppression_at_the_access_policy_holds_for_the_bucket(kit: Path, change: Spoil) -> None:
    spoil(kit, change, "PGM-H4")
    change(
        "datalake/datalake.yaml",
        "accessPolicies:\n  RootPolicy:\n",
        "accessPolicies:\n  RootPolicy:\n    suppressions: [{id: PGM-H4, reason: Two people look after it all.}]\n",
    )
    assert rules_of(kit) == []


def _block_device(sysfs: Path, number: str, *, uuid: str = "", slaves: tuple[str, ...] = ()) -> Path:
    device = sysfs / "devices" / number.replace(":", "_")
    (device / "dm").mkdir(parents=True)
    if uuid:
        (device / "dm" / "uuid").write_text(uuid)
    (device / "slaves").mkdir()
    for slave in slaves:
        (device / "slaves" / slave).symlink_to(sysfs / "devices" / slave)
    (sysfs / "dev" / "block").mkdir(parents=True, exist_ok=True)
    (sysfs / "dev" / "block" / number).symlink_to(device)
    return device


def _number(path: Path) -> str:
    import os

    device = path.stat().st_dev
    return f"{os.major(device)}:{os.minor(device)}"


def test_a_luks_device_is_seen(tmp_path: Path) -> None:
    _block_device(tmp_path / "sys", _number(tmp_path), uuid="CRYPT-LUKS2-0123-home")
    assert encrypted_device(tmp_path / "not" / "there" / "yet", tmp_path / "sys") is not None


def test_a_volume_on_a_luks_device_is_seen(tmp_path: Path) -> None:
    """LVM on LUKS: the volume itself is not encrypted, what it stands on is."""
    _block_device(tmp_path / "sys", "252:9", uuid="CRYPT-LUKS2-0123-pv")
    _block_device(tmp_path / "sys", _number(tmp_path), uuid="LVM-x", slaves=("252_9",))
    assert encrypted_device(tmp_path, tmp_path / "sys") == "252_9"


@pytest.mark.parametrize("uuid", ["", "LVM-abc", "mpath-1"])
def test_a_plain_device_is_not_taken_for_encrypted(tmp_path: Path, uuid: str) -> None:
    _block_device(tmp_path / "sys", _number(tmp_path), uuid=uuid)
    assert encrypted_device(tmp_path, tmp_path / "sys") is None


def test_a_host_without_sysfs_shows_nothing(tmp_path: Path) -> None:
    assert encrypted_device(tmp_path, tmp_path / "sys") is None
