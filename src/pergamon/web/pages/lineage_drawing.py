"""A lineage graph as a picture: layers from left to right, each dataset beside what it is joined with. Pure.

The dataset that was asked for is in the middle; each step up goes a layer to the left, each step down to the right.
Within a layer the order is that of the neighbours, taken twice, which leaves few crossings in graphs that people see.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pergamon.lineage import Dataset, Edge

BOX_WIDTH, BOX_HEIGHT = 216, 58
GAP_X, GAP_Y, MARGIN = 76, 18, 12
LONGEST_NAME = 27
"""Characters that fit into a box."""
MOST_BOXES = 200


@dataclass(frozen=True)
class Box:
    """A dataset. kind: `table`, `files` or `foreign`. address: its page, when it has one."""

    name: str
    shown: str
    place: str
    kind: str
    x: int
    y: int
    is_start: bool
    address: str | None


@dataclass(frozen=True)
class Arrow:
    """One dataset became another, by a job. path: of an SVG."""

    path: str
    job: str
    input: str
    output: str


@dataclass(frozen=True)
class Drawing:
    """The picture, in pixels of its own. left_out: boxes that do not fit."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    box_width: int = BOX_WIDTH
    box_height: int = BOX_HEIGHT
    left_out: int = 0


def drawn(start: Dataset, edges: Iterable[Edge]) -> Drawing:
    """The picture of the edges around a dataset."""
    joined = {(edge.input, edge.output): edge.job for edge in edges if edge.input != edge.output}
    layers = _layers(start, joined)
    kept = sorted(layers, key=lambda one: (abs(layers[one]), one))[:MOST_BOXES]
    columns = _ordered({one: layers[one] for one in kept}, joined)
    tallest = max(len(column) for column in columns.values())
    height = MARGIN * 2 + tallest * (BOX_HEIGHT + GAP_Y) - GAP_Y
    boxes: dict[Dataset, Box] = {}
    for place, layer in enumerate(sorted(columns)):
        column = columns[layer]
        above = (height - len(column) * (BOX_HEIGHT + GAP_Y) + GAP_Y) // 2
        for row, one in enumerate(column):
            x, y = MARGIN + place * (BOX_WIDTH + GAP_X), above + row * (BOX_HEIGHT + GAP_Y)
            boxes[one] = _box(one, x, y, is_start=one == start)
    arrows = tuple(
        _arrow(boxes[one], boxes[other], job)
        for (one, other), job in sorted(joined.items())
        if one in boxes and other in boxes
    )
    width = MARGIN * 2 + len(columns) * (BOX_WIDTH + GAP_X) - GAP_X
    return Drawing(width, height, tuple(boxes.values()), arrows, left_out=len(layers) - len(kept))


def _layers(start: Dataset, joined: Iterable[tuple[Dataset, Dataset]]) -> dict[Dataset, int]:
    """How many steps each dataset lies away: negative for what the start comes from."""
    layers = {start: 0}
    for step, here, there in ((-1, 1, 0), (1, 0, 1)):
        reached = {start}
        while reached:
            beyond = {pair[there] for pair in joined if pair[here] in reached} - layers.keys()
            layer = step + next(layers[one] for one in reached)
            layers |= dict.fromkeys(beyond, layer)
            reached = beyond
    return layers


def _ordered(layers: Mapping[Dataset, int], joined: Iterable[tuple[Dataset, Dataset]]) -> dict[int, list[Dataset]]:
    columns: dict[int, list[Dataset]] = {}
    for one in sorted(layers):
        columns.setdefault(layers[one], []).append(one)
    for _ in range(2):
        for layer in sorted(columns, key=abs):
            inner = columns.get(layer - (1 if layer > 0 else -1), [])
            places = {one: place for place, one in enumerate(inner)}
            columns[layer].sort(key=lambda one: (_middle(one, joined, places), one))
    return columns


def _middle(one: Dataset, joined: Iterable[tuple[Dataset, Dataset]], places: Mapping[Dataset, int]) -> float:
    beside = [places[other] for pair in joined if one in pair for other in pair if other in places]
    return sum(beside) / len(beside) if beside else 0.0


def _box(one: Dataset, x: int, y: int, *, is_start: bool) -> Box:
    kind = one.as_json()["kind"]
    place, _, name = one.name.rpartition(".") if kind == "table" else (one.namespace, "", one.name)
    address = f"/assets/{one.name}" if kind == "table" and not is_start else None
    return Box(str(one), shortened(name or one.name), shortened(place), kind, x, y, is_start, address)


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """The end of a name says more than its beginning."""
    return text if len(text) <= longest else f"…{text[-(longest - 1) :]}"


def _arrow(one: Box, other: Box, job: str) -> Arrow:
    """From the right edge of one box to the left edge of the other; back over the top where it leads back."""
    x1, y1 = one.x + BOX_WIDTH, one.y + BOX_HEIGHT // 2
    x2, y2 = other.x - 7, other.y + BOX_HEIGHT // 2
    bend = max(36, (x2 - x1) // 2)
    return Arrow(f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}", job, one.name, other.name)
