"""Where does it come from, and what hangs on it? A walk along current edges, through what the asker may see only."""

from collections.abc import Callable, Collection, Mapping, Set

from pergamon.kernel import NotFound
from pergamon.lineage import tables
from pergamon.lineage.model import Dataset, Edge, Graph, shown_field
from pergamon.store import UnitOfWork

MOST_EDGES = 5_000
DEEPEST = 20

MaySee = Callable[[Collection[Dataset]], Set[Dataset]]
"""Those of some datasets that the asker may know of. Asked once a level, so that it can ask in batches."""


class UnknownDataset(NotFound):
    """There is no such dataset, or the asker may not know of it."""

    code = "lineage.unknown_dataset"


def is_known(uow: UnitOfWork, dataset: Dataset) -> bool:
    """Has anybody ever told anything of this dataset? Says nothing of who may know."""
    return tables.find_dataset(uow, dataset) is not None


def neighbours(uow: UnitOfWork, datasets: Collection[Dataset]) -> Mapping[Dataset, Set[Dataset]]:
    """What current edges join these datasets with: for those who decide what may be seen."""
    found: dict[Dataset, set[Dataset]] = {}
    for dataset, other in tables.neighbours(uow, sorted(datasets), MOST_EDGES) if datasets else ():
        found.setdefault(dataset, set()).add(other)
    return found


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
    if start_id is None or not may_see([start]):
        return Graph(start, (), cut=False, field=shown_field(field))
    field = tables.spelled_field(uow, start_id, shown_field(field)) if field else ""
    found: dict[tuple[object, ...], Edge] = {}
    seen, frontier = {(start_id, field)}, [(start_id, field)]
    answers: dict[Dataset, bool] = {start: True}
    for _ in range(min(depth, DEEPEST)):
        rows, is_full = tables.edges_at(uow, frontier, upstream=is_upstream, limit=MOST_EDGES - len(found))
        edges = [tables.as_edge(row) for row in rows]
        _ask(answers, [_far_end(edge, is_upstream=is_upstream) for edge in edges], may_see)
        frontier = []
        for row, edge in zip(rows, edges, strict=True):
            if not answers[_far_end(edge, is_upstream=is_upstream)]:
                continue
            found[(row["input_id"], edge.input_field, row["output_id"], edge.output_field, edge.job, edge.told_by)] = (
                edge
            )
            side = "input" if is_upstream else "output"
            node = (row[f"{side}_id"], row[f"{side}_field"] if field else "")
            if node not in seen:
                seen.add(node)
                frontier.append(node)
        if is_full or not frontier:
            return Graph(start, tuple(found.values()), cut=is_full, field=field)
    is_cut = _is_cut(uow, frontier, answers, may_see, is_upstream=is_upstream)
    return Graph(start, tuple(found.values()), cut=is_cut, field=field)


def _is_cut(
    uow: UnitOfWork,
    frontier: list[tuple[int, str]],
    answers: dict[Dataset, bool],
    may_see: MaySee,
    *,
    is_upstream: bool,
) -> bool:
    """Would one level more show anything? What may not be seen is not hinted at either."""
    rows, _ = tables.edges_at(uow, frontier, upstream=is_upstream, limit=MOST_EDGES)
    ends = [_far_end(tables.as_edge(row), is_upstream=is_upstream) for row in rows]
    _ask(answers, ends, may_see)
    return any(answers[end] for end in ends)


def _far_end(edge: Edge, *, is_upstream: bool) -> Dataset:
    return edge.input if is_upstream else edge.output


def _ask(answers: dict[Dataset, bool], datasets: Collection[Dataset], may_see: MaySee) -> None:
    unknown = sorted({dataset for dataset in datasets if dataset not in answers})
    if unknown:
        seen = may_see(unknown)
        answers |= {dataset: dataset in seen for dataset in unknown}
