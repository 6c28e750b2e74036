"""Logging in and out over a real socket, by the API and by `pergamon login`: who enters, and where the token stands."""

import json
import os
import pty
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pergamon import audit, identity
from pergamon.cli.client import login_file
from pergamon.kernel import Actor
from pergamon.runtime import Runtime
from pergamon.web import create_app
from tests.integration.web.test_the_api import bearer, served
from tests.prepared_processes import Command

PASSWORD = "correct horse battery"
WRONG = "wrong horse battery 7"
LOGIN = "/api/v1/login"


@pytest.fixture
def people(rt: Runtime, operator: Actor) -> Runtime:
    with rt.begin(operator) as uow:
        identity.put_role(uow, "data-user", identity.RoleSpec(), {})
        for name in ("uli", "bo", "noa"):
            spec = identity.PrincipalSpec(kind="person", display_name=name, roles=frozenset({"data-user"}))
            identity.put_principal(uow, f"person:{name}", spec, {})
        identity.set_password(uow, "person:uli", PASSWORD)
        identity.set_password(uow, "person:bo", PASSWORD)
    return rt


@pytest.fixture
def server(people: Runtime) -> Iterator[str]:
    with served(create_app(people)) as address:
        yield address


@pytest.fixture
def anyone(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=60) as client:
        yield client


def log_in(client: httpx.Client, person: str = "uli", password: str = PASSWORD, **more: object) -> httpx.Response:
    return client.post(LOGIN, json={"person": person, "password": password, **more})


def trail(rt: Runtime) -> str:
    with rt.begin(rt.operator()) as uow:
        return str(audit.read_trail(uow, limit=1000))


def test_a_password_becomes_a_token_that_is_the_person_until_it_logs_out(anyone: httpx.Client, people: Runtime) -> None:
    answer = log_in(anyone)
    told = answer.json()
    assert (answer.status_code, set(told), told["person"]) == (200, {"token", "valid_until", "person"}, "person:uli")
    assert answer.headers["cache-control"] == "no-store"
    assert anyone.get("/api/v1/me", headers=bearer(told["token"])).json()["id"] == "person:uli"
    other = log_in(anyone).json()["token"]
    assert anyone.post("/api/v1/logout", headers=bearer(told["token"])).json() == {"revoked": True}
    assert anyone.get("/api/v1/me", headers=bearer(told["token"])).status_code == 401
    assert anyone.post("/api/v1/logout", headers=bearer(told["token"])).status_code == 401
    assert anyone.get("/api/v1/me", headers=bearer(other)).status_code == 200, "another login goes on"
    assert told["token"] not in trail(people)


@pytest.mark.parametrize(
    ("person", "password", "status"),
    [
        ("uli", PASSWORD, 200),
        ("person:uli", PASSWORD, 200),
        ("uli", WRONG, 401),
        ("noa", PASSWORD, 401),
        ("nobody", PASSWORD, 401),
        (WRONG, WRONG, 401),
        ("service:web", PASSWORD, 401),
        ("uli", "nul\0 in the middle", 401),
        ("u\u202eli", PASSWORD, 401),
    ],
)
def test_who_enters_and_that_a_refusal_says_nothing(
    anyone: httpx.Client, people: Runtime, person: str, password: str, status: int
) -> None:
    for headers in ({}, bearer("pgm_wrong")):
        answer = anyone.post(LOGIN, json={"person": person, "password": password}, headers=headers)
        assert answer.status_code == status
        if status == 401:
            assert answer.json() == {
                "code": "identity.unauthenticated",
                "message": "the name or the password is wrong",
                "hint": None,
            }
    said = trail(people)
    assert password not in said
    assert WRONG not in said
    assert ("identity.authenticate" in said) is (status == 401)


BAD_BODIES: list[object] = [
    {},
    [],
    {"person": "uli"},
    {"person": "uli", "password": 1},
    {"person": "uli", "password": ""},
    {"person": "", "password": WRONG},
    {"person": "a\0b", "password": WRONG},
    {"person": "x" * 201, "password": WRONG},
    {"person": "uli", "password": WRONG * 100},
    {"person": "uli", "password": WRONG, "admin": True},
    {"person": "uli", "password": WRONG, "previous_token": WRONG * 20},
    {"person": "uli", "password": "\ud800"},
    {"person": "\ud800", "password": WRONG},
    {"person": "uli", "password": WRONG, "previous_token": "\ud800"},
    {"person": "uli", "password": WRONG, "previous_token": 7},
]


