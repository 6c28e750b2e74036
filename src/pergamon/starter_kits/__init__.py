"""Configurations that a user copies and owns: which there are, and how one is copied."""

import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from pergamon.deploy import require_organization
from pergamon.kernel import Conflict, Invalid, NotFound, durable_write

DESCRIPTIONS = {
    "ehds-governance": "files of data holders, crawled into tables, described, published and found in a catalogue",
    "health-data-accelerator": "a hospital's database, replicated, merged, transformed and queried under control",
}
"""Every kit, with what it is for."""
ONCE = re.compile(r"(?ms)^ *# >>> once for each installation\n.*?^ *# <<< once for each installation\n")
"""What stands between these marks of `pergamon.yaml` is configured once, by whoever sets the installation up."""
FILES_OF_ONCE = (Path("governance/audit.yaml"), Path("governance/audit-trail.yaml"))
TEXT_SUFFIXES = (".yaml", ".md", ".sql", ".py", ".sh")


class UnknownKit(NotFound):
    """There is no starter kit of that name."""

    code = "starter_kits.unknown_kit"


class NotEmpty(Conflict):
    """The directory already holds something, and nothing of it may be overwritten."""

    code = "starter_kits.not_empty"


class UnknownContextValue(Invalid):
    """A value was given for a context name that the kit does not have."""

    code = "starter_kits.unknown_context_value"


def kit_names() -> tuple[str, ...]:
    return tuple(sorted(DESCRIPTIONS))


def kit_path(name: str) -> Traversable:
    """Where a kit's files are.

    Raises:
        UnknownKit: there is none of that name.
    """
    if name not in DESCRIPTIONS:
        raise UnknownKit(f"there is no starter kit {name}", hint=f"there are: {', '.join(kit_names())}")
    return resources.files("pergamon.starter_kits") / name


def copy_kit(
    name: str,
    target: Path,
    *,
    organization: str | None = None,
    context: Mapping[str, str] | None = None,
    beside: bool = False,
) -> list[Path]:
    """Copy a kit into a directory that is missing or empty, with its organization and context values filled in.

    beside: leave out what an installation has once (the trail's settings), because another configuration has it.
    Returns: the files, relative to `target`.
    Raises:
        UnknownKit: there is none of that name.
        NotEmpty: the directory holds something.
        BadOrganization: it cannot be the name of one.
        UnknownContextValue: the kit has no such context name.
    """
    kit = kit_path(name)
    if organization is not None:
        require_organization(organization)
    refuse_to_overwrite(target)
    files = dict(_files(kit, Path()))
    top = files[Path("pergamon.yaml")]
    for key, value in (context or {}).items():
        top = _with_context(top, key, value)
    if organization is not None:
        top = re.sub(r"(?m)^organization: .*$", lambda _: f"organization: {organization}", top, count=1)
    if beside:
        top = ONCE.sub("", top)
        files = {path: text for path, text in files.items() if path not in FILES_OF_ONCE}
    files[Path("pergamon.yaml")] = top
    for path, text in files.items():
        durable_write(target.absolute() / path, text.encode(), mode=0o644 if path.suffix != ".sh" else 0o755)
    return sorted(files)


def refuse_to_overwrite(target: Path) -> None:
    """Raises: NotEmpty: the directory holds something, or is not a directory."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise NotEmpty(f"{target} is not empty", hint="name a new directory; nothing is overwritten")


def _files(folder: Traversable, below: Path) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _files(entry, below / entry.name) if entry.name != "__pycache__" else []
        elif entry.name.endswith(TEXT_SUFFIXES):
            found.append((below / entry.name, entry.read_text(encoding="utf-8")))
    return found


def _with_context(top: str, key: str, value: str) -> str:
    line = re.compile(rf"(?m)^(  {re.escape(key)}: )(\S+)(.*)$")
    match = line.search(top)
    if match is None:
        known = ", ".join(
            re.findall(r"(?m)^  ([a-z][a-z0-9-]*): \S+.*$", top.partition("context:")[2].partition("\ndomains:")[0])
        )
        raise UnknownContextValue(f"the kit has no context value {key}", hint=f"it has: {known}")
    written = value if re.fullmatch(r"[0-9]+", value) else "'" + value.replace("'", "''") + "'"
    return top[: match.start()] + match[1] + written + match[3] + top[match.end() :]


__all__ = [
    "DESCRIPTIONS",
    "NotEmpty",
    "UnknownContextValue",
    "UnknownKit",
    "copy_kit",
    "kit_names",
    "kit_path",
    "refuse_to_overwrite",
]
