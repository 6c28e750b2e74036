"""Who speaks: people, service accounts, roles, passwords and tokens."""

from pergamon.identity.authenticate import Unauthenticated, authenticate_password, authenticate_token
from pergamon.identity.events import MemberChanged, PolicySetChanged, PrincipalChanged, RoleChanged, TokenIssued
from pergamon.identity.impersonate import ImpersonationRefused, operator_as
from pergamon.identity.model import PolicySpec, PrincipalSpec, RoleSpec
from pergamon.identity.principals import (
    drop_principal,
    principal_actor,
    put_principal,
    read_principals,
    set_password,
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
from pergamon.identity.tokens import TokenInfo, issue_token, list_tokens, revoke_token

__all__ = [
    "ImpersonationRefused",
    "MemberChanged",
    "PolicySetChanged",
    "PolicySpec",
    "PrincipalChanged",
    "PrincipalSpec",
    "RoleChanged",
    "RoleSpec",
    "TokenInfo",
    "TokenIssued",
    "Unauthenticated",
    "actions_of_roles",
    "authenticate_password",
    "authenticate_token",
    "drop_policy",
    "drop_principal",
    "drop_role",
    "issue_token",
    "list_tokens",
    "operator_as",
    "principal_actor",
    "put_policy",
    "put_principal",
    "put_role",
    "read_policies",
    "read_principals",
    "read_roles",
    "revoke_token",
    "set_password",
]