def test_a_bad_request_is_told_what_is_wrong_and_never_what_it_sent(anyone: httpx.Client, people: Runtime) -> None:
    for body in BAD_BODIES:
        answer = anyone.post(LOGIN, content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (422, "web.request_not_valid"), body
        assert WRONG not in answer.text
    assert not list(people.settings.logs.glob("incident*"))
    assert anyone.get(LOGIN).status_code == 401, "only POST is public"


@pytest.mark.parametrize("person", ["uli", "nobody"])
def test_after_five_failures_429_says_when_to_come_back(anyone: httpx.Client, person: str) -> None:
    earlier = log_in(anyone).json()["token"]
    assert [log_in(anyone, person, WRONG).status_code for _ in range(5)] == [401] * 5
    answer = log_in(anyone, person)
    assert (answer.status_code, answer.json()["code"]) == (429, "identity.too_many_attempts")
    assert 25 <= int(answer.headers["retry-after"]) <= 30
    assert log_in(anyone, "bo").status_code == 200, "others are not kept waiting"
    assert anyone.get("/api/v1/me", headers=bearer(earlier)).status_code == 200, "nor who is in already"
    again = log_in(anyone, person, previous_token=earlier).status_code
    assert again == (200 if person == "uli" else 429)


def test_when_too_many_log_in_at_once_it_is_said_when_to_come_back(anyone: httpx.Client, people: Runtime) -> None:
    turns = people.login_turns
    turns.longest_wait_s = 0.05
    with turns.one(), turns.one():
        answer = log_in(anyone)
    assert (answer.status_code, answer.json()["code"]) == (503, "identity.login_busy")
    assert answer.headers["retry-after"] == "5"
    assert log_in(anyone).status_code == 200


class Terminal:
    """`pergamon` as a person types it, with a home of its own."""

    def __init__(self, rt: Runtime, home: Path) -> None:
        self.config = home / "config"
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(self.config),
            "PERGAMON_HOME": str(rt.settings.home),
            "PERGAMON_DATABASE_URL": rt.settings.database_url or "",
        }

    def run(self, *words: str, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
        done = Command("pergamon.cli", *words, env=self.environment | environment, given=given).completed()
        assert "Traceback" not in done.stderr
        assert "internal error" not in done.stderr, done.stderr
        for secret in (PASSWORD, WRONG):
            assert secret not in done.stdout + done.stderr
        return done

    def log_in(self, server: str, person: str = "uli", password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
        return self.run("login", "--server", server, "--person", person, given=password.encode() + b"\n")

    def files(self) -> list[Path]:
        return sorted((self.config / "pergamon").glob("*"))

    def type(self, answers: list[tuple[bytes, bytes]], *words: str) -> tuple[int, bytes]:
        """At a real terminal: each answer after its question has been seen."""
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "pergamon.cli", *words]
        process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=self.environment, start_new_session=True
        )
        os.close(theirs)
        shown = b""
        for question, answer in answers:
            while question not in shown:
                shown += os.read(ours, 1000)
            time.sleep(0.3)  # until the echo is off: what was typed before that is flushed
            os.write(ours, answer + b"\n")
        try:
            while more := os.read(ours, 1000):
                shown += more
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        return process.wait(60), shown


@pytest.fixture
def terminal(people: Runtime, tmp_path: Path) -> Terminal:
    return Terminal(people, tmp_path)


def test_a_login_is_kept_for_its_server_alone_until_the_logout(terminal: Terminal, server: str) -> None:
    assert terminal.run("tables", "--server", server).returncode == 3
    done = terminal.log_in(server)
    assert done.returncode == 0, done.stderr
    assert "person:uli: logged in at" in done.stdout
    [file] = terminal.files()
    assert file.name.startswith("token-127.0.0.1-")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.read_text() not in str(done)
    assert terminal.run("tables", "--server", server).returncode == 0
    assert terminal.run("tables", "--server", f"{server}/").returncode == 0
    port = server.rpartition(":")[2]
    for other in (
        f"http://localhost:{port}",
        f"http://[::1]:{port}",
        f"{server}/elsewhere",
        f"https://127.0.0.1:{port}",
    ):
        refused = terminal.run("tables", "--server", other)
        assert (refused.returncode, "there is no token" in refused.stderr) == (3, True), other
    token = file.read_text()
    out = terminal.run("logout", "--server", server)
    assert (out.returncode, terminal.files()) == (0, [])
    assert httpx.get(f"{server}/api/v1/me", headers=bearer(token)).status_code == 401
    assert terminal.run("logout", "--server", server).returncode == 4


def test_which_token_goes_before_which(terminal: Terminal, server: str, people: Runtime, tmp_path: Path) -> None:
    terminal.log_in(server)
    wrong = tmp_path / "wrong.token"
    wrong.write_text("pgm_wrong")
    wrong.chmod(0o600)
    good = terminal.files()[0].read_text()
    asked = ("tables", "--server", server)
    assert terminal.run(*asked).returncode == 0
    assert terminal.run(*asked, "--token-file", str(wrong)).returncode == 3
    assert terminal.run(*asked, PERGAMON_TOKEN="pgm_wrong").returncode == 3
    both = terminal.run(*asked, "--token-file", str(wrong), PERGAMON_TOKEN=good)
    assert both.returncode == 0
    assert "PERGAMON_TOKEN is set, and goes before" in both.stderr
    words = ("login", "--server", server, "--person", "uli")
    again = terminal.run(*words, given=PASSWORD.encode(), PERGAMON_TOKEN="pgm_wrong")
    assert "PERGAMON_TOKEN is set" in again.stderr


