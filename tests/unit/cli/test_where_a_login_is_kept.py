"""A token is kept for one exact address: what is another server must be another file, and one server one file."""

from pathlib import Path

import pytest

from pergamon.cli.client import NoToken, login_file, without_token
from pergamon.client import NotAnAddress


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "pergamon"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://Data.example.org", "https://data.example.org:443/"),
        ("http://127.0.0.1:8620", "HTTP://127.0.0.1:8620/"),
        ("https://data.example.org/pergamon", "https://data.example.org/pergamon/"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_one_server_written_in_two_ways_has_one_file(one: str, other: str) -> None:
    assert login_file(one) == login_file(other)


def test_two_servers_have_two_files(config: Path) -> None:
    addresses = [
        "http://127.0.0.1:8620",
        "http://127.0.0.1:8621",
        "http://localhost:8620",
        "http://[::1]:8620",
        "https://127.0.0.1:8620",
        "https://data.example.org",
        "https://data.example.org/a",
        "https://data.example.org/b",
        "https://data.example.org.evil.example",
        "https://data_example.org",
    ]
    files = {login_file(address) for address in addresses}
    assert len(files) == len(addresses)
    assert {file.parent for file in files} == {config}


@pytest.mark.parametrize(
    "address",
    ["", "data.example.org", "https://", "https://h:x", "http://[", "ftp://h", "https://u:p@h", "https://h:99999"],
)
def test_what_is_no_address_is_said_so(address: str) -> None:
    with pytest.raises(NotAnAddress, match="not the address of a server"):
        login_file(address)


@pytest.mark.parametrize(
    "address", ["http://data.example.org", "http://127.0.0.1.example.org", "http://192.168.0.1", "http://0.0.0.0:8620"]
)
def test_nothing_secret_travels_unencrypted_to_another_host(address: str) -> None:
    with pytest.raises(NoToken, match="without encryption"):
        without_token(address)
