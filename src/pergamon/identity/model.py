"""Roles, the policies they carry, and who holds them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

AttributeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
AttributeValue = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


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
    """A person or a service account with its roles. Neither a password nor a token ever stands in a document.

    attributes: what a grant's row filter may ask of whoever queries, as `site: north`; it gives no right by itself.
    """

    kind: Literal["person", "service"]
    display_name: str
    roles: frozenset[str] = frozenset()
    active: bool = True
    attributes: Annotated[dict[AttributeName, AttributeValue], Field(max_length=50)] = Field(default={})
