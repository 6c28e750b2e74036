"""Module type `workflows`: steps in order, and what starts them: a schedule, other workflows, or a person."""

from pydantic import Field

from pergamon.deploy.documents.base import CamelDocument, Declared, Desired, ModuleType, Name, Scope
from pergamon.deploy.problems import KeyPath
from pergamon.deploy.yaml_document import Json


class StepEntry(CamelDocument):
    """One step: exactly one of the three."""

    batch: str | None = Field(default=None, description="Bring the tables of a batch up to date: `batch:NAME`.")
    job: str | None = Field(default=None, description="Run a job: `job:NAME`.")
    parallel: list[list["StepEntry"]] = Field(
        default=[], description="Branches that run side by side, each a list of steps."
    )


class WorkflowEntry(CamelDocument):
    """A workflow."""

    description: str = Field(default="", description="For the reader.")
    schedule: str | None = Field(default=None, description="Five cron fields in UTC, as `0 3 * * *`.")
    after: list[str] = Field(default=[], description="Starts when these have succeeded: `workflow:NAME`.")
    steps: list[StepEntry] = Field(min_length=1, description="What it does, in order.")
    retries: int | None = Field(
        default=None, description="Further attempts of a part that failed for a passing reason."
    )


class WorkflowsDocument(CamelDocument):
    """Workflows."""

    workflows: dict[Name, WorkflowEntry] = Field(description="Workflow name -> workflow.")


def declares(document: WorkflowsDocument) -> list[Declared]:
    """Workflows."""
    return [Declared("workflow", name, ("workflows", name)) for name in document.workflows]


def translate(document: WorkflowsDocument, scope: Scope) -> list[Desired]:
    """One resource per workflow."""
    _no_circle(document, scope)
    return [_workflow(name, entry, scope) for name, entry in document.workflows.items()]


def _no_circle(document: WorkflowsDocument, scope: Scope) -> None:
    """Workflows that wait for each other never start."""
    after = {
        name: {item.rpartition(":")[2].rpartition("/")[2] for item in entry.after} & set(document.workflows)
        for name, entry in document.workflows.items()
    }
    for name in after:
        reached, waiting = set[str](), [name]
        while waiting:
            for each in after[waiting.pop()] - reached:
                reached.add(each)
                waiting.append(each)
        if name in reached:
            message = f"`{name}` waits for itself: these workflows would never start"
            scope.problem(("workflows", name, "after"), message, "give one of the circle a schedule instead")


def _workflow(name: str, entry: WorkflowEntry, scope: Scope) -> Desired:
    path: KeyPath = ("workflows", name)
    after = [scope.resolve(item, "workflow", (*path, "after", index)) for index, item in enumerate(entry.after)]
    spec: dict[str, Json] = {
        "description": entry.description,
        "schedule": entry.schedule,
        "after": [*after],
        "steps": [*_steps(entry.steps, scope, (*path, "steps"))],
    }
    if entry.retries is not None:
        spec["retries"] = entry.retries
    return Desired("workflow", name, spec, path)


def _steps(steps: list[StepEntry], scope: Scope, path: KeyPath) -> list[Json]:
    return [_step(step, scope, (*path, index)) for index, step in enumerate(steps)]


def _step(step: StepEntry, scope: Scope, path: KeyPath) -> Json:
    spec: dict[str, Json] = {}
    if step.batch is not None:
        spec["batch"] = scope.resolve(step.batch, "batch", (*path, "batch"))
    if step.job is not None:
        spec["job"] = scope.resolve(step.job, "job", (*path, "job"))
    if step.parallel:
        branches = enumerate(step.parallel)
        spec["parallel"] = [_steps(branch, scope, (*path, "parallel", index)) for index, branch in branches]
    return spec


WORKFLOWS = ModuleType("workflows", "Steps in order, and what starts them.", WorkflowsDocument, declares, translate)
