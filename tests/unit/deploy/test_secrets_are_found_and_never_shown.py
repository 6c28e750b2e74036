"""The file of a secret: private whatever the umask, no link, never overwritten unasked. All places: tests/contract."""

import os
from pathlib import Path

import pytest

from pergamon.deploy import SecretExists, SecretExposed, keep_secret, read_secret
from pergamon.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv("PERGAMON_SECRET_SOURCE_PASSWORD", raising=False)
    return Settings(home=tmp_path / "home")


def test_a_kept_secret_is_read_again_from_a_private_file(settings: Settings) -> None:
    file = keep_secret(settings, "source-password", "pässword")
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_secret(settings, "source-password") == "pässword"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
def test_the_directory_is_its_users_alone_whatever_the_umask(settings: Settings, umask: int) -> None:
    before = os.umask(umask)
    try:
        keep_secret(settings, "a", "x")
    finally:
        os.umask(before)
    assert settings.secrets.stat().st_mode & 0o777 == 0o700
    settings.secrets.chmod(0o755)
    keep_secret(settings, "b", "x")
    assert settings.secrets.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_file_that_others_can_reach_is_refused(settings: Settings, mode: int) -> None:
    file = keep_secret(settings, "a", "value-7c1")
    file.chmod(mode)
    with pytest.raises(SecretExposed, match="chmod 600") as caught:
        read_secret(settings, "a")
    assert "value-7c1" not in str(caught.value)


def test_a_link_is_not_followed(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("x")
    (tmp_path / "elsewhere").chmod(0o600)
    settings.secrets.mkdir(parents=True)
    (settings.secrets / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SecretExposed):
        read_secret(settings, "a")


def test_another_value_is_not_overwritten_unless_asked(settings: Settings) -> None:
    keep_secret(settings, "a", "one")
    keep_secret(settings, "a", "one")
    with pytest.raises(SecretExists):
        keep_secret(settings, "a", "two")
    keep_secret(settings, "a", "two", replace=True)
    assert read_secret(settings, "a") == "two"
