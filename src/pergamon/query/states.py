"""Where can a statement be, and what leads where? One table; the database is changed by it, and the page drawn from it.

A statement that is submitted begins queued; one whose caller waits for the rows begins running.
"""

from enum import StrEnum


class StatementState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


class StatementAct(StrEnum):
    START = "start"
    """Its turn has come, and everything was decided anew."""
    FINISH = "finish"
    FAIL = "fail"
    """It was refused at its turn, met a limit, or a right that it needed has ended."""
    CANCEL = "cancel"
    """Who submitted it asked for its end."""
    ABANDON = "abandon"
    """Its process ended before it could say how it went; or no process took it up in time."""


FIRST_STATES = (StatementState.QUEUED, StatementState.RUNNING)

TRANSITIONS: dict[tuple[StatementState, StatementAct], StatementState] = {
    (StatementState.QUEUED, StatementAct.START): StatementState.RUNNING,
    (StatementState.QUEUED, StatementAct.FAIL): StatementState.FAILED,
    (StatementState.QUEUED, StatementAct.CANCEL): StatementState.CANCELLED,
    (StatementState.QUEUED, StatementAct.ABANDON): StatementState.ABANDONED,
    (StatementState.RUNNING, StatementAct.FINISH): StatementState.DONE,
    (StatementState.RUNNING, StatementAct.FAIL): StatementState.FAILED,
    (StatementState.RUNNING, StatementAct.CANCEL): StatementState.CANCELLED,
    (StatementState.RUNNING, StatementAct.ABANDON): StatementState.ABANDONED,
}
"""Whatever is not here cannot happen: a statement that has ended stays as it is."""


def states_before(act: StatementAct) -> list[str]:
    """The states in which this act can happen."""
    return [state.value for (state, its_act) in TRANSITIONS if its_act is act]


def state_after(act: StatementAct) -> str:
    """Where this act leads, whatever was before."""
    (led_to,) = {after for (_, its_act), after in TRANSITIONS.items() if its_act is act}
    return led_to.value


def state_table() -> str:
    """A row for each state, a column for each act."""
    head = "| State | " + " | ".join(f"`{act}`" for act in StatementAct) + " |"
    rows = [
        f"| **{state}** | " + " | ".join(TRANSITIONS.get((state, act), "–") for act in StatementAct) + " |"
        for state in StatementState
    ]
    return "\n".join([head, "|---" * (len(StatementAct) + 1) + "|", *rows])


def state_chart() -> str:
    """The same as a diagram."""
    ends = [state for state in StatementState if not any(before is state for before, _ in TRANSITIONS)]
    lines = [f"    [*] --> {state}" for state in FIRST_STATES]
    lines += [f"    {before} --> {after}: {act}" for (before, act), after in TRANSITIONS.items()]
    return "\n".join(["stateDiagram-v2", *lines, *(f"    {state} --> [*]" for state in ends)])
