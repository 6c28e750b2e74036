"""What a commit request says: read into PyIceberg's models, and refused when it is not what a lease allows.

The body comes from an engine: unknown fields are ignored as the specification asks, unknown actions are refused.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pyiceberg.table.update import TableRequirement, TableUpdate

from pergamon.lake import LEASE_PREFIX, BadCommit, refusal

_UPDATES: TypeAdapter[tuple[TableUpdate, ...]] = TypeAdapter(tuple[TableUpdate, ...])
_REQUIREMENTS: TypeAdapter[tuple[TableRequirement, ...]] = TypeAdapter(tuple[TableRequirement, ...])
ALLOWED = ("add-snapshot", "set-snapshot-ref")


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


def _refuse_other_actions(updates: Sequence[Any]) -> None:
    actions = [update.get("action") if isinstance(update, dict) else None for update in updates]
    strangers = sorted({str(action) for action in actions if action not in ALLOWED})
    if strangers:
        raise BadCommit(f"a lease does not allow {', '.join(strangers)}", hint="Pergamon itself changes columns")
