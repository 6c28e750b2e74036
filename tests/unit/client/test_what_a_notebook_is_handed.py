"""The Python client by itself: what it imports, what a result becomes, where a token goes."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from pergamon.client import ClientError, NotAnAddress, NotInstalled, NoToken, Result, ServerNotReached, connect

ROWS = pa.table({"id": [1, 2], "said": ["<script>alert(1)</script>", None]})


def result(rows: pa.Table = ROWS, *, truncated: bool = False) -> Result:
    return Result("query_1", truncated, 3, rows)


def test_importing_it_imports_no_room_of_the_server_and_no_arrow() -> None:
    told = "import sys, pergamon.client; print(*sorted(name for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in done.stdout.split() if name.startswith("pergamon.")}
    assert rooms == {"client", "kernel", "settings"}
    assert "pyarrow" not in done.stdout.split()


def test_a_result_is_arrow_as_it_came() -> None:
    assert result().arrow().equals(ROWS)
    assert pa.Table.from_batches(result().batches()).equals(ROWS)
    assert (len(result()), result().columns) == (2, ["id", "said"])


def test_a_result_is_a_data_frame_of_pandas() -> None:
    assert result().pandas()["id"].tolist() == [1, 2]


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_a_library_that_is_not_there_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(NotInstalled, match=name) as missing:
        getattr(result(), name)()
    assert missing.value.hint == f"pip install {name}; or use .arrow()"


def test_a_notebook_shows_values_as_text_and_not_as_a_page() -> None:
    shown = result(truncated=True)._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "2 rows, and there are more" in shown


def test_a_token_stays_on_this_host_or_goes_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERGAMON_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(NoToken, match="without encryption"):
        connect("http://pergamon.example", "a-token")
    with pytest.raises(NotAnAddress):
        connect("pergamon.example", "a-token")
    with pytest.raises(NoToken, match="there is no token"):
        connect("https://pergamon.example")
    file = tmp_path / "token"
    file.write_text("a-token")
    file.chmod(0o644)
    with pytest.raises(NoToken, match="can be read by others"):
        connect("https://pergamon.example", token_file=file)
    with connect("https://pergamon.example", "a-token") as site:
        assert "a-token" not in repr(site)


def test_a_server_that_is_not_there_is_one_error_like_all_others() -> None:
    with connect("http://127.0.0.1:1", "a-token") as site:
        for ask in (site.tables, lambda: site.query("SELECT 1"), lambda: site.search("x")):
            with pytest.raises(ClientError) as failed:
                ask()
            assert isinstance(failed.value, ServerNotReached)
            assert (failed.value.code, failed.value.hint) == ("client.server_not_reached", "is it up?")
