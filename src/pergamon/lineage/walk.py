"""Where does it come from, and what hangs on it? A walk along current edges, through what the asker may see only."""

from collections.abc import Callable

from pergamon.lineage import tables
from pergamon.lineage.model import Dataset, Edge, Graph
from pergamon.store import UnitOfWork

MOST_EDGES = 5_000
DEEPEST = 20

MaySee = Callable[[Dataset], bool]


def upstream(uow: UnitOfWork, start: Dataset, may_see: MaySee, *, field: str = "", depth: int = 3) -> Graph:
    """What a dataset, or one column of it, was made from. See `_walk`."""
    return _walk(uow, start, may_see, field, depth, is_upstream=True)


def downstream(uow: UnitOfWork, start: Dataset, may_see: MaySee, *, field: str = "", depth: int = 3) -> Graph:
    """What was made from a dataset, or from one column of it. See `_walk`."""
    return _walk(uow, start, may_see, field, depth, is_upstream=False)


def _walk(uow: UnitOfWork, start: Dataset, may_see: MaySee, field: str, depth: int, *, is_upstream: bool) -> Graph:
    """Breadth first, one statement a level, each edge once; an edge to what may not be seen is not there.

    Without a field the walk goes over whole datasets and shows the columns on the way; with one it follows columns,
    and where a job told none, the dataset as a whole.
    """
    start_id = tables.find_dataset(uow, start)
    if start_id is None or not may_see(start):
        return Graph(start, (), cut=False)
    found: dict[tuple[object, ...], Edge] = {}
    seen, frontier = {(start_id, field)}, [(start_id, field)]
    seen_answers = {start: True}
    for _ in range(min(depth, DEEPEST)):
        rows = tables.edges_at(uow, frontier, upstream=is_upstream, limit=MOST_EDGES + 1)
        if len(rows) + len(found) > MOST_EDGES:
            return Graph(start, tuple(found.values()), cut=True)
        frontier = []
        for row in rows:
            edge = tables.as_edge(row)
            side = "input" if is_upstream else "output"
            other = edge.input if is_upstream else edge.output
            if other not in seen_answers:
                seen_answers[other] = may_see(other)
            if not seen_answers[other]:
                continue
            found[(row["input_id"], edge.input_field, row["output_id"], edge.output_field, edge.job, edge.told_by)] = (
                edge
            )
            node = (row[f"{side}_id"], row[f"{side}_field"] if field else "")
            if node not in seen:
                seen.add(node)
                frontier.append(node)
        if not frontier:
            return Graph(start, tuple(found.values()), cut=False)
    more = tables.edges_at(uow, frontier, upstream=is_upstream, limit=1)
    return Graph(start, tuple(found.values()), cut=bool(more))
