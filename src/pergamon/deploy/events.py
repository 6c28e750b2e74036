"""What the trail says of deployments. The rooms record what changed; these say by which configuration."""

from dataclasses import dataclass
from typing import ClassVar

from pergamon.kernel import Event


@dataclass(frozen=True)
class DeploymentStarted(Event):
    """A plan is about to be carried out."""

    code: ClassVar[str] = "deploy.started"
    steps: int
    digest: str


@dataclass(frozen=True)
class StepApplied(Event):
    """One step of a plan was carried out; subject is the thing itself."""

    code: ClassVar[str] = "deploy.step_applied"
    deployment: str
    module: str
    action: str
    spec_digest: str


@dataclass(frozen=True)
class RuleSuppressed(Event):
    """A hygiene rule was let pass, for this reason."""

    code: ClassVar[str] = "deploy.rule_suppressed"
    rule: str
    reason: str


@dataclass(frozen=True)
class SecretSet(Event):
    """A secret is being given a value, because somebody asked for it by name."""

    code: ClassVar[str] = "deploy.secret_set"


@dataclass(frozen=True)
class SecretRemoved(Event):
    """The file of a secret is being removed, because somebody asked for it by name."""

    code: ClassVar[str] = "deploy.secret_removed"


@dataclass(frozen=True)
class CommandStarted(Event):
    """A command of a module is about to run. Only the program's name is kept."""

    code: ClassVar[str] = "deploy.command_started"
    phase: str
    program: str


@dataclass(frozen=True)
class CommandFinished(Event):
    """A command of a module ended. `exit_code` is -1 when it could not start or was ended at its time-out."""

    code: ClassVar[str] = "deploy.command_finished"
    phase: str
    program: str
    exit_code: int


@dataclass(frozen=True)
class DeploymentFinished(Event):
    """A plan was carried out to its end."""

    code: ClassVar[str] = "deploy.finished"
    steps: int
    digest: str


@dataclass(frozen=True)
class FilesDeleted(Event):
    """Every file of a bucket is being deleted, because somebody asked for it by name."""

    code: ClassVar[str] = "deploy.files_deleted"