@pytest.mark.parametrize("rights", [0o640, 0o604, 0o660, 0o644])
def test_a_kept_token_that_others_may_read_is_not_used(terminal: Terminal, server: str, rights: int) -> None:
    terminal.log_in(server)
    [file] = terminal.files()
    file.chmod(rights)
    for words in (("tables",), ("logout",), ("login", "--person", "uli")):
        refused = terminal.run(*words, "--server", server, given=PASSWORD.encode())
        assert (refused.returncode, "chmod 600" in refused.stderr) == (3, True), words
    file.chmod(0o600)
    assert terminal.run("tables", "--server", server).returncode == 0


def test_a_failed_login_changes_nothing_and_a_stranger_keeps_nobody_out_who_was_in(
    terminal: Terminal, server: str, anyone: httpx.Client
) -> None:
    terminal.log_in(server)
    [file] = terminal.files()
    before = file.read_text()
    refused = terminal.log_in(server, password=WRONG)
    assert (refused.returncode, refused.stderr) == (3, "error: the name or the password is wrong\n")
    assert file.read_text() == before
    while log_in(anyone, password=WRONG).status_code != 429:
        pass
    assert terminal.log_in(server).returncode == 0
    file.unlink()
    held = terminal.log_in(server)
    assert (held.returncode, "try again in" in held.stderr) == (6, True)


def test_logging_out_of_what_is_over_tidies_up_and_of_what_does_not_answer_keeps_the_file(
    terminal: Terminal, server: str, anyone: httpx.Client
) -> None:
    terminal.log_in(server)
    [file] = terminal.files()
    anyone.post("/api/v1/logout", headers=bearer(file.read_text()))
    out = terminal.run("logout", "--server", server)
    assert (out.returncode, terminal.files()) == (0, [])
    assert "was over already" in out.stdout
    terminal.log_in(server)
    dead = "http://127.0.0.1:1"
    file.rename(file.with_name(login_name(dead)))
    assert terminal.run("logout", "--server", dead).returncode == 6
    assert len(terminal.files()) == 1


def login_name(server: str) -> str:
    return login_file(server).name


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://example.org", 3),
        ("https://", 2),
        ("http://h:port", 2),
        ("http://[", 2),
        ("ftp://127.0.0.1:21", 2),
        ("http://u:p@127.0.0.1:8620", 2),
        ("data.example.org", 2),
        ("http://127.0.0.1:1", 6),
    ],
)
def test_a_password_is_asked_for_only_by_a_server_it_may_travel_to(terminal: Terminal, address: str, code: int) -> None:
    done = terminal.log_in(address)
    assert (done.returncode, terminal.files()) == (code, []), done.stderr


@pytest.mark.parametrize("given", [b"", b"\n", b"one\ntwo", b"\xff" * 20])
def test_what_is_piped_in_must_be_one_line_of_text(terminal: Terminal, server: str, given: bytes) -> None:
    for words in (("login", "--server", server, "--person", "uli"), ("person", "set-password", "uli")):
        assert terminal.run(*words, given=given).returncode == 2
    assert terminal.run("login", "--server", server, given=PASSWORD.encode()).returncode == 2, "nobody to ask the name"


def test_at_a_terminal_a_password_is_asked_for_twice_and_never_shown(
    terminal: Terminal, server: str, people: Runtime
) -> None:
    new = "schöne grüne Wiese".encode()
    answers = [(b"New password of person:noa", new), (b"Repeat", new)]
    code, shown = terminal.type(answers, "person", "set-password", "noa")
    assert code == 0, shown
    assert b"person:noa: password set; 0 logins" in shown
    asked = [(b"Person", b"noa"), (b"Password of noa", new)]
    code, entered = terminal.type(asked, "login", "--server", server)
    assert code == 0, entered
    assert b"person:noa: logged in" in entered
    assert new not in shown + entered


def test_the_operator_sets_a_password_and_ends_the_logins_before_it(
    terminal: Terminal, server: str, people: Runtime
) -> None:
    terminal.log_in(server)
    done = terminal.run("person", "set-password", "uli", "--from-stdin", given=b"another long password\r\n")
    assert done.stdout == "person:uli: password set; 1 login with the one before revoked\n"
    assert "still work" in done.stderr
    assert terminal.run("tables", "--server", server).returncode == 3
    assert terminal.log_in(server).returncode == 3
    assert terminal.log_in(server, password="another long password").returncode == 0
    assert terminal.run("person", "set-password", "uli", given=b"short").returncode == 2
    assert terminal.run("person", "set-password", "nobody", given=PASSWORD.encode()).returncode == 4
    listed = terminal.run("person", "ls").stdout.splitlines()
    assert [line.split() for line in listed] == [
        ["person:bo", "active", "password", "data-user"],
        ["person:noa", "active", "no", "password", "data-user"],
        ["person:uli", "active", "password", "data-user"],
    ]
    told = json.loads(terminal.run("person", "ls", "--json").stdout)
    assert told[1] == {
        "id": "person:noa",
        "display_name": "noa",
        "active": True,
        "has_password": False,
        "roles": ["data-user"],
    }
    assert "argon2" not in str(told)
