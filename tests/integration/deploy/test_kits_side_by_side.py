"""Every starter kit deploys as it is, twice without a change, and a second one beside the first."""

from pathlib import Path

import pytest

from pergamon import deploy
from pergamon.runtime import Runtime
from pergamon.starter_kits import copy_kit, kit_names


def steps_of(rt: Runtime, kit: Path) -> int:
    """Deploy a kit. Returns: how many steps it took."""
    checked = deploy.checked_configuration(kit, rt.settings.lake)
    with rt.begin(rt.operator()) as uow:
        plan = deploy.planned(uow, checked, rt.settings.lake)
    return deploy.apply_plan(
        plan,
        lambda: rt.begin(rt.operator()),
        run_program=lambda step: deploy.run_program(step, kit, lambda line: None),
        delete_files=lambda bucket: None,
        progress=lambda step, number, count: None,
    )


@pytest.mark.parametrize("name", kit_names())
def test_a_kit_deploys_as_it_is_and_a_second_time_changes_nothing(rt: Runtime, tmp_path: Path, name: str) -> None:
    copy_kit(name, tmp_path / "kit")
    assert steps_of(rt, tmp_path / "kit") > 0
    assert steps_of(rt, tmp_path / "kit") == 0


def test_a_kit_beside_another_leaves_out_what_an_installation_has_once(rt: Runtime, tmp_path: Path) -> None:
    copy_kit("health-data-accelerator", tmp_path / "first")
    steps_of(rt, tmp_path / "first")
    copy_kit("ehds-governance", tmp_path / "whole")
    with pytest.raises(deploy.InvalidConfiguration, match="audit"):
        steps_of(rt, tmp_path / "whole")
    files = copy_kit("ehds-governance", tmp_path / "beside", beside=True)
    assert Path("governance/audit.yaml") not in files
    assert steps_of(rt, tmp_path / "beside") > 0
    assert steps_of(rt, tmp_path / "first") == 0, "the first is as it was"
