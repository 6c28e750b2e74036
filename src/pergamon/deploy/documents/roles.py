"""Module type `roles`: policies (named sets of actions), roles that carry them, and who holds the roles."""

from typing import Literal

from pydantic import Field

from pergamon.deploy.documents.base import (
    CamelDocument,
    Declared,
    Desired,
    Document,
    ModuleType,
    Name,
    RoleReference,
    Scope,
    Suppression,
    reasons,
    role_names,
)
from pergamon.deploy.problems import did_you_mean
from pergamon.deploy.yaml_document import Json
from pergamon.identity import AttributeName, AttributeValue


class Statement(Document):
    """One paragraph of a policy."""

    sid: str = Field(default="", alias="Sid", description="A name for the reader.")
    effect: Literal["Allow"] = Field(alias="Effect", description="Everything is refused unless it is allowed.")
    action: list[str] = Field(min_length=1, alias="Action", description="Actions of Pergamon, such as `query.run`.")


class PolicyDocument(Document):
    """The statements of a policy."""

    statement: list[Statement] = Field(
        min_length=1, alias="Statement", description="Joined: a policy is all their actions."
    )


class GeneratedPolicy(CamelDocument):
    """A named set of actions. Which data they reach is decided by the access policies of the buckets."""

    description: str = Field(default="", description="For the reader.")
    policy_document: PolicyDocument = Field(description="What it allows.")
    suppressions: list[Suppression] = Field(
        default=[], description="Hygiene rules let pass here, each with its reason."
    )


class GeneratedRole(CamelDocument):
    """A role. Its holders may do what its policies name."""

    description: str = Field(default="", description="For the reader.")
    trusted_principal: Literal["person", "service"] = Field(description="Who may hold it.")
    generated_policies: list[str] = Field(default=[], description="Policies that are generated in the same file set.")
    impersonable: bool = Field(default=False, description="An operator may act as its holders, on the record.")
    suppressions: list[Suppression] = Field(
        default=[], description="Hygiene rules let pass here, each with its reason."
    )


class AccountEntry(CamelDocument):
    """A person or a service account. A password or a token is given at the command line, never here."""

    display_name: str = Field(min_length=1, description="The name that pages and reports show.")
    roles: list[RoleReference] = Field(default=[], description="The roles that it holds.")
    attributes: dict[AttributeName, AttributeValue] = Field(
        default={}, description="What row filters of grants may ask for, as `site: north`. It gives no right by itself."
    )


class RolesDocument(CamelDocument):
    """Policies, roles, people and service accounts."""

    generate_policies: dict[Name, GeneratedPolicy] = Field(default={}, description="Policy name -> policy.")
    generate_roles: dict[Name, GeneratedRole] = Field(default={}, description="Role name -> role.")
    people: dict[Name, AccountEntry] = Field(default={}, description="Account name -> person.")
    service_accounts: dict[Name, AccountEntry] = Field(default={}, description="Account name -> program.")


def declares(document: RolesDocument) -> list[Declared]:
    """Policies, roles and accounts."""
    return [
        *(Declared("policy", name, ("generatePolicies", name)) for name in document.generate_policies),
        *(
            Declared("role", name, ("generateRoles", name), role.trusted_principal)
            for name, role in document.generate_roles.items()
        ),
        *(Declared("person", name, ("people", name)) for name in document.people),
        *(Declared("service", name, ("serviceAccounts", name)) for name in document.service_accounts),
    ]


def translate(document: RolesDocument, scope: Scope) -> list[Desired]:
    """Policies first, then the roles that carry them, then the accounts that hold those."""
    return [
        *(_policy(name, policy) for name, policy in document.generate_policies.items()),
        *(_role(document, name, role, scope) for name, role in document.generate_roles.items()),
        *(_account("person", name, entry, scope) for name, entry in document.people.items()),
        *(_account("service", name, entry, scope) for name, entry in document.service_accounts.items()),
    ]


def _policy(name: str, policy: GeneratedPolicy) -> Desired:
    actions = sorted({action for statement in policy.policy_document.statement for action in statement.action})
    spec: dict[str, Json] = {"description": policy.description, "actions": [*actions]}
    return Desired("policy", name, spec, ("generatePolicies", name), reasons(policy.suppressions))


def _role(document: RolesDocument, name: str, role: GeneratedRole, scope: Scope) -> Desired:
    path = ("generateRoles", name)
    for index, policy in enumerate(role.generated_policies):
        if policy not in document.generate_policies:
            hint = did_you_mean(policy, list(document.generate_policies), what="policies of this module")
            scope.problem((*path, "generatedPolicies", index), f"there is no policy `{policy}` in this module", hint)
    spec: dict[str, Json] = {
        "description": role.description,
        "impersonable": role.impersonable,
        "policies": [*sorted(set(role.generated_policies))],
    }
    return Desired("role", name, spec, path, reasons(role.suppressions))


def _account(kind: str, name: str, entry: AccountEntry, scope: Scope) -> Desired:
    path = ("people" if kind == "person" else "serviceAccounts", name)
    roles = role_names(entry.roles, scope, (*path, "roles"), trusted=kind)
    spec: dict[str, Json] = {
        "kind": kind,
        "display_name": entry.display_name,
        "roles": [*roles],
        "attributes": {**entry.attributes},
    }
    return Desired(kind, name, spec, path)


ROLES = ModuleType("roles", "Policies, roles, people and service accounts.", RolesDocument, declares, translate)
