"""What every document has in common: typed keys, none unknown, suppressions with reasons, and a translation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from pergamon.catalog import PROJECT_ROLES, project_team
from pergamon.deploy.problems import KeyPath
from pergamon.deploy.yaml_document import Json
from pergamon.identity import team_role

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
"""A name that references, the trail and the command line can carry."""
Label = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")]
SqlName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
TaskName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,63}$")]
ProjectName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
"""A name of the catalog: of a project, a unit, a term, a form, a data source."""

PROJECT_ROLE = "project-role-id:"
SHORTEST_REASON = 10
"""Characters of a suppression's reason."""


class Document(BaseModel):
    """A mapping in a configuration file. Unknown keys are errors, and nothing is converted behind your back."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, strict=True)


class CamelDocument(Document):
    """A document whose keys are written in camelCase, as the seed writes them."""

    model_config = ConfigDict(alias_generator=to_camel)


class Suppression(Document):
    """Lets one hygiene rule pass here, for a reason that stands in the trail."""

    id: str = Field(description="The rule, such as `PGM-H2`; see hygiene rules.")
    reason: str = Field(min_length=SHORTEST_REASON, description="Why it is right here; at least ten characters.")


class RoleReference(Document):
    """Names a role that a `roles` module generates, or what the members of a project are in it."""

    id: str = Field(
        description="`generated-role-id:NAME`, or `generated-role-id:DOMAIN/NAME` for another domain; "
        "or `project-role-id:PROJECT/ROLE`, ROLE being owner, contributor, consumer or steward."
    )


@dataclass(frozen=True)
class Declared:
    """A name that a document brings into the world, so that others can refer to it."""

    kind: str
    name: str
    path: KeyPath
    trusted: str = ""
    """Of a role: who may hold it, `person` or `service`."""


@dataclass(frozen=True)
class Desired:
    """One resource as the configuration wants it. `spec` is what the room that owns the kind will be given, as JSON."""

    kind: str
    name: str
    spec: dict[str, Json]
    path: KeyPath
    suppressions: dict[str, str] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        return f"{self.kind}:{self.name}"


class Scope(Protocol):
    """What a translation may ask of the configuration around its document."""

    @property
    def folder(self) -> Path:
        """The directory of `pergamon.yaml`; files that a document names are relative to it."""

    def resolve(self, reference: str, kind: str, path: KeyPath, *, trusted: str = "", first: bool = True) -> str:
        """The name that a reference means. Adds a problem, and returns the text after the colon, when it means nothing.

        `trusted`: the role must be one that this kind of principal may hold. `first`: what it means must be deployed
        before what refers to it.
        """

    def problem(self, path: KeyPath, message: str, hint: str = "") -> None:
        """Add a fault that the types cannot express."""

    def read_file(self, name: str, path: KeyPath) -> str:
        """The text of a file beside `pergamon.yaml`. Adds a problem, and returns "", when it cannot be read."""


@dataclass(frozen=True)
class ModuleType:
    """A word that `module_type` may be: its document, the names it declares, and the resources it asks for."""

    name: str
    summary: str
    document: type[Document]
    declares: Callable[[Any], list[Declared]]  # Any: the document's own class, checked by validation
    translate: Callable[[Any, Scope], list[Desired]]


def reasons(suppressions: list[Suppression]) -> dict[str, str]:
    return {suppression.id: suppression.reason for suppression in suppressions}


def role_names(references: list[RoleReference], scope: Scope, path: KeyPath, *, trusted: str = "") -> list[str]:
    """The roles behind a list of references, sorted, each once."""
    found = set[str]()
    for index, item in enumerate(references):
        at = (*path, index, "id")
        if item.id.startswith(PROJECT_ROLE):
            found.add(_project_role(item.id, scope, at, is_given=bool(trusted)))
        else:
            found.add(scope.resolve(item.id, "role", at, trusted=trusted))
    return sorted(found)


def _project_role(reference: str, scope: Scope, path: KeyPath, *, is_given: bool) -> str:
    """The role that members of a project hold. It may be named before the project is deployed: nobody holds it then."""
    project, _, role = reference.removeprefix(PROJECT_ROLE).rpartition("/")
    if is_given:
        scope.problem(path, "an account is not given the role of a project", "name it under `members` of the project")
    elif role not in PROJECT_ROLES:
        hint = f"write `{PROJECT_ROLE}PROJECT/ROLE`, ROLE being {', '.join(PROJECT_ROLES)}"
        scope.problem(path, "this is not a role of a project", hint)
        return reference
    name = scope.resolve(f"project:{project}", "project", path, first=False)
    return team_role(project_team(name), role)


def principal_names(references: list[str], scope: Scope, path: KeyPath) -> list[str]:
    """The accounts behind a list of references `person:NAME` and `service:NAME`, sorted, each once."""
    found = set[str]()
    for index, reference in enumerate(references):
        kind = "service" if reference.startswith("service:") else "person"
        found.add(f"{kind}:{scope.resolve(reference, kind, (*path, index))}")
    return sorted(found)
