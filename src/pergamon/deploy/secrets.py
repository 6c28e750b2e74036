"""Resolves `{{secret:name}}`: a 0600 file, a systemd credential, or the environment, in this order. Never shown."""

import os
import re
import stat
from pathlib import Path

from pergamon.kernel import Conflict, Invalid, NotFound, durable_write
from pergamon.settings import Settings, credentials_directory, secret_from_environment

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
LARGEST_BYTES = 64 * 1024


class SecretMissing(NotFound):
    """No place holds this secret; the message names every place that was tried."""

    code = "deploy.secret_missing"


class SecretExposed(Invalid):
    """The file of a secret can be read by others, or is not a plain file of ours."""

    code = "deploy.secret_exposed"


class SecretExists(Conflict):
    """A secret of that name is already kept, with another value."""

    code = "deploy.secret_exists"


class BadSecretName(Invalid):
    """A secret's name is letters, digits, dots, dashes and underscores."""

    code = "deploy.bad_secret_name"


def read_secret(settings: Settings, name: str) -> str:
    """The value of a secret. Never print it, never log it.

    Raises:
        BadSecretName: the name cannot be one.
        SecretExposed: its file is open to others, a link, or someone else's.
        SecretMissing: no place holds it.
    """
    file = _secret_file(settings, name)
    value = _from_file(file)
    if value is not None:
        return value
    credentials = credentials_directory()
    if credentials is not None and (credentials / name).is_file():
        return (credentials / name).read_text(encoding="utf-8").rstrip("\n")
    value = secret_from_environment(name)
    if value is not None:
        return value
    variable = "PERGAMON_SECRET_" + name.upper().replace("-", "_")
    tried = [str(file), f"systemd credential {name} ($CREDENTIALS_DIRECTORY{'' if credentials else ' is not set'})"]
    hint = f"put it into {file} (mode 0600), one line"
    raise SecretMissing(f"the secret {name} is nowhere; tried: {', '.join([*tried, f'${variable}'])}", hint=hint)


def keep_secret(settings: Settings, name: str, value: str, *, replace: bool = False) -> Path:
    """Keep a secret in its 0600 file. Keeping the same value again does nothing.

    Raises:
        BadSecretName: the name cannot be one.
        SecretExists: another value is kept under it, and `replace` is not set.
    """
    file = _secret_file(settings, name)
    known = _from_file(file)
    if known is not None and known != value and not replace:
        raise SecretExists(f"the secret {name} is already kept with another value", hint=f"remove {file} first")
    durable_write(file, value.encode(), mode=0o600)
    return file


def _secret_file(settings: Settings, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise BadSecretName("a secret has a name that cannot be used", hint="letters, digits and . - _")
    return settings.secrets / name


def _from_file(file: Path) -> str | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError:
        raise SecretExposed(
            f"{file} cannot be opened as a plain file", hint="a link is not followed: copy it"
        ) from None
    with os.fdopen(descriptor, "rb") as opened:
        state = os.fstat(opened.fileno())
        if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & 0o077:
            hint = f"chmod 600 {file}, and own it as the service user"
            raise SecretExposed(f"{file} can be read by others, or is not a file of this user", hint=hint)
        return opened.read(LARGEST_BYTES).decode("utf-8").rstrip("\r\n")
