"""What each place of `{{secret:name}}` promises: a 0600 file, a systemd credential, the environment."""

import os
from pathlib import Path
from typing import Protocol

import pytest

from pergamon.deploy import BadSecretName, BadSecretValue, SecretMissing, read_secret
from pergamon.deploy.secrets import places_of_secrets
from pergamon.replicate import SourceSpec
from pergamon.settings import Settings

NAME, VALUE = "source-password", "pässword with 'quotes' = and {{braces}}"


class Place(Protocol):
    """Where an operator may put a secret."""

    name: str

    def put(self, secret: str, value: bytes) -> None: ...


class File:
    name = "file"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def put(self, secret: str, value: bytes) -> None:
        file = self.settings.secrets / secret
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(value)


class SystemdCredential:
    name = "systemd credential"

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        directory.mkdir()
        self.directory = directory
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(directory))

    def put(self, secret: str, value: bytes) -> None:
        (self.directory / secret).write_bytes(value)


class Environment:
    name = "environment"

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def put(self, secret: str, value: bytes) -> None:
        self.monkeypatch.setenv("PERGAMON_SECRET_" + secret.upper().replace("-", "_"), os.fsdecode(value))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return Settings(home=tmp_path / "home")


@pytest.fixture
def places(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Place]:
    """All of them, in the order in which they count."""
    return [File(settings), SystemdCredential(tmp_path / "credentials", monkeypatch), Environment(monkeypatch)]


@pytest.fixture(params=[0, 1, 2], ids=["file", "systemd credential", "environment"])
def place(request: pytest.FixtureRequest, places: list[Place]) -> Place:
    return places[request.param]


@pytest.mark.parametrize("value", [VALUE, " spaces stay ", "x", "漢字", "%s $HOME `id`"])
def test_what_was_put_is_read(settings: Settings, place: Place, value: str) -> None:
    place.put(NAME, value.encode())
    assert read_secret(settings, NAME) == value


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n"])
def test_the_end_of_the_line_is_not_part_of_it(settings: Settings, place: Place, ending: str) -> None:
    """A person writes it with an editor, or with echo."""
    place.put(NAME, f"word {ending}".encode())
    assert read_secret(settings, NAME) == "word "


def test_a_new_value_is_read_at_once(settings: Settings, place: Place) -> None:
    place.put(NAME, b"old")
    assert read_secret(settings, NAME) == "old"
    place.put(NAME, b"new")
    assert read_secret(settings, NAME) == "new"


def test_another_secret_is_not_found_by_it(settings: Settings, place: Place) -> None:
    place.put(NAME, VALUE.encode())
    with pytest.raises(SecretMissing) as missing:
        read_secret(settings, "another")
    assert VALUE not in str(missing.value)


def test_it_is_listed_by_its_name_and_place_and_never_by_its_value(settings: Settings, place: Place) -> None:
    place.put(NAME, VALUE.encode())
    assert places_of_secrets(settings)[NAME] == [place.name]
    assert VALUE not in repr(places_of_secrets(settings))


@pytest.mark.parametrize(("earlier", "later"), [(0, 1), (0, 2), (1, 2)])
def test_the_earlier_place_counts_and_both_are_listed(
    settings: Settings, places: list[Place], earlier: int, later: int
) -> None:
    places[later].put(NAME, b"later")
    places[earlier].put(NAME, b"earlier")
    assert read_secret(settings, NAME) == "earlier"
    assert places_of_secrets(settings)[NAME] == [places[earlier].name, places[later].name]


@pytest.mark.parametrize(
    "value", [b"", b"\n", b"zz\xf6", b"zz\xff\xfe"], ids=["empty", "a line's end", "Latin-1", "bytes"]
)
def test_what_cannot_be_a_value_is_refused_and_not_shown(settings: Settings, place: Place, value: bytes) -> None:
    """An empty one would read as no password at all; and no later place stands in for it."""
    place.put(NAME, value)
    with pytest.raises(BadSecretValue, match="cannot be a secret") as refused:
        read_secret(settings, NAME)
    assert "zz" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_what_is_too_long_is_refused_and_never_cut(settings: Settings, place: Place) -> None:
    place.put(NAME, b"x" * 65_536)
    assert len(read_secret(settings, NAME)) == 65_536
    place.put(NAME, b"x" * 65_537)
    with pytest.raises(BadSecretValue):
        read_secret(settings, NAME)


def test_a_missing_secret_names_every_place_that_was_tried(settings: Settings) -> None:
    with pytest.raises(SecretMissing) as missing:
        read_secret(settings, NAME)
    for tried in (str(settings.secrets / NAME), "CREDENTIALS_DIRECTORY", "PERGAMON_SECRET_SOURCE_PASSWORD"):
        assert tried in missing.value.message


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".hidden", "a\n", "ä", "x" * 64])
def test_a_name_that_could_leave_its_place_is_refused(settings: Settings, place: Place, name: str) -> None:
    place.put(NAME, VALUE.encode())
    with pytest.raises(BadSecretName):
        read_secret(settings, name)


def test_a_reference_in_the_configuration_becomes_the_value_and_is_not_shown(settings: Settings, place: Place) -> None:
    place.put(NAME, VALUE.encode())
    source = SourceSpec(host="db.example", dbname="hospital", user="reader", password=f"{{{{secret:{NAME}}}}}")
    assert VALUE not in repr(source)
    assert "pässword" in source.resolved(lambda name: read_secret(settings, name))
