"""Resolves `{{secret:name}}`: a 0600 file, a systemd credential, or the environment, in this order. Never shown."""

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from pergamon.kernel import Conflict, Invalid, NotFound, durable_write, fsync_directory, make_durable_directory
from pergamon.settings import Settings, credentials_directory, secret_from_environment, secret_names_in_environment

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


class BadSecretValue(Invalid):
    """A secret's value is one line, and not empty."""

    code = "deploy.bad_secret_value"


def read_secret(settings: Settings, name: str) -> str:
    """The value of a secret. Never print it, never log it.

    Raises:
        BadSecretName: the name cannot be one.
        SecretExposed: its file is open to others, a link, or someone else's.
        BadSecretValue: what the first place holds is empty, too long, or no text.
        SecretMissing: no place holds it.
    """
    file = secret_file(settings, name)
    value = _from_file(file)
    if value is not None:
        return _usable(value, str(file))
    credentials = credentials_directory()
    if credentials is not None and (credentials / name).is_file():
        return _usable((credentials / name).read_bytes(), f"the systemd credential {name}")
    variable = "PERGAMON_SECRET_" + name.upper().replace("-", "_")
    given = secret_from_environment(name)
    if given is not None:
        return _usable(os.fsencode(given), f"${variable}")
    tried = [str(file), f"systemd credential {name} ($CREDENTIALS_DIRECTORY{'' if credentials else ' is not set'})"]
    hint = f"pergamon secret set {name}"
    raise SecretMissing(f"the secret {name} is nowhere; tried: {', '.join([*tried, f'${variable}'])}", hint=hint)


def keep_secret(settings: Settings, name: str, value: str, *, replace: bool = False) -> Path:
    """Keep a secret in its 0600 file. Keeping the same value again changes nothing.

    Raises:
        BadSecretName: the name cannot be one.
        SecretExposed: the file that is there is open to others, or a link; `replace` puts ours in its place.
        SecretExists: another value is kept under it, and `replace` is not set.
    """
    file = secret_file(settings, name)
    known = None if replace else _from_file(file)
    if known is not None and known.rstrip(b"\r\n") != value.encode():
        raise SecretExists(
            f"the secret {name} is already kept with another value", hint=f"to replace it: pergamon secret set {name}"
        )
    _make_private_directory(settings.secrets)
    durable_write(file, value.encode(), mode=0o600)
    return file


def forget_secret(settings: Settings, name: str) -> None:
    """Remove a secret's file, also one that was open to others.

    Raises:
        BadSecretName: the name cannot be one.
        SecretMissing: no file keeps it; a systemd credential or the environment may.
    """
    kept_secret_file(settings, name).unlink(missing_ok=True)
    fsync_directory(settings.secrets)


def kept_secret_file(settings: Settings, name: str) -> Path:
    """Raises: as `forget_secret`."""
    file = secret_file(settings, name)
    if not file.is_file() and not file.is_symlink():
        hint = "`pergamon secret ls` says where each is found"
        raise SecretMissing(f"no file keeps the secret {name}", hint=hint)
    return file


def require_secret_value(value: str) -> str:
    """The value without the end of its line.

    Raises:
        BadSecretValue: it is empty, too long, or more than one line.
    """
    text = value.rstrip("\r\n")
    if not text or len(text.encode()) > LARGEST_BYTES or any(c in text for c in "\r\n\0"):
        raise BadSecretValue("this cannot be a secret's value", hint=f"one line, at most {LARGEST_BYTES} bytes")
    return text


def places_of_secrets(settings: Settings) -> dict[str, list[str]]:
    """Every secret's name, and where it is found; the first place is the one that counts. Never a value."""
    credentials = credentials_directory()
    places = [
        ("file", _names_in(settings.secrets)),
        ("systemd credential", _names_in(credentials) if credentials else []),
        ("environment", secret_names_in_environment()),
    ]
    found: dict[str, list[str]] = {}
    for place, names in places:
        for name in names:
            found.setdefault(name, []).append(place)
    return dict(sorted(found.items()))


def _names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if NAME.fullmatch(path.name)] if directory.is_dir() else []


def _make_private_directory(directory: Path) -> None:
    """0700, whatever the umask and whoever made it before."""
    make_durable_directory(directory)
    directory.chmod(0o700)


def secret_file(settings: Settings, name: str) -> Path:
    """Where a secret's file is, or would be.

    Raises:
        BadSecretName: the name cannot be one.
    """
    if not NAME.fullmatch(name):
        raise BadSecretName("a secret has a name that cannot be used", hint="letters, digits and . - _")
    return settings.secrets / name


def _usable(found: bytes, where: str) -> str:
    """What a place holds, without the end of its line; every place is read alike."""
    with suppress(UnicodeDecodeError):  # its words would quote the value
        text = found.decode("utf-8").rstrip("\r\n")
        if text and len(found) <= LARGEST_BYTES and "\0" not in text:
            return text
    raise BadSecretValue(
        f"what stands in {where} cannot be a secret", hint=f"UTF-8 text, not empty, at most {LARGEST_BYTES} bytes"
    )


def _from_file(file: Path) -> bytes | None:
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
        return opened.read(LARGEST_BYTES + 1)
