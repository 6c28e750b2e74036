"""What a request says: read into PyIceberg's models. The worker's engine asks under a lease, an outside one for itself.

The body comes from an engine: unknown fields are ignored as the specification asks, unknown actions are refused.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder
from pyiceberg.table.update import TableRequirement, TableUpdate

from pergamon.kernel import Invalid
from pergamon.lake import LEASE_PREFIX, AskedChange, BadCommit, TableId, refusal

Read = TypeVar("Read")
_UPDATES: TypeAdapter[tuple[TableUpdate, ...]] = TypeAdapter(tuple[TableUpdate, ...])
_REQUIREMENTS: TypeAdapter[tuple[TableRequirement, ...]] = TypeAdapter(tuple[TableRequirement, ...])
ALLOWED = ("add-snapshot", "set-snapshot-ref")
"""What a lease allows; what an outside engine may ask for, the lake judges."""
DEEPEST = 64
MOST_TABLES_AT_ONCE = 100


class BadRequest(Invalid):
    """A request's body is not what the Iceberg REST protocol says it is."""

    code = "catalog_endpoint.bad_request"


class AskedTable(BaseModel):
    """`CreateTableRequest`. PyIceberg's own is a client's: it has no defaults."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)
    name: str
    columns: Schema = Field(alias="schema")
    location: str | None = None
    spec: PartitionSpec = Field(alias="partition-spec", default=UNPARTITIONED_PARTITION_SPEC)
    order: SortOrder = Field(alias="write-order", default=UNSORTED_SORT_ORDER)
    is_staged: bool = Field(alias="stage-create", default=False)
    properties: dict[str, str] = Field(default={})


@dataclass(frozen=True)
class CommitRequest:
    """A commit to one table under one lease: `namespace` is the lease."""

    namespace: str
    table: str
    updates: tuple[TableUpdate, ...]
    requirements: tuple[TableRequirement, ...]


def read_body(body: bytes) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        BadCommit: it is something else.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadCommit("the request is not a JSON object")
    return value


def read_commit(namespace: str, table: str, body: Mapping[str, Any]) -> CommitRequest:
    """The commit of a request to a table's path.

    Raises:
        LeaseRefused: the name is not a lease's alias.
        BadCommit: it asks for something that no lease allows, or is not well formed.
    """
    if not namespace.startswith(LEASE_PREFIX):
        raise refusal(f"{namespace}.{table}", "a table is written only under a lease")
    updates, requirements = body.get("updates", []), body.get("requirements", [])
    if not isinstance(updates, list):
        raise BadCommit("the commit's updates are not a list")
    _refuse_other_actions(updates)
    try:
        return CommitRequest(
            namespace, table, _UPDATES.validate_python(updates), _REQUIREMENTS.validate_python(requirements)
        )
    except ValidationError as error:
        fields = sorted(
            {".".join(str(part) for part in problem["loc"]) for problem in error.errors(include_input=False)}
        )
        raise BadCommit(f"the commit is not well formed: {', '.join(fields)}") from None


def read_transaction(body: Mapping[str, Any]) -> CommitRequest:
    """The one commit of a transaction: a lease is for one table, so a transaction has one.

    Raises:
        BadCommit: none or several tables, or not well formed.
    """
    changes = body.get("table-changes")
    if not isinstance(changes, list) or len(changes) != 1 or not isinstance(changes[0], dict):
        raise BadCommit("a transaction commits exactly one table: a lease is for one")
    identifier = changes[0].get("identifier")
    if not isinstance(identifier, dict):
        raise BadCommit("the table change has no identifier")
    namespace, name = identifier.get("namespace"), identifier.get("name")
    if not isinstance(namespace, list) or len(namespace) != 1 or not isinstance(name, str):
        raise BadCommit("the table change has no identifier of a namespace and a name")
    return read_commit(str(namespace[0]), name, changes[0])


def read_created(body: Mapping[str, Any]) -> AskedTable:
    """The table that a request wants to be made.

    Raises:
        BadRequest: it is not well formed.
    """
    _require_plain(body)
    given = {name: value for name, value in body.items() if value is not None}
    return _understood(lambda: AskedTable.model_validate(given))


def read_change(namespace: str, table: str, body: Mapping[str, Any]) -> AskedChange:
    """What is asked for on one table, by a request to its path or by a part of a transaction.

    Raises:
        BadRequest: it is not well formed.
        BadName: no table can have this name.
    """
    _require_plain(body)
    updates, requirements = body.get("updates"), body.get("requirements") or []
    if not isinstance(updates, list) or not isinstance(requirements, list):
        raise BadRequest("a change has lists of updates and requirements")
    return AskedChange(
        TableId.parse(f"{namespace}.{table}"),
        _understood(lambda: _UPDATES.validate_python(updates)),
        _understood(lambda: _REQUIREMENTS.validate_python(requirements)),
    )


def read_changes(body: Mapping[str, Any]) -> list[AskedChange]:
    """What a transaction asks for, on each of its tables.

    Raises:
        BadRequest, BadName: it is not well formed.
    """
    _require_plain(body)
    changes = body.get("table-changes")
    if not isinstance(changes, list) or not all(isinstance(change, dict) for change in changes):
        raise BadRequest("a transaction has a list of table changes")
    if len(changes) > MOST_TABLES_AT_ONCE:
        raise BadRequest(f"a transaction changes at most {MOST_TABLES_AT_ONCE} tables")
    return [read_change(*_identifier(change.get("identifier")), change) for change in changes]


def _identifier(said: Any) -> tuple[str, str]:
    namespace, name = (said.get("namespace"), said.get("name")) if isinstance(said, dict) else (None, None)
    if not isinstance(namespace, list) or len(namespace) != 1:
        raise BadRequest("a table is identified by a namespace of one part and a name")
    if not isinstance(namespace[0], str) or not isinstance(name, str):
        raise BadRequest("a table is identified by a namespace of one part and a name")
    return namespace[0], name


def _understood(read: Callable[[], Read]) -> Read:
    try:
        return read()
    except ValidationError as error:
        wrong = {".".join(str(part) for part in problem["loc"]) for problem in error.errors(include_input=False)}
        raise BadRequest(f"the request is not well formed: {', '.join(sorted(wrong))[:500]}") from None
    except Exception as error:  # PyIceberg's validators fail in many ways on what is not as they expect
        raise BadRequest(f"the request is not well formed ({type(error).__name__})") from None


def _require_plain(value: Any) -> None:
    """Let a document pass whose parts can be kept and told: text that is Unicode, numbers that are numbers, no abyss.

    Raises:
        BadRequest: another.
    """
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise BadRequest(f"the request is nested more than {DEEPEST} deep")
        if not all(_is_plain(one) for one in level):
            raise BadRequest("the request holds text or numbers that cannot be kept")
        level = [inner for one in level for inner in _inside(one)]


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _is_plain(value: Any) -> bool:
    match value:
        case str():
            return "\x00" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
        case float():
            return math.isfinite(value)
        case int():
            return abs(value) <= 2**63
        case _:
            return True


def _refuse_other_actions(updates: Sequence[Any]) -> None:
    actions = [update.get("action") if isinstance(update, dict) else None for update in updates]
    strangers = sorted({str(action) for action in actions if action not in ALLOWED})
    if strangers:
        raise BadCommit(f"a lease does not allow {', '.join(strangers)}", hint="Pergamon itself changes columns")
