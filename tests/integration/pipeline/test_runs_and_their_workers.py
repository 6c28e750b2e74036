"""Who may ask for a run, what starts by itself, what follows, and what a dead worker leaves."""

from datetime import UTC, datetime, timedelta

import pytest

from pergamon import pipeline
from pergamon.kernel import AccessDenied, Actor, ActorKind, FixedClock
from pergamon.runtime import Runtime

NIGHT = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)
STEPS = ({"batch": "daily"},)


def at(rt: Runtime, moment: datetime) -> Runtime:
    return Runtime(settings=rt.settings, store=rt.store, clock=FixedClock(moment))


def deploy(rt: Runtime, actor: Actor) -> None:
    with at(rt, NIGHT - timedelta(hours=5)).begin(actor) as uow:
        pipeline.put_workflow(uow, "merge", pipeline.WorkflowSpec(steps=STEPS, schedule="0 3 * * *"), {})
        pipeline.put_workflow(uow, "load", pipeline.WorkflowSpec(steps=STEPS), {})
        pipeline.put_workflow(uow, "transform", pipeline.WorkflowSpec(steps=STEPS, after=("merge", "load")), {})


def test_a_tick_starts_one_run_however_often_one_looks_and_a_missed_one_is_made_up_for(
    rt: Runtime, operator: Actor
) -> None:
    deploy(rt, operator)
    requested = []
    for minutes in (-1, 0, 1, 600):
        with at(rt, NIGHT + timedelta(minutes=minutes)).begin(operator) as uow:
            requested += pipeline.request_due_runs(uow)
    assert requested == ["run_merge_20260304T0300Z"]


def test_a_dependent_waits_for_all_that_it_follows(rt: Runtime, operator: Actor) -> None:
    deploy(rt, operator)

    def run(name: str, hour: int, failures: list[str]) -> list[str]:
        with at(rt, NIGHT + timedelta(hours=hour)).begin(operator) as uow:
            run_id = pipeline.request_run(uow, name, dependents=True)
        with at(rt, NIGHT + timedelta(hours=hour, minutes=1)).begin(operator) as uow:
            pipeline.finish_run(uow, run_id, failures)
            pipeline.finish_run(uow, run_id, failures)  # a step is carried out at least once
            return pipeline.runs_caused_by(uow, run_id)

    assert run("merge", 1, []) == []  # `load` has not run
    assert run("load", 2, ["table:x: bad"]) == []
    assert len(run("load", 3, [])) == 1
    assert run("load", 4, []) == []  # `merge` has not run since


def test_a_tick_of_a_workflow_that_follows_another_waits_for_it(rt: Runtime, operator: Actor) -> None:
    """The published accelerator starts the transformation at 04:00 whether or not the merge of 03:00 has finished."""

    def due(hour: int, minute: int) -> list[str]:
        with at(rt, NIGHT.replace(hour=hour, minute=minute)).begin(operator) as uow:
            return pipeline.request_due_runs(uow)

    def finish(run_id: str, hour: int, minute: int, failures: list[str]) -> list[str]:
        with at(rt, NIGHT.replace(hour=hour, minute=minute)).begin(operator) as uow:
            pipeline.finish_run(uow, run_id, failures)
            return pipeline.runs_caused_by(uow, run_id)

    with at(rt, NIGHT - timedelta(hours=5)).begin(operator) as uow:
        pipeline.put_workflow(uow, "merge", pipeline.WorkflowSpec(steps=STEPS, schedule="0 3 * * *"), {})
        follows = pipeline.WorkflowSpec(steps=STEPS, schedule="0 4 * * *", after=("merge",))
        pipeline.put_workflow(uow, "transform", follows, {})
    [merge] = due(3, 0)
    assert due(4, 0) == [], "the merge is still running"
    assert finish(merge, 4, 10, ["table:x: bad"]) == []
    assert due(4, 11) == [], "the merge has failed"
    with at(rt, NIGHT.replace(hour=5)).begin(operator) as uow:
        again = pipeline.request_run(uow, "merge")
    assert finish(again, 5, 5, []) == []
    assert due(5, 6) == ["run_transform_20260304T0400Z"]
    assert due(5, 7) == [], "once"


def test_a_stranger_may_not_run_a_workflow_and_is_recorded(rt: Runtime, operator: Actor) -> None:
    deploy(rt, operator)
    with pytest.raises(AccessDenied), rt.begin(Actor(id="person:eve", kind=ActorKind.PERSON)) as uow:
        pipeline.request_run(uow, "merge")
    with rt.begin(operator) as uow:
        assert uow.row("SELECT 1 FROM audit_event WHERE code = 'audit.act_denied' AND actor = 'person:eve'")


def test_a_silent_workers_runs_are_taken_over_and_a_living_ones_are_not(rt: Runtime, operator: Actor) -> None:
    deploy(rt, operator)
    for worker, minutes in (("dead", 0), ("living", 9)):
        with at(rt, NIGHT + timedelta(minutes=minutes)).begin(operator) as uow:
            pipeline.request_run(uow, "load")
            pipeline.beat(uow, worker)
            taken = pipeline.take_runs(uow, worker)
            assert len(taken) == 1
    with at(rt, NIGHT + timedelta(minutes=9, seconds=10)).begin(operator) as uow:
        dead, runs = pipeline.inherit_from_the_dead(uow, "heir")
        assert (dead, len(runs)) == (["dead"], 1)
        assert pipeline.inherit_from_the_dead(uow, "heir") == ([], [])
        assert pipeline.own_unfinished_runs(uow, "heir") == runs
