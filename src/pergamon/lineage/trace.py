"""Where do the columns of a SELECT come from? The question and its answer; `select.py`, which finds it, is loaded when
it is asked: the parser takes longer to load than most commands take to run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pergamon.kernel import Invalid

Origin = tuple[str, str]
"""(table as `database.table`, column as the table spells it)."""


class NotTraceable(Invalid):
    """A text is not one SELECT that can be read; then nothing is known of it, and nothing is said."""

    code = "lineage.not_traceable"


@dataclass(frozen=True)
class Trace:
    """What a SELECT reads, and where its columns come from, in their order."""

    tables: tuple[str, ...]
    origins: tuple[frozenset[Origin] | None, ...]
    """For each column of the result its origins: none for a constant or a count of rows; None: it cannot be said.
    Empty when not even the number of columns can be said."""


def tables_of_select(sql: str) -> tuple[str, ...]:
    """See `select.tables_of_select`."""
    from pergamon.lineage import select

    return select.tables_of_select(sql)


def trace_select(sql: str, schemas: Mapping[str, Sequence[str]]) -> Trace:
    """See `select.trace_select`."""
    from pergamon.lineage import select

    return select.trace_select(sql, schemas)
