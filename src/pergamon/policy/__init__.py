"""The one decision point: decide() for one thing, visible() for many; what rows, columns and masks a grant gives.

Pure: no I/O but the policies' own text.
"""

from pergamon.policy.actions import Action, ActionGroup
from pergamon.policy.column_types import (
    ColumnType,
    PolicyColumn,
    UnknownColumnType,
    inner_columns,
    is_nested,
    parsed_type,
    type_text,
)
from pergamon.policy.decide import decide
from pergamon.policy.filter_iceberg import as_iceberg
from pergamon.policy.filter_text import NamedPredicate, as_text, bind, parse_filter
from pergamon.policy.filter_values import Value
from pergamon.policy.masks import (
    Mask,
    MaskAction,
    NamedMask,
    UnfitMask,
    applies_to,
    bind_mask,
    mask_as_json,
    mask_from_json,
    mask_text,
    may_mask_identifiers,
    parse_mask,
    strictest,
)
from pergamon.policy.model import AccessRule, Resource
from pergamon.policy.paths import NO_TAGS, normal_prefix, prefix_covers, resource_for_path, rule_reaches
from pergamon.policy.row_filter import (
    EVERYTHING,
    NOTHING,
    FilterDoesNotFit,
    FilterNotUnderstood,
    Predicate,
    all_of,
    any_of,
    as_json,
    attribute_names,
    fields_of,
    from_json,
    resolved,
)
from pergamon.policy.table_rights import (
    ColumnRight,
    GrantRights,
    OwnForm,
    TableRights,
    grant_as_json,
    grant_from_json,
    obligations,
    resolved_rights,
    united,
)
from pergamon.policy.visible import visible

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "NO_TAGS",
    "AccessRule",
    "Action",
    "ActionGroup",
    "ColumnRight",
    "ColumnType",
    "FilterDoesNotFit",
    "FilterNotUnderstood",
    "GrantRights",
    "Mask",
    "MaskAction",
    "NamedMask",
    "NamedPredicate",
    "OwnForm",
    "PolicyColumn",
    "Predicate",
    "Resource",
    "TableRights",
    "UnfitMask",
    "UnknownColumnType",
    "Value",
    "all_of",
    "any_of",
    "applies_to",
    "as_iceberg",
    "as_json",
    "as_text",
    "attribute_names",
    "bind",
    "bind_mask",
    "decide",
    "fields_of",
    "from_json",
    "grant_as_json",
    "grant_from_json",
    "inner_columns",
    "is_nested",
    "mask_as_json",
    "mask_from_json",
    "mask_text",
    "may_mask_identifiers",
    "normal_prefix",
    "obligations",
    "parse_filter",
    "parse_mask",
    "parsed_type",
    "prefix_covers",
    "resolved",
    "resolved_rights",
    "resource_for_path",
    "rule_reaches",
    "strictest",
    "type_text",
    "united",
    "visible",
]
