"""Roles, the policies they carry, and who holds them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PolicySpec(_Spec):
    """A named set of actions, as `query.run`. What a role may do at all; on which data, the access rules say."""

    description: str = ""
    actions: frozenset[str]


class RoleSpec(_Spec):
    """A role: policies by name. `impersonable`: an operator may act as a person who holds it, on the record."""

    description: str = ""
    policies: frozenset[str] = frozenset()
    impersonable: bool = False


class PrincipalSpec(_Spec):
    """A person or a service account with its roles. Neither a password nor a token ever stands in a document."""

    kind: Literal["person", "service"]
    display_name: str
    roles: frozenset[str] = frozenset()
    active: bool = True
