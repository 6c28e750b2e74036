"""What came from what: told by the part of the platform that did it, in the transaction in which it was done."""

from collections.abc import Iterable

from pergamon.lineage import tables
from pergamon.lineage.model import PLATFORM, ColumnEdge, Dataset, LineageRun
from pergamon.store import UnitOfWork


def record_edges(
    uow: UnitOfWork,
    run: LineageRun,
    inputs: Iterable[Dataset],
    outputs: Iterable[Dataset],
    columns: Iterable[ColumnEdge] = (),
    *,
    told_by: str = PLATFORM,
) -> None:
    """Remember that a run made the outputs from the inputs, and which column from which.

    Every output comes from every input; what the same job told of these outputs in an earlier run, and does not tell
    now, is kept as ended. Telling the same again changes only the time. Cost: a constant number of statements.
    """
    read, written, fields = sorted(set(inputs)), sorted(set(outputs)), sorted(set(columns))
    ids = tables.dataset_ids(uow, [*read, *written, *(e.input for e in fields), *(e.output for e in fields)])
    whole = [(ids[source], "", ids[target], "") for source in read for target in written]
    by_column = [(ids[e.input], e.input_field, ids[e.output], e.output_field) for e in fields]
    tables.save_edges(uow, run, told_by, whole + by_column)
    tables.save_run(uow, run, told_by, inputs=read, outputs=written, columns=fields)
