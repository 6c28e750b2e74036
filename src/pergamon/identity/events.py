"""What the trail says of people, roles and tokens."""

from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event


@dataclass(frozen=True)
class RoleChanged(Event):
    """A role was deployed, changed or removed."""

    code: ClassVar[str] = "identity.role_changed"
    policies: list[str]
    removed: bool


@dataclass(frozen=True)
class PolicySetChanged(Event):
    """A named set of actions was deployed, changed or removed."""

    code: ClassVar[str] = "identity.policy_changed"
    actions: list[str]
    removed: bool


@dataclass(frozen=True)
class PrincipalChanged(Event):
    """A person or a service account was made, changed or deactivated."""

    code: ClassVar[str] = "identity.principal_changed"
    roles: list[str]
    active: bool


@dataclass(frozen=True)
class MemberChanged(Event):
    """A password was set."""

    code: ClassVar[str] = "identity.password_set"


@dataclass(frozen=True)
class TokenIssued(Event):
    """A token was issued. Its secret is shown once and kept only as a hash."""

    code: ClassVar[str] = "identity.token_issued"
    token: str
    valid_until: str


@dataclass(frozen=True)
class TokenRevoked(Event):
    """A token was revoked; it is refused from now on."""

    code: ClassVar[str] = "identity.token_revoked"
    token: str
