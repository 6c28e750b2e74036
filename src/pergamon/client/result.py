"""The rows of a query, for whatever a notebook works with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pergamon.client.errors import NotInstalled
from pergamon.client.shown import ROWS_SHOWN, html_table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Result:
    """What a query gave. truncated: there were more rows than the workgroup returns.

    >>> result = site.query("SELECT * FROM study_sub.vitals")
    >>> len(result), result.columns, result.truncated
    >>> frame = result.polars()
    """

    id: str
    truncated: bool
    duration_ms: int
    _table: pa.Table = field(repr=False)

    @property
    def columns(self) -> list[str]:
        """Their names, in order."""
        return list(self._table.schema.names)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def arrow(self) -> pa.Table:
        """The rows as an Arrow table, each value in its type."""
        return self._table

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows piece by piece, as they came."""
        yield from self._table.to_batches()

    def pandas(self) -> Any:  # Any: a pandas.DataFrame; pandas is no part of Pergamon
        """The rows as a pandas data frame.

        Raises:
            NotInstalled: there is no pandas.
        """
        _loaded("pandas")
        return self._table.to_pandas()

    def polars(self) -> Any:  # Any: a polars.DataFrame; polars is no part of Pergamon
        """The rows as a Polars data frame.

        Raises:
            NotInstalled: there is no Polars.
        """
        return _loaded("polars").from_arrow(self._table)

    def _repr_html_(self) -> str:
        """How a notebook shows it: the first rows, and how many there are."""
        columns = [column.to_pylist() for column in self._table.slice(0, ROWS_SHOWN).columns]
        more = ", and there are more" if self.truncated else ""
        return html_table(self.columns, zip(*columns, strict=True), f"{len(self):,} rows{more}")


def warn_of_more(result: Result) -> Result:
    """The result; a warning when there were more rows, at the line of whoever asked for it."""
    if result.truncated:
        warnings.warn(f"there are more rows: the workgroup returns at most {len(result):,}", stacklevel=3)
    return result


def _loaded(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise NotInstalled(f"{name} is not installed here", hint=f"pip install {name}; or use .arrow()") from None
