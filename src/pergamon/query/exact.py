"""May an answer depend on chance? Not where only a part of a table is given: there every answer is held to be exact.

A sample is drawn, and an approximation made, where rows are read: what it tells depends on rows that are not given. And
an answer that is never twice the same could not be held against what it should be (ADR 0023).
"""

from collections.abc import Iterable

from pergamon.query.gate import JudgedQuery, QueryRefused
from pergamon.query.model import GrantedTable


def require_exact(judged: JudgedQuery, tables: Iterable[GrantedTable]) -> None:
    """Refuse samples and approximations over tables with rows, columns or masks of their own.

    Raises:
        QueryRefused: the text has one, and one of the tables is given in part.
    """
    given_in_part = sorted(str(table.name) for table in tables if table.reading is not None)
    if judged.inexact and given_in_part:
        raise QueryRefused(
            f"{', '.join(sorted(judged.inexact))} cannot be used on {given_in_part[0]}, of which a part is granted",
            hint="ask for exact numbers: count(DISTINCT x), quantile_cont(x, 0.5); take rows by a condition",
        )
