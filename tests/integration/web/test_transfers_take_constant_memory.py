"""Files of any size pass through the web process, in and out, in the memory of a few pieces."""

import base64
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pergamon.runtime import Runtime, free_port
from pergamon.web.pages.genuine import form_token
from tests.integration.web.test_the_web_process_is_killed import PIECE, TUS, web_process
from tests.reference.served import bearer
from tests.reference.shelves import OBJECTS, configure

BLOCK = bytes(range(256)) * 4096
MIB = 1024**2
MOST_GROWTH = 32 * MIB


def peak_bytes(pid: int) -> int:
    """The most memory that a process has had since the last `forget_peak`."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def forget_peak(pid: int) -> int:
    """Let the peak begin anew. Returns: what is held now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return peak_bytes(pid)


def blocks(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield BLOCK


def form_of(token: str, mebibytes: int) -> Iterator[bytes]:
    """A file with the fields of its form, as a browser without scripts sends it."""
    for name, value in {"form_token": form_token(token), "place": "shelf/open/"}.items():
        yield f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="form"\r\n\r\n'
    yield from blocks(mebibytes)
    yield b"\r\n--b--\r\n"


def transfer(rt: Runtime, mebibytes: int) -> dict[str, int]:
    """Put, get, upload in one long piece, and by a form. Returns: by how many bytes the process grew at each."""
    token, port = configure(rt)["wes"], free_port()
    pairs = {"bucket": "shelf", "key": "open/tus"}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())
    grown: dict[str, int] = {}
    size = str(mebibytes * MIB)
    with (
        web_process(rt, port) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=bearer(token) | TUS, timeout=600) as client,
    ):
        for key in ("open/warm", "open/big"):
            held = forget_peak(process.pid)
            count = 1 if key == "open/warm" else mebibytes
            told = client.put(f"{OBJECTS}/{key}", content=blocks(count)).raise_for_status().json()
            grown["put"] = peak_bytes(process.pid) - held
        digest = hashlib.sha256()
        held = forget_peak(process.pid)
        with client.stream("GET", f"{OBJECTS}/open/big") as got:
            for piece in got.iter_bytes():
                digest.update(piece)
        grown["get"] = peak_bytes(process.pid) - held
        assert digest.hexdigest() == told["sha256"]
        headers = {"Upload-Length": size, "Upload-Metadata": metadata}
        location = client.post("/api/v1/uploads", headers=headers).headers["location"]
        held = forget_peak(process.pid)
        sent = client.patch(location, content=blocks(mebibytes), headers=PIECE | {"Upload-Offset": "0"})
        grown["tus"] = peak_bytes(process.pid) - held
        assert sent.raise_for_status().headers["upload-offset"] == size
        headers = {"Content-Type": "multipart/form-data; boundary=b", "Origin": f"http://127.0.0.1:{port}"}
        held = forget_peak(process.pid)
        came = client.post("/publish", content=form_of(token, mebibytes), headers=headers)
        grown["form"] = peak_bytes(process.pid) - held
        assert came.status_code == 303, came.text
    shutil.rmtree(rt.settings.lake)  # nobody wants to keep these
    return grown


def test_three_hundred_megabytes(rt: Runtime) -> None:
    grown = transfer(rt, 300)
    assert max(grown.values()) < MOST_GROWTH, grown


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_two_gigabytes(rt: Runtime) -> None:
    grown = transfer(rt, 2048)
    assert max(grown.values()) < MOST_GROWTH, grown
