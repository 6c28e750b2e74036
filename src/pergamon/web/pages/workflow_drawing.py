"""A workflow as a picture: its steps from left to right, what runs side by side one above the other. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pergamon.pipeline import StepSpec
from pergamon.web.pages.lineage_drawing import GAP_X, GAP_Y, MARGIN, shortened

WIDTH, HEIGHT = 184, 56
LONGEST_NAME = 22


@dataclass(frozen=True)
class Step:
    """One step. state: how it went in the run that is drawn; None: it has not begun, or no run is drawn."""

    name: str
    shown: str
    is_batch: bool
    state: str | None
    x: int
    y: int


@dataclass(frozen=True)
class Flow:
    """The picture, in pixels of its own. arrows: paths of an SVG."""

    width: int
    height: int
    steps: tuple[Step, ...]
    arrows: tuple[str, ...]
    box_width: int = WIDTH
    box_height: int = HEIGHT


def drawn_workflow(steps: Sequence[StepSpec], states: Mapping[str, str] | None = None) -> Flow:
    """The picture of a workflow's steps. states: of the parts of a run, by their names."""
    made = _Made(states or {})
    rows = _rows(steps)
    made.put(steps, column=0, top=0.0, rows=rows)
    width = MARGIN * 2 + sum(map(_columns, steps)) * (WIDTH + GAP_X) - GAP_X
    height = MARGIN * 2 + rows * (HEIGHT + GAP_Y) - GAP_Y
    return Flow(width, height, tuple(made.steps), tuple(made.arrows))


@dataclass
class _Made:
    states: Mapping[str, str]
    steps: list[Step] = field(default_factory=list)
    arrows: list[str] = field(default_factory=list)

    def put(self, steps: Sequence[StepSpec], *, column: int, top: float, rows: int) -> tuple[list[Step], list[Step]]:
        """Steps that follow each other, in the middle of some rows. Returns: those that begin, those that end."""
        firsts: list[Step] = []
        lasts: list[Step] = []
        for step in steps:
            begin, end = self._one(step, column, top + (rows - _rows([step])) / 2)
            self.arrows += [_arrow(one, other) for one in lasts for other in begin]
            firsts, lasts = firsts or begin, end or lasts
            column += _columns(step)
        return firsts, lasts

    def _one(self, step: StepSpec, column: int, top: float) -> tuple[list[Step], list[Step]]:
        if not step.parallel:
            made = self._box(step, column, top)
            self.steps.append(made)
            return [made], [made]
        firsts: list[Step] = []
        lasts: list[Step] = []
        for branch in step.parallel:
            begin, end = self.put(branch, column=column, top=top, rows=_rows(branch))
            firsts, lasts, top = [*firsts, *begin], [*lasts, *end], top + _rows(branch)
        return firsts, lasts

    def _box(self, step: StepSpec, column: int, top: float) -> Step:
        name = step.job or step.batch or ""
        x, y = MARGIN + column * (WIDTH + GAP_X), MARGIN + round(top * (HEIGHT + GAP_Y))
        state = self.states.get(f"job:{name}") if step.job else None
        return Step(name, shortened(name, LONGEST_NAME), step.batch is not None, state, x, y)


def _rows(steps: Sequence[StepSpec]) -> int:
    """How many rows steps take that follow each other."""
    return max((sum(map(_rows, step.parallel)) if step.parallel else 1 for step in steps), default=1)


def _columns(step: StepSpec) -> int:
    """How many columns a step takes."""
    return max((sum(map(_columns, branch)) for branch in step.parallel), default=1) if step.parallel else 1


def _arrow(one: Step, other: Step) -> str:
    x1, y1, x2, y2 = one.x + WIDTH, one.y + HEIGHT // 2, other.x - 7, other.y + HEIGHT // 2
    bend = max(24, (x2 - x1) // 2)
    return f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
