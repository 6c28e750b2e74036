"""Who speaks: people, service accounts, roles, passwords and tokens."""

from pergamon.identity.authenticate import Unauthenticated, authenticate_token
from pergamon.identity.events import (
    LoggedIn,
    PasswordSet,
    PolicySetChanged,
    PrincipalChanged,
    RoleChanged,
    TeamChanged,
    TokenIssued,
)
from pergamon.identity.impersonate import ImpersonationRefused, operator_as
from pergamon.identity.login import Login, LoginBusy, LoginTurns, TooManyAttempts, log_in
from pergamon.identity.model import AttributeName, AttributeValue, PolicySpec, PrincipalSpec, RoleSpec
from pergamon.identity.passwords import LONGEST_PASSWORD, BadPassword, WeakPassword, set_password
from pergamon.identity.principals import (
    EVERYONE,
    PersonInfo,
    attributes_of,
    drop_principal,
    list_people,
    person_id,
    principal_actor,
    put_principal,
    read_principals,
    require_person,
)
from pergamon.identity.roles import (
    actions_of_roles,
    drop_policy,
    drop_role,
    put_policy,
    put_role,
    read_policies,
    read_roles,
)
from pergamon.identity.teams import drop_team, put_team, read_team, team_role
from pergamon.identity.tokens import TokenInfo, issue_token, list_tokens, log_out, revoke_token

__all__ = [
    "EVERYONE",
    "LONGEST_PASSWORD",
    "AttributeName",
    "AttributeValue",
    "BadPassword",
    "ImpersonationRefused",
    "LoggedIn",
    "Login",
    "LoginBusy",
    "LoginTurns",
    "PasswordSet",
    "PersonInfo",
    "PolicySetChanged",
    "PolicySpec",
    "PrincipalChanged",
    "PrincipalSpec",
    "RoleChanged",
    "RoleSpec",
    "TeamChanged",
    "TokenInfo",
    "TokenIssued",
    "TooManyAttempts",
    "Unauthenticated",
    "WeakPassword",
    "actions_of_roles",
    "attributes_of",
    "authenticate_token",
    "drop_policy",
    "drop_principal",
    "drop_role",
    "drop_team",
    "issue_token",
    "list_people",
    "list_tokens",
    "log_in",
    "log_out",
    "operator_as",
    "person_id",
    "principal_actor",
    "put_policy",
    "put_principal",
    "put_role",
    "put_team",
    "read_policies",
    "read_principals",
    "read_roles",
    "read_team",
    "require_person",
    "revoke_token",
    "set_password",
    "team_role",
]
