"""What was given of a table, as a digest: two that are equal give the same columns, masks and rows."""

from typing import Any

from pergamon.kernel import canonical_bytes, sha256_hex
from pergamon.policy import Mask, TableRights, as_json, mask_as_json


def rights_digest(rights: TableRights | None) -> str | None:
    """None: the table is read whole."""
    if rights is None:
        return None
    columns = [
        [
            column.field_id,
            _mask(column.mask),
            None if column.only_where is None else as_json(column.only_where),
            None if column.own is None else [_mask(column.own.mask), as_json(column.own.where)],
        ]
        for column in rights.columns
    ]
    rows = None if rights.rows is None else as_json(rights.rows)
    return sha256_hex(canonical_bytes([columns, rows, rights.isolated]))


def _mask(mask: Mask | None) -> dict[str, Any] | None:  # Any: JSON
    return None if mask is None else mask_as_json(mask)
