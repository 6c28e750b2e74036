"""Changes on their way from the stream to the landing zone: buffered per table, landed by size, rows or age."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from pergamon.kernel import Clock
from pergamon.replicate.changes import Change, Table
from pergamon.replicate.landing import Manifest, TableFolder, land_changes
from pergamon.replicate.layout import ChangedRow, Layout, changed_batch, layout_of, no_values, updated
from pergamon.replicate.mapping_rules import MappingRules
from pergamon.replicate.model import Position, next_change_seq
from pergamon.replicate.pgoutput import Row

COST_OF_A_VALUE = 60
"""Bytes of memory that a value costs besides its own."""
ROWS_OF_A_BATCH = 50_000
NOTHING = Position(0, 0)


@dataclass
class TableBuffer:
    """Changes of one table that have not landed yet, all of one shape."""

    table: Table
    layout: Layout
    folder: TableFolder
    rows: list[ChangedRow] = field(default_factory=list)
    size_bytes: int = 0


class ChangeBuffers:
    """All tables' buffers of one task."""

    def __init__(
        self,
        rules: MappingRules,
        folder_of: Callable[[str, str, str, str], TableFolder],
        identity_of: Callable[[Table], tuple[str, ...]],
        landed_up_to: dict[tuple[str, str], Position],
        landed: Callable[[Manifest], None],
        *,
        change_seq: str,
        max_rows: int,
        max_bytes: int,
        clock: Clock,
    ) -> None:
        """folder_of: by source schema and table, and landing schema and table.

        identity_of: the columns that a table's updates are told by. landed_up_to: changes at or below are on disk.
        landed: called for each file once its manifest is durable.
        """
        self._rules, self._folder_of, self._identity_of = rules, folder_of, identity_of
        self._landed_up_to, self._landed = landed_up_to, landed
        self._max_rows, self._max_bytes, self._clock = max_rows, max_bytes, clock
        self._buffers: dict[int, TableBuffer] = {}
        self._skipped: dict[int, Table] = {}
        self.change_seq = change_seq
        self.oldest_at: float | None = None
        self._kept_bytes = 0

    @property
    def is_empty(self) -> bool:
        return self.oldest_at is None

    def take(self, change: Change) -> None:
        """Keep one change; land its table's file when that is big enough."""
        relation = change.table.relation
        if self._skipped.get(relation.relation_id) is change.table:
            return
        buffer = self._buffers.get(relation.relation_id)
        if buffer is None or buffer.table is not change.table:
            found = self._buffer_for(change.table)
            if found is None:
                return
            buffer = found
        if change.position <= self._landed_up_to.get((relation.schema, relation.table), NOTHING):
            return
        self._append(buffer, change)
        if len(buffer.rows) >= self._max_rows or buffer.size_bytes >= self._max_bytes:
            self._land(buffer)
        elif self._kept_bytes >= 2 * self._max_bytes:
            self._land(max(self._buffers.values(), key=lambda other: other.size_bytes))

    def land_all(self) -> None:
        """Land whatever is kept. Raises: LandingNotWritable, ValueNotRepresentable."""
        for buffer in list(self._buffers.values()):
            self._land(buffer)
        self.oldest_at = None

    def _append(self, buffer: TableBuffer, change: Change) -> None:
        layout = buffer.layout
        unchanged: tuple[str, ...] = ()
        previous_key: str | None = None
        values: Row = change.new
        if change.op == "U":
            values, unchanged, previous_key = updated(layout, change.old_kind, change.old, change.new)
        elif change.op == "D":
            values = change.old
        elif change.op == "T":
            values = no_values(len(change.table.relation.columns))
        if layout.wants_change_seq:
            self.change_seq = next_change_seq(self.change_seq, change.commit_us)
        buffer.rows.append(
            ChangedRow(change.op, values, change.position, change.commit_us, self.change_seq, unchanged, previous_key)
        )
        cost = change.size_bytes + COST_OF_A_VALUE * len(values)
        buffer.size_bytes += cost
        self._kept_bytes += cost
        if self.oldest_at is None:
            self.oldest_at = monotonic()

    def _buffer_for(self, table: Table) -> TableBuffer | None:
        """A table is seen for the first time, or was described anew: other columns mean another file."""
        relation = table.relation
        if not self._rules.selects(relation.schema, relation.table):
            self._skipped[relation.relation_id] = table
            return None
        known = self._buffers.get(relation.relation_id)
        if known is not None and _same_shape(known.table, table):
            known.table = table
            return known
        if known is not None:
            self._land(known)
        identity = self._identity_of(table)
        plan = self._rules.plan(relation.schema, relation.table, [column.name for column in relation.columns], identity)
        columns = [
            (column.name, column.type_oid, column.typmod, type_name)
            for column, type_name in zip(relation.columns, table.type_names, strict=True)
        ]
        folder = self._folder_of(plan.schema, plan.table, plan.target_schema, plan.target_table)
        self._buffers[relation.relation_id] = TableBuffer(table, layout_of(plan, columns, identity), folder)
        return self._buffers[relation.relation_id]

    def _land(self, buffer: TableBuffer) -> None:
        rows = buffer.rows
        if not rows:
            return
        manifest = land_changes(
            buffer.folder,
            buffer.layout,
            (
                changed_batch(buffer.layout, rows[at : at + ROWS_OF_A_BATCH])
                for at in range(0, len(rows), ROWS_OF_A_BATCH)
            ),
            first=rows[0].position,
            last=rows[-1].position,
            change_seq=self.change_seq if buffer.layout.wants_change_seq else None,
        )
        self._landed(manifest)
        self._landed_up_to[(manifest.schema, manifest.table)] = manifest.last
        self._kept_bytes -= buffer.size_bytes
        buffer.rows, buffer.size_bytes = [], 0


def _same_shape(one: Table, other: Table) -> bool:
    return one.type_names == other.type_names and one.relation._replace(xid=None) == other.relation._replace(xid=None)
