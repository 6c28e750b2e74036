"""kill -9 of the web process while a client uploads in pieces: the client goes on, and there is one object."""

import base64
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from pergamon.runtime import Runtime, free_port
from tests.reference.served import bearer
from tests.reference.shelves import OBJECTS, configure

CONTENT = bytes(range(256)) * 8192
TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {"Content-Type": "application/offset+octet-stream"}


@contextmanager
def web_process(rt: Runtime, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The web process as `pergamon up` starts it."""
    command = [sys.executable, "-m", "pergamon.web", "--home", str(rt.settings.home), "--port", str(port)]
    environment = os.environ | {"PERGAMON_DATABASE_URL": rt.settings.database_url or ""}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).raise_for_status()
            return
        except httpx.HTTPError:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)


def upload_with_kills(rt: Runtime, seeded: int, kills: int) -> None:
    chance = random.Random(seeded)  # noqa: S311
    token = configure(rt)["wes"]
    port = free_port()
    pairs = {"bucket": "shelf", "key": "open/a"}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())
    killed, location, is_done = 0, "", False
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=bearer(token) | TUS, timeout=30) as client:
        while not is_done:
            with web_process(rt, port) as process:
                try:
                    if not location:
                        headers = {"Upload-Length": str(len(CONTENT)), "Upload-Metadata": metadata}
                        location = client.post("/api/v1/uploads", headers=headers).headers["location"]
                    send_all(client, location, process, chance if killed < kills else None)
                    is_done = True
                    assert client.get(f"{OBJECTS}/open/a").content == CONTENT
                    assert len(client.get("/api/v1/buckets/shelf/versions/open/a").json()["versions"]) == 1
                except httpx.TransportError:
                    assert not is_done
                    assert process.wait(30) == -signal.SIGKILL
                    killed += 1
    assert killed == kills


def send_all(
    client: httpx.Client, location: str, process: subprocess.Popen[bytes], chance: random.Random | None
) -> None:
    """Ask how much has come, and send the rest in pieces; with a `chance`, one of them is the server's last."""
    offset = int(client.head(location).raise_for_status().headers["upload-offset"])
    while offset < len(CONTENT):
        end = min(len(CONTENT), offset + (chance.randint(1, len(CONTENT) // 4) if chance else len(CONTENT)))
        is_last = chance is not None and (end == len(CONTENT) or chance.random() < 0.4)
        dies_at = chance.randint(0, end - offset) if chance and is_last else None
        headers = PIECE | {"Upload-Offset": str(offset), "Content-Length": str(end - offset)}
        answer = client.patch(location, content=pieces(CONTENT[offset:end], dies_at, process), headers=headers)
        assert int(answer.raise_for_status().headers["upload-offset"]) == end
        offset = end


def pieces(content: bytes, dies_at: int | None, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """A body, and the end of the server's life somewhere in it, or just behind it."""
    for start in range(0, len(content), 65536):
        if dies_at is not None and start + 65536 > dies_at:
            process.kill()
        yield content[start : start + 65536]


def test_a_client_goes_on_after_the_web_process_was_killed(rt: Runtime) -> None:
    upload_with_kills(rt, seeded=3, kills=1)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seeded", range(20))
def test_a_client_goes_on_after_many_kills(rt: Runtime, seeded: int) -> None:
    upload_with_kills(rt, seeded, kills=6)
