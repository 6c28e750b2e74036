"""The kit on a real installation: what is shown is what is done; twice is no change; nothing is lost."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from pergamon import catalog, deploy, identity, lake, pipeline, query
from pergamon.kernel import AccessDenied, Actor, ActorKind, Conflict, NotFound
from pergamon.runtime import Runtime
from pergamon.starter_kits import copy_kit
from pergamon.store import UnitOfWork

Spoil = Callable[[str, str, str], None]


class PowerCut(BaseException):
    """Not an error that anything may catch."""


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    folder = tmp_path / "kit"
    copy_kit("health-data-accelerator", folder)
    return folder


@pytest.fixture
def change(kit: Path) -> Spoil:
    def changed(file: str, old: str, new: str) -> None:
        text = (kit / file).read_text()
        assert old in text
        (kit / file).write_text(text.replace(old, new, 1))

    return changed


def plan_of(rt: Runtime, kit: Path, actor: Actor | None = None) -> deploy.Plan:
    checked = deploy.checked_configuration(kit, rt.settings.lake)
    with rt.begin(actor or rt.operator()) as uow:
        return deploy.planned(uow, checked, rt.settings.lake)


def apply(
    rt: Runtime,
    kit: Path,
    plan: deploy.Plan,
    *,
    stop_before: int = 0,
    actor: Actor | None = None,
) -> list[deploy.Step]:
    seen: list[deploy.Step] = []

    def progress(step: deploy.Step, number: int, count: int) -> None:
        assert count == len(plan.steps)
        if number == stop_before:
            raise PowerCut
        seen.append(step)

    def begin() -> AbstractContextManager[UnitOfWork]:
        return rt.begin(actor or rt.operator())

    def delete_files(bucket: str) -> None:
        for path in sorted(lake.bucket_path(rt.settings.lake, bucket).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()

    run = partial(_run, kit)
    deploy.apply_plan(plan, begin, run_program=run, delete_files=delete_files, progress=progress)
    return seen


def _run(kit: Path, step: deploy.RunCommand) -> int:
    return deploy.run_program(step, kit, lambda line: None)


@pytest.fixture
def deployed(rt: Runtime, kit: Path) -> Path:
    apply(rt, kit, plan_of(rt, kit))
    return kit


def events(rt: Runtime, code: str) -> list[str]:
    with rt.begin(rt.operator()) as uow:
        rows = uow.rows("SELECT subject FROM audit_event WHERE code = %s ORDER BY id", (code,))
        return [row["subject"] for row in rows]


def test_what_is_shown_is_what_is_done(rt: Runtime, kit: Path) -> None:
    plan = plan_of(rt, kit)
    done = apply(rt, kit, plan)
    assert done == list(plan.steps)
    subjects = [step.subject for step in plan.steps]
    assert events(rt, "deploy.step_applied") == subjects
    with rt.begin(rt.operator()) as uow:
        assert {"data-admin", "data-user"} <= set(identity.read_roles(uow))
        assert set(lake.read_databases(uow)) == {"raw_db", "curated_db"}
        assert len(pipeline.read_raw_tables(uow)) == 14
        assert lake.read_bucket_tags(uow)["raw"]["project"] == "data-ecosystem"


def test_a_second_time_there_is_nothing_to_do(rt: Runtime, deployed: Path) -> None:
    plan = plan_of(rt, deployed)
    assert plan.steps == ()
    assert plan.unchanged == 48
    before = events(rt, "deploy.started")
    apply(rt, deployed, plan)
    assert events(rt, "deploy.started") == before


def test_a_reason_of_a_suppression_stands_in_the_trail(rt: Runtime, deployed: Path) -> None:
    assert events(rt, "deploy.rule_suppressed") == ["bucket:staging", "bucket:raw", "bucket:curated"]


@pytest.mark.parametrize("stop_before", [1, 13, 30, 48])
def test_stopped_anywhere_it_goes_on_from_there(rt: Runtime, kit: Path, stop_before: int) -> None:
    first = plan_of(rt, kit)
    with pytest.raises(PowerCut):
        apply(rt, kit, first, stop_before=stop_before)
    rest = plan_of(rt, kit)
    assert [step.subject for step in rest.steps] == [step.subject for step in first.steps[stop_before - 1 :]]
    apply(rt, kit, rest)
    assert plan_of(rt, kit).steps == ()


def test_drift_is_shown_and_put_right(rt: Runtime, deployed: Path) -> None:
    with rt.begin(rt.operator()) as uow:
        spec = identity.read_roles(uow)["data-user"].model_copy(update={"impersonable": True})
        identity.put_role(uow, "data-user", spec, {})
    with rt.begin(rt.operator()) as uow:
        lake.drop_database(uow, "curated_db")
    plan = plan_of(rt, deployed)
    assert {(step.action, step.subject) for step in plan.steps} == {
        ("update", "role:data-user"),
        ("create", "database:curated_db"),
    }
    assert any("impersonable: True -> False" in line for line in deploy.plan_lines(plan))
    told = {(one.kind, one.name): one for one in drift(rt)}
    assert {key: one.state for key, one in told.items()} == {
        ("role", "data-user"): deploy.DriftState.CHANGED,
        ("database", "curated_db"): deploy.DriftState.GONE,
    }
    assert told["role", "data-user"].differences == (deploy.Difference("impersonable", False, True),)
    apply(rt, deployed, plan)
    assert plan_of(rt, deployed).steps == ()
    assert drift(rt) == []


def test_what_came_without_a_deployment_is_told_and_what_the_document_takes_over_is_not(
    rt: Runtime, deployed: Path, change: Spoil
) -> None:
    assert drift(rt) == []
    with rt.begin(rt.operator()) as uow:
        identity.put_role(uow, "somebody", identity.RoleSpec(), {})
        spec = query.read_workgroups(uow)["default"]
        limits = spec.limits.model_copy(update={"timeout_s": 61})
        query.put_workgroup(uow, "default", spec.model_copy(update={"limits": limits}), {})
    assert [(one.name, one.state.value) for one in drift(rt)] == [("somebody", "undeployed"), ("default", "changed")]
    change("datalake/query.yaml", "timeoutSeconds: 60", "timeoutSeconds: 61")
    plan = plan_of(rt, deployed)
    assert [(step.action, step.subject) for step in plan.steps] == [("adopt", "workgroup:default")]
    apply(rt, deployed, plan)
    assert [one.name for one in drift(rt)] == ["somebody"]


def drift(rt: Runtime) -> list[deploy.Drift]:
    with rt.begin(rt.operator()) as uow:
        return deploy.find_drift(uow)


def test_what_is_removed_from_the_document_is_dropped(rt: Runtime, deployed: Path, change: Spoil) -> None:
    change("dataops/workflows.yaml", "# Branches run side", "# The branches run side")  # a comment: changes nothing
    assert plan_of(rt, deployed).steps == ()
    text = (deployed / "dataops/workflows.yaml").read_text()
    (deployed / "dataops/workflows.yaml").write_text(text.partition("\n  # The published")[0] + "\n")
    plan = plan_of(rt, deployed)
    assert [(step.action, step.subject) for step in plan.steps] == [("drop", "workflow:transformation-jobs")]
    apply(rt, deployed, plan)
    with rt.begin(rt.operator()) as uow:
        assert set(pipeline.read_workflows(uow)) == {"file-processor"}


def test_only_its_own_things_are_dropped(rt: Runtime, deployed: Path) -> None:
    with rt.begin(rt.operator()) as uow:
        identity.put_role(uow, "made-by-hand", identity.RoleSpec(), {})
    assert plan_of(rt, deployed).steps == ()
    apply(rt, deployed, remove(rt))
    with rt.begin(rt.operator()) as uow:
        assert set(identity.read_roles(uow)) == {"made-by-hand"}


def test_what_another_deployment_owns_is_not_taken(rt: Runtime, deployed: Path, change: Spoil) -> None:
    change("pergamon.yaml", "organization: example-hospital", "organization: another-hospital")
    with pytest.raises(deploy.InvalidConfiguration, match="belongs to the deployment example-hospital/shared/dev"):
        plan_of(rt, deployed)


def test_a_changed_tag_is_put_on_everything_of_the_module(rt: Runtime, deployed: Path, change: Spoil) -> None:
    change("tags.yaml", "data-ecosystem", "another")
    plan = plan_of(rt, deployed)
    assert {step.action for step in plan.steps} == {"tag"}
    assert len(plan.steps) == 48
    apply(rt, deployed, plan)
    with rt.begin(rt.operator()) as uow:
        assert lake.read_bucket_tags(uow)["raw"]["project"] == "another"


@pytest.mark.parametrize("kind", [ActorKind.PERSON, ActorKind.SERVICE])
def test_only_the_operator_deploys_and_a_refusal_is_recorded(rt: Runtime, kit: Path, kind: ActorKind) -> None:
    plan = plan_of(rt, kit)
    stranger = Actor("person:mallory", kind, frozenset({"data-admin"}))
    with pytest.raises(AccessDenied):
        apply(rt, kit, plan, actor=stranger)
    with pytest.raises(AccessDenied):
        plan_of(rt, kit, stranger)
    assert plan_of(rt, kit).steps == plan.steps
    assert len(events(rt, "audit.act_denied")) == 2


def remove(rt: Runtime, *, delete_data: bool = False) -> deploy.Plan:
    names = ("example-hospital/shared/dev", "example-hospital/dataops/dev")
    with rt.begin(rt.operator()) as uow:
        live = deploy.read_live(uow, rt.settings.lake)
    return deploy.make_removal(names, live, delete_data=delete_data)


def fill(rt: Runtime) -> Path:
    """A table in raw_db, and a file in staging."""
    import pyarrow as pa

    file = lake.bucket_path(rt.settings.lake, "staging") / "landing" / "x.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"rows")
    with rt.begin(rt.operator()) as uow:
        lake.create_table(uow, rt.settings.lake, lake.TableId("raw_db", "t"), pa.schema([("id", pa.int64())]))
    return file


def test_data_is_never_deleted_unless_asked_for_by_name(rt: Runtime, deployed: Path) -> None:
    file = fill(rt)
    plan = remove(rt)
    kept = {(item.kind, item.name) for item in plan.kept}
    assert kept == {("bucket", "staging"), ("bucket", "raw"), ("database", "raw_db")}
    apply(rt, deployed, plan)
    assert file.read_bytes() == b"rows"
    with rt.begin(rt.operator()) as uow:
        assert set(lake.read_databases(uow)) == {"raw_db"}
        assert [str(record.id) for record in lake.list_tables(uow)] == ["raw_db.t"]
    again = plan_of(rt, deployed)
    assert "bucket:raw" not in {step.subject for step in again.steps}


def test_data_is_deleted_when_it_is_asked_for_by_name(rt: Runtime, deployed: Path) -> None:
    file = fill(rt)
    with rt.begin(rt.operator()) as uow:
        catalog.put_domain(uow, "hospital", catalog.DomainSpec.model_validate({"units": {"clinic": {}}}), {})
        catalog.put_project(uow, "heart", catalog.ProjectSpec(unit="clinic"), {})
        catalog.put_data_source(uow, "raw", catalog.DataSourceSpec(project="heart", databases=("raw_db",)), {})
        table = lake.TableId("raw_db", "t")
        (asset,) = catalog.table_changed(uow, table, catalog.read_facts(uow, table, cause="job"))
        assert [document.id for document in catalog.search_documents(uow, [asset])] == [asset]
    apply(rt, deployed, remove(rt, delete_data=True))
    assert not file.exists()
    with rt.begin(rt.operator()) as uow:
        live = deploy.read_live(uow, rt.settings.lake)
    assert not live.resources
    assert not live.deployments
    assert not lake_names(rt)
    assert "bucket:staging" in events(rt, "deploy.files_deleted")
    with rt.begin(rt.operator()) as uow:
        assert not catalog.search_documents(uow, [asset]), "a table that is gone is not found any more"


def test_what_a_room_would_refuse_is_refused_before_the_first_step(rt: Runtime, deployed: Path) -> None:
    plan = remove(rt)
    names = [step.subject for step in plan.steps]
    assert names.index("replication-task:hospital") > 0, "steps come before the one that is refused"
    with rt.begin(rt.operator()) as uow:  # what a replicator writes every second or so
        uow.execute("UPDATE replication_task SET state = 'running', seen_at = now() WHERE name = 'hospital'", ())
    trail = events(rt, "deploy.step_applied")
    with pytest.raises(Conflict, match="hospital is running"):
        apply(rt, deployed, plan)
    assert events(rt, "deploy.step_applied") == trail
    assert remove(rt).steps == plan.steps


def lake_names(rt: Runtime) -> set[str]:
    with rt.begin(rt.operator()) as uow:
        return {*lake.read_buckets(uow), *lake.read_databases(uow)}


def test_a_database_with_tables_that_leaves_the_document_stays(rt: Runtime, deployed: Path, change: Spoil) -> None:
    fill(rt)
    change("dataops/project.yaml", "  raw_db:\n", "  raw2_db:\n")
    text = (deployed / "dataops/tracker.yaml").read_text()
    (deployed / "dataops/tracker.yaml").write_text(text.replace("database:raw_db", "database:raw2_db"))
    plan = plan_of(rt, deployed)
    assert [(item.kind, item.name) for item in plan.kept] == [("database", "raw_db")]
    assert all(step.action != "drop" for step in plan.steps)


COMMAND = """            module_configs:
              - ./roles.yaml
            predeploy:
              command: ./check.sh before
              exit_if_fail: true
            postdeploy:
              command: [./check.sh, after]
