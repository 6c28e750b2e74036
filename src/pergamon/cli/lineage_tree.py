"""Lineage as a tree of lines: each dataset once with what it is joined with, and which columns went where. Pure."""

from collections.abc import Iterator
from typing import Any, Literal

from pergamon.cli.one_line import one_line

Json = dict[str, Any]  # Any: JSON, as the API tells it
End = tuple[str, str]
"""(namespace, name) of a dataset."""
Branch = tuple[End, str | None, str, str]
"""(dataset, its column when columns are followed, job, who told it)."""

OWN_NAMESPACE = "pergamon"
MOST_COLUMNS = 8
WIDEST_NAME = 120


def tree_lines(told: Json, direction: Literal["up", "down"]) -> Iterator[str]:
    """The lines to print: when a column was asked for, each column by itself, otherwise each dataset as a whole."""
    column = told["field"]
    start = (told["dataset"]["namespace"], told["dataset"]["name"])
    yield _name(start, column)
    if not told["edges"]:
        yield (
            "  nothing that you may see is known"
            if direction == "up"
            else "  nothing comes from it, as far as is known"
        )
        return
    yield from _Tree(told["edges"], direction, follows_column=column is not None).below(start, column, "")


class _Tree:
    """The branches of a graph; what was shown before is named again, and not unfolded again."""

    def __init__(self, edges: list[Json], direction: Literal["up", "down"], *, follows_column: bool) -> None:
        self._edges, self._follows_column = edges, follows_column
        self._near, self._far = ("output", "input") if direction == "up" else ("input", "output")
        self._unfolded: set[tuple[End, str | None]] = set()

    def below(self, node: End, column: str | None, indent: str) -> Iterator[str]:
        self._unfolded.add((node, column))
        branches = sorted(self._branches(node, column).items(), key=_order)
        for number, ((other, field, job, told_by), joined) in enumerate(branches):
            stem, under = ("└─ ", "   ") if number == len(branches) - 1 else ("├─ ", "│  ")
            is_again = (other, field) in self._unfolded
            how = _how(job, told_by, [] if self._follows_column else joined)
            yield f"{indent}{stem}{_name(other, field)}  {how}{' (see above)' if is_again else ''}"
            if not is_again:
                yield from self.below(other, field, indent + under)

    def _branches(self, node: End, column: str | None) -> dict[Branch, list[Json]]:
        found: dict[Branch, list[Json]] = {}
        for edge in self._edges:
            near, far = edge[self._near], edge[self._far]
            if _end(near) == node and (column is None or near["field"] in (column, None)):
                field = far["field"] if self._follows_column else None
                found.setdefault((_end(far), field, edge["job"], edge["told_by"]), []).append(edge)
        return found


def _order(branch: tuple[Branch, list[Json]]) -> tuple[str, ...]:
    (end, field, job, told_by), _ = branch
    return (*end, field or "", job, told_by)


def _end(end: Json) -> End:
    return end["namespace"], end["name"]


def _name(end: End, column: str | None) -> str:
    namespace, name = end
    plain = _short(name if namespace == OWN_NAMESPACE else f"{namespace}/{name}")
    return f"{plain} · {_short(column)}" if column else plain


def _how(job: str, told_by: str, joined: list[Json]) -> str:
    """By which job, told by whom when it is not the platform, and which columns."""
    told = f"[{_short(job)}{'' if told_by == 'platform' else f', told by {_short(told_by)}'}]"
    pairs = {(edge["input"]["field"] or "?", edge["output"]["field"]) for edge in joined if edge["output"]["field"]}
    shown = [_short(read if read == written else f"{read} → {written}") for read, written in sorted(pairs)]
    more = f" and {len(shown) - MOST_COLUMNS} more" if len(shown) > MOST_COLUMNS else ""
    return f"{told}: {', '.join(shown[:MOST_COLUMNS])}{more}" if shown else told


def _short(text: str) -> str:
    """One line, not too wide."""
    plain = one_line(text)
    return plain if len(plain) <= WIDEST_NAME else plain[: WIDEST_NAME - 1] + "…"
