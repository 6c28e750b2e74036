"""`pergamon secret`: a value goes in by a file, by standard input or unseen at a terminal, and never comes out."""

import io
import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from pergamon import audit
from pergamon.cli.main import group
from pergamon.deploy import BadSecretName, BadSecretValue, SecretMissing
from pergamon.kernel import Invalid
from pergamon.runtime import Runtime
from pergamon.starter_kits import copy_kit

VALUE = "tr\u00e9s-s\u00e9cret 7c1"


@pytest.fixture
def rt(rt: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    monkeypatch.setenv("PERGAMON_HOME", str(rt.settings.home))
    monkeypatch.setenv("PERGAMON_DATABASE_URL", str(rt.settings.database_url))
    for name in ("CREDENTIALS_DIRECTORY", "PERGAMON_SECRET_SOURCE_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return rt


def pergamon(*words: str) -> None:
    group.main(list(words), standalone_mode=False)


def trail(rt: Runtime) -> list[tuple[str, str]]:
    with rt.begin(rt.operator()) as uow:
        entries = audit.read_trail(uow)
    assert VALUE not in str(entries)
    return [(entry.code, entry.subject) for entry in reversed(entries) if entry.code.startswith("deploy.secret")]


def test_a_secret_is_set_replaced_listed_and_removed(
    rt: Runtime, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "value").write_text("the first\n")
    pergamon("secret", "set", "a", "--from-file", str(tmp_path / "value"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(VALUE.encode() + b"\r\n")))
    pergamon("secret", "set", "a", "--from-file", "-")
    assert rt.secret("a") == VALUE
    (rt.settings.secrets / "a").chmod(0o644)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(VALUE.encode())))
    pergamon("secret", "set", "a", "--from-file", "-")
    assert (rt.settings.secrets / "a").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("PERGAMON_SECRET_A", "another")
    monkeypatch.setenv("PERGAMON_SECRET_B_C", "another")
    capsys.readouterr()
    pergamon("secret", "ls")
    assert capsys.readouterr().out == "a: file, environment\nb-c: environment\n"
    pergamon("secret", "rm", "a")
    assert not (rt.settings.secrets / "a").exists()
    assert trail(rt) == [
        *[("deploy.secret_set", "secret:a")] * 3,
        ("deploy.secret_removed", "secret:a"),
    ]
    with pytest.raises(SecretMissing):
        pergamon("secret", "rm", "a")
    assert len(trail(rt)) == 4


def test_what_a_task_needs_and_nobody_has_is_listed(
    rt: Runtime, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_kit("health-data-accelerator", tmp_path / "kit")
    pergamon("deploy", "-C", str(tmp_path / "kit"))
    capsys.readouterr()
    pergamon("secret", "ls")
    told = "source-password: nowhere, and a task needs it: pergamon secret set source-password\n"
    assert capsys.readouterr().out == told


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo", b"nul\0", b"x" * (64 * 1024 + 1), b"\xff"])
def test_what_cannot_be_a_value_is_refused_and_not_repeated(rt: Runtime, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "value").write_bytes(content)
    with pytest.raises(Invalid) as refused:
        pergamon("secret", "set", "a", "--from-file", str(tmp_path / "value"))
    assert isinstance(refused.value, BadSecretValue) or "UTF-8" in refused.value.message
    assert trail(rt) == []
    assert not rt.settings.secrets.exists()


@pytest.mark.parametrize("name", ["../a", "a b", ".a", ""])
def test_what_cannot_be_a_name_reaches_neither_disk_nor_trail(rt: Runtime, tmp_path: Path, name: str) -> None:
    (tmp_path / "value").write_text(VALUE)
    for words in (("set", name, "--from-file", str(tmp_path / "value")), ("rm", name)):
        with pytest.raises(BadSecretName):
            pergamon("secret", *words)
    assert trail(rt) == []


def test_at_a_terminal_it_is_asked_for_and_not_echoed(rt: Runtime) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pergamon.cli", "secret", "set", "a"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    while b"not shown" not in shown:
        shown += os.read(ours, 1000)
    time.sleep(0.3)  # until getpass has turned the echo off: what was typed before that is flushed
    os.write(ours, VALUE.encode() + b"\n")
    while b"kept in" not in shown:
        shown += os.read(ours, 1000)
    assert process.wait(30) == 0
    os.close(ours)
    assert VALUE.encode() not in shown
    assert rt.secret("a") == VALUE


def test_without_a_terminal_the_ways_are_named(rt: Runtime) -> None:
    command = [sys.executable, "-m", "pergamon.cli", "secret", "set", "a"]
    done = subprocess.run(command, input=VALUE, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--from-file -" in done.stderr
    assert VALUE not in done.stdout + done.stderr
