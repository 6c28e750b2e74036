"""What came from what: told by the part of the platform that did it, in the transaction in which it was done."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from pergamon.kernel import canonical_bytes, sha256_hex
from pergamon.lineage import tables
from pergamon.lineage.model import PLATFORM, ColumnEdge, Dataset, LineageRun, shown_field
from pergamon.store import UnitOfWork

TOLD_AGAIN_AFTER = timedelta(hours=1)
"""So that the time of the last telling stays true to the hour, for a writer that commits every second."""


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
    read, written, fields = sorted(set(inputs)), sorted(set(outputs)), sorted({_kept(edge) for edge in columns})
    ids = tables.dataset_ids(uow, [*read, *written, *(e.input for e in fields), *(e.output for e in fields)])
    whole = [(ids[source], "", ids[target], "") for source in read for target in written]
    by_column = [(ids[e.input], e.input_field, ids[e.output], e.output_field) for e in fields]
    tables.save_edges(uow, run, told_by, whole + by_column)
    tables.save_run(uow, run, told_by, inputs=read, outputs=written, columns=fields)


def record_if_new(
    uow: UnitOfWork,
    run: LineageRun,
    inputs: Iterable[Dataset],
    outputs: Iterable[Dataset],
    columns: Iterable[ColumnEdge] = (),
    *,
    mark: str = "",
    only_first: bool = False,
) -> bool:
    """As `record_edges`, for a writer that does the same over and over: told when it differs from what the job told
    last of these outputs, or when that was an hour ago. Cost of the same again: one statement.

    mark: something else that makes it new, as the id of a full load. only_first: tell it only if the job has never told
    anything of these outputs: it may be old news.
    Returns: whether it was told.
    """
    read, written, fields = sorted(set(inputs)), sorted(set(outputs)), sorted(set(columns))
    outputs_digest = _digest([(dataset.namespace, dataset.name) for dataset in written])
    told = _digest(
        [mark, run.kind]
        + [[dataset.namespace, dataset.name] for dataset in read]
        + [[str(e.input), e.input_field, str(e.output), e.output_field] for e in fields]
    )
    since = None if only_first else uow.now - TOLD_AGAIN_AFTER
    if not tables.is_told_anew(uow, run.job, outputs_digest, told, since=since):
        return False
    record_edges(uow, run, read, written, fields)
    return True


def _kept(edge: ColumnEdge) -> ColumnEdge:
    return replace(edge, input_field=shown_field(edge.input_field), output_field=shown_field(edge.output_field))


def _digest(names: object) -> str:
    return sha256_hex(canonical_bytes(names))
