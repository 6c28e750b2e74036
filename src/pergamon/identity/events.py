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
    """A person or a service account was made, changed or deactivated; of attributes the names alone."""

    code: ClassVar[str] = "identity.principal_changed"
    roles: list[str]
    active: bool
    attributes: list[str]


@dataclass(frozen=True)
class PasswordSet(Event):
    """A password was set; what was got for the one before is revoked."""

    code: ClassVar[str] = "identity.password_set"
    logins_revoked: int


@dataclass(frozen=True)
class LoggedIn(Event):
    """Somebody proved who they are by a password, and was issued a token."""

    code: ClassVar[str] = "identity.logged_in"


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


@dataclass(frozen=True)
class TeamChanged(Event):
    """A team has these members now, each as `principal as role`."""

    code: ClassVar[str] = "identity.team_changed"
    members: list[str]
