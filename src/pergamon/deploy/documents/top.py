"""`pergamon.yaml` and tag files: the organization, its context values, and domains -> environments -> modules."""

import shlex

from pydantic import Field, field_validator

from pergamon.deploy.documents.base import Document, Label, Name


class HookCommand(Document):
    """A command before or after a module's own steps: without a shell, in the directory of `pergamon.yaml`."""

    command: str | list[str] = Field(
        description="Words as a shell would split them, or a list of arguments. No pipes, no variables, no secrets."
    )

    @field_validator("command")
    @classmethod
    def _names_a_program(cls, command: str | list[str]) -> str | list[str]:
        if not words_of(command) or not words_of(command)[0]:
            raise ValueError("a command names a program")
        return command

    exit_if_fail: bool = Field(default=False, description="Stop the deployment when the command fails.")
    timeout_s: int = Field(default=300, ge=1, le=86_400, description="Seconds after which the command is ended.")


def words_of(command: str | list[str]) -> list[str]:
    """The arguments of a command.

    Raises:
        ValueError: a quotation mark is open, or a character cannot be in an argument.
    """
    words = shlex.split(command) if isinstance(command, str) else list(command)
    if any("\0" in word for word in words):
        raise ValueError("a command holds a character that no argument can have")
    return words


class ModuleEntry(Document):
    """One module: what it is and where its configuration stands."""

    module_type: str = Field(description="What the module deploys; see the module types below.")
    module_configs: list[str] = Field(min_length=1, description="Files, relative to this one, joined in this order.")
    tag_configs: list[str] = Field(default=[], description="More tag files, for this module only.")
    predeploy: HookCommand | None = Field(default=None, description="Run before the module's steps.")
    postdeploy: HookCommand | None = Field(default=None, description="Run after the module's steps.")


class Environment(Document):
    """One environment of a domain, such as `dev` or `prod`."""

    modules: dict[Label, ModuleEntry] = Field(description="Module name -> module.")


class Domain(Document):
    """One domain, such as `shared` or `dataops`."""

    environments: dict[Label, Environment] = Field(description="Environment name -> environment.")


class Top(Document):
    """`pergamon.yaml`: everything begins here."""

    organization: Label = Field(description="Small letters, digits and dashes; `{{org}}` elsewhere.")
    context: dict[Name, str | int | bool] = Field(default={}, description="Values for `{{context:NAME}}`.")
    tag_configs: list[str] = Field(default=[], description="Files with tags for everything that is deployed.")
    domains: dict[Label, Domain] = Field(description="Domain name -> domain.")


class TagFile(Document):
    """A tag file."""

    tags: dict[str, str] = Field(
        description="Tags for all deployed resources. Later files add; they may not contradict."
    )
