"""Module type `jobs`: transformations, deployed with the text of their files: what runs is what was deployed."""

from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field

from pergamon.deploy.documents.base import CamelDocument, Declared, Desired, ModuleType, Name, Scope
from pergamon.deploy.problems import KeyPath
from pergamon.deploy.yaml_document import Json


class JobEntry(CamelDocument):
    """A transformation: SQL files, one SELECT per output table, named after it; or one Python file."""

    kind: Literal["sql", "python"] = Field(default="sql", description="What its files hold.")
    database: str = Field(description="Where its tables are written: `database:NAME` or `database:DOMAIN/NAME`.")
    files: list[str] = Field(min_length=1, description="Files, relative to pergamon.yaml.")
    inputs: list[str] = Field(default=[], description="Of a python job: the tables it reads, as `database.table`.")


class JobsDocument(CamelDocument):
    """Jobs."""

    jobs: dict[Name, JobEntry] = Field(description="Job name -> job.")


def declares(document: JobsDocument) -> list[Declared]:
    """Jobs."""
    return [Declared("job", name, ("jobs", name)) for name in document.jobs]


def translate(document: JobsDocument, scope: Scope) -> list[Desired]:
    """One resource per job, with the text of its files."""
    return [_job(name, entry, scope) for name, entry in document.jobs.items()]


def _job(name: str, entry: JobEntry, scope: Scope) -> Desired:
    path: KeyPath = ("jobs", name)
    files: dict[str, Json] = {}
    for index, file in enumerate(entry.files):
        base = PurePosixPath(file).name
        if base in files:
            scope.problem((*path, "files", index), f"two files of this job are named {base}", "rename one of them")
        files[base] = scope.read_file(file, (*path, "files", index))
    spec: dict[str, Json] = {
        "kind": entry.kind,
        "database": scope.resolve(entry.database, "database", (*path, "database")),
        "files": files,
        "inputs": [*entry.inputs],
    }
    return Desired("job", name, spec, path)


JOBS = ModuleType("jobs", "Transformations in SQL or Python.", JobsDocument, declares, translate)