"""


@pytest.fixture
def with_commands(kit: Path, change: Spoil) -> Path:
    (kit / "check.sh").write_text("#!/bin/sh\necho $1 >> ran.txt\ntest ! -e fail-$1\n")
    (kit / "check.sh").chmod(0o755)
    change("pergamon.yaml", "            module_configs:\n              - ./roles.yaml\n", COMMAND)
    return kit


def ran(kit: Path) -> list[str]:
    file = kit / "ran.txt"
    return file.read_text().split() if file.exists() else []


def test_commands_run_around_their_module_once_for_each_state(rt: Runtime, with_commands: Path, change: Spoil) -> None:
    plan = plan_of(rt, with_commands)
    assert isinstance(plan.steps[0], deploy.RunCommand)
    apply(rt, with_commands, plan)
    assert ran(with_commands) == ["before", "after"]
    assert plan_of(rt, with_commands).steps == ()
    change("roles.yaml", "Ulla User", "Ulla Usher")
    apply(rt, with_commands, plan_of(rt, with_commands))
    assert ran(with_commands) == ["before", "after"] * 2
    assert events(rt, "deploy.command_finished") == ["module:shared/dev/roles"] * 4


def test_a_command_that_may_not_fail_stops_the_deployment(rt: Runtime, with_commands: Path) -> None:
    (with_commands / "fail-before").touch()
    with pytest.raises(deploy.CommandFailed):
        apply(rt, with_commands, plan_of(rt, with_commands))
    with rt.begin(rt.operator()) as uow:
        assert not identity.read_roles(uow)
    (with_commands / "fail-before").unlink()
    apply(rt, with_commands, plan_of(rt, with_commands))
    assert plan_of(rt, with_commands).steps == ()


def test_a_command_that_may_fail_is_tried_again_the_next_time(rt: Runtime, with_commands: Path) -> None:
    (with_commands / "fail-after").touch()
    apply(rt, with_commands, plan_of(rt, with_commands))
    (step,) = plan_of(rt, with_commands).steps
    assert isinstance(step, deploy.RunCommand)
    assert step.phase == "postdeploy"


def test_the_runtime_finds_a_kept_secret(rt: Runtime) -> None:
    with pytest.raises(NotFound, match="source-password"):
        rt.secret("source-password")
    deploy.keep_secret(rt.settings, "source-password", "x")
    assert rt.secret("source-password") == "x"
