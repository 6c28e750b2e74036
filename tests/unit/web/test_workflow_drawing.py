"""A workflow is drawn as it runs: what follows is to the right, what is side by side is above and below."""

from pergamon.pipeline import StepSpec
from pergamon.web.pages.workflow_drawing import HEIGHT, WIDTH, drawn_workflow


def job(name: str) -> StepSpec:
    return StepSpec(job=name)


def test_steps_and_branches_are_where_they_run() -> None:
    inner = StepSpec(parallel=((job("c"),), (job("d"),)))
    steps = (StepSpec(batch="raw"), StepSpec(parallel=((job("a"), inner), (job("b"),))), job("end"))
    flow = drawn_workflow(steps, {"job:a": "succeeded", "table:raw_db.x": "failed"})
    at = {step.name: (step.x, step.y) for step in flow.steps}
    assert at["raw"][0] < at["a"][0] == at["b"][0] < at["c"][0] == at["d"][0] < at["end"][0]
    assert at["c"][1] < at["a"][1] < at["d"][1] < at["b"][1], "a stands in the middle of what follows it"
    assert at["raw"][1] == at["end"][1]
    assert len(flow.arrows) == 7, "raw to a and b, a to c and d, all three ends to the end"
    assert {step.name: step.state for step in flow.steps if step.state} == {"a": "succeeded"}
    assert all(step.x + WIDTH <= flow.width and step.y + HEIGHT <= flow.height for step in flow.steps)


def test_a_workflow_of_one_step_and_empty_branches_are_drawn() -> None:
    assert drawn_workflow((job("only"),)).arrows == ()
    empty = drawn_workflow((job("a"), StepSpec(parallel=((),)), job("b")))
    assert [step.name for step in empty.steps] == ["a", "b"]
    assert len(empty.arrows) == 1, "b follows a"
