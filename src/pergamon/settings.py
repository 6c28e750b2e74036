"""Where Pergamon lives. The environment is read here and nowhere else; it holds only paths and secrets."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """The paths of one installation.

    home: the data directory, 0700, owned by the service user: `postgres/`, `lake/`, `secrets/`, `audit/`, `run/`.
    database_url: an outside PostgreSQL >= 15; None means the embedded one under `home`.
    without_landlock: do untrusted work (queries, uploaded files, profiles) although this kernel cannot confine it to
        its files; what is left confines it, and every answer says so.
    """

    home: Path
    database_url: str | None = None
    without_landlock: bool = False

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def secrets(self) -> Path:
        return self.home / "secrets"

    @property
    def audit(self) -> Path:
        return self.home / "audit"

    @property
    def logs(self) -> Path:
        return self.home / "logs"


def settings_from_environment(home: Path | None = None) -> Settings:
    """Read `PERGAMON_HOME` and `PERGAMON_DATABASE_URL`; an explicit `home` wins.

    Without either, the home is `$XDG_DATA_HOME/pergamon` or `~/.local/share/pergamon`.
    """
    data_home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    chosen = home or Path(os.environ.get("PERGAMON_HOME") or Path(data_home) / "pergamon")
    return Settings(home=chosen.expanduser().absolute(), database_url=os.environ.get("PERGAMON_DATABASE_URL"))


def secret_from_environment(name: str) -> str | None:
    """The secret `name` as `PERGAMON_SECRET_<NAME>`, dashes as underscores; None when it is not set."""
    return os.environ.get("PERGAMON_SECRET_" + name.upper().replace("-", "_"))


def secret_names_in_environment() -> list[str]:
    """The names that `PERGAMON_SECRET_<NAME>` variables stand for, with dashes."""
    prefix = "PERGAMON_SECRET_"
    return [name.removeprefix(prefix).lower().replace("_", "-") for name in os.environ if name.startswith(prefix)]


def credentials_directory() -> Path | None:
    """Where systemd put this service's credentials (`LoadCredential=`), or None."""
    found = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(found) if found else None


def token_from_environment() -> str | None:
    """The bearer token of client mode, `PERGAMON_TOKEN`; None when it is not set."""
    return os.environ.get("PERGAMON_TOKEN", "").strip() or None


def logins_directory() -> Path:
    """Where a client keeps the tokens of its logins: `$XDG_CONFIG_HOME/pergamon` or `~/.config/pergamon`."""
    config_home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return (Path(config_home) / "pergamon").absolute()
