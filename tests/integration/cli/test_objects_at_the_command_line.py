"""`put`, `get`, `rm` and `object …`, as a client of a real server and as the operator acting for a person."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pergamon import identity, objects
from pergamon.cli import object_client
from pergamon.cli.main import group
from pergamon.kernel import Kind, NotFound, PergamonError
from pergamon.runtime import Runtime
from pergamon.store import FeedPosition
from tests.reference.shelves import OPERATOR, Shelves, shelves_in

Pergamon = Callable[..., str]


@pytest.fixture
def shelves(rt: Runtime) -> Iterator[Shelves]:
    with shelves_in(rt) as shelves:
        yield shelves


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What somebody has on their own machine."""
    (tmp_path / "own" / "year=2024").mkdir(parents=True)
    (tmp_path / "own" / "patients.csv").write_bytes(b"id\n1\n")
    (tmp_path / "own" / "year=2024" / "ct 😀.csv").write_bytes(b"id\n2\n")
    (tmp_path / "own" / ".hidden").write_bytes(b"x")
    (tmp_path / "own" / "link.csv").symlink_to(tmp_path / "own" / "patients.csv")
    return tmp_path / "own"


@pytest.fixture
def pergamon(shelves: Shelves, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pergamon:
    """Run a command as a client; `by`: whose token."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def run(*words: str, by: str = "wes", given: bytes = b"") -> str:
        monkeypatch.setenv("PERGAMON_TOKEN", shelves.tokens[by])
        arguments = [*words, "--server", shelves.address]
        outcome = CliRunner().invoke(group, arguments, standalone_mode=False, input=given)
        if outcome.exception is not None:
            raise outcome.exception
        return outcome.stdout

    return run


def test_a_folder_goes_up_and_comes_down_again(pergamon: Pergamon, folder: Path, tmp_path: Path) -> None:
    told = pergamon("put", str(folder), "shelf/open/medical", "--tag", "origin=ward 3")
    assert "2 objects put" in told
    listed = json.loads(pergamon("object", "ls", "shelf/open/", "--recursive", "--json", by="rea"))["objects"]
    assert [o["key"] for o in listed] == ["open/medical/patients.csv", "open/medical/year=2024/ct 😀.csv"]
    assert {(o["tags"]["origin"], o["content_type"]) for o in listed} == {("ward 3", "text/csv")}
    assert "open/medical/" in pergamon("object", "ls", "shelf/open/")
    assert pergamon("object", "ls") == "shelf/\n"
    assert pergamon("ls", "shelf/open/") == pergamon("object", "ls", "shelf/open/")
    got = json.loads(pergamon("get", "shelf/open/medical/", str(tmp_path / "down"), "--json", by="rea"))
    assert [one["key"] for one in got["objects"]] == [one["key"] for one in listed]
    assert got["failed"] == 0
    assert (tmp_path / "down" / "year=2024" / "ct 😀.csv").read_bytes() == b"id\n2\n"
    assert list((tmp_path / "down").rglob("*.part")) == []


def test_a_file_keeps_its_name_unless_the_target_has_its_suffix(pergamon: Pergamon, folder: Path) -> None:
    file = str(folder / "patients.csv")
    for target in ("shelf/open/a", "shelf/open/b/", "shelf/open/c.csv"):
        pergamon("put", file, target)
    listed = json.loads(pergamon("object", "ls", "shelf/open/", "--recursive", "--json"))["objects"]
    assert [o["key"] for o in listed] == ["open/a/patients.csv", "open/b/patients.csv", "open/c.csv"]


def test_standard_input_becomes_an_object_with_the_name_that_was_given(pergamon: Pergamon, tmp_path: Path) -> None:
    pergamon("put", "-", "shelf/open/piped.csv", given=b"id\n7\n")
    pergamon("get", "shelf/open/piped.csv", str(tmp_path / "piped.csv"))
    assert (tmp_path / "piped.csv").read_bytes() == b"id\n7\n"
    assert "1 unchanged" in pergamon("put", "-", "shelf/open/piped.csv", "--skip-unchanged", given=b"id\n7\n")
    for words in (("put", "-", "shelf/open/"), ("put", "-", "shelf"), ("put", "-", str(tmp_path), "shelf/open/x")):
        with pytest.raises(click.UsageError, match="stands alone"):
            pergamon(*words, given=b"x")


def test_a_misspelled_bucket_is_told_with_the_near_ones_that_one_reaches(pergamon: Pergamon, folder: Path) -> None:
    file = str(folder / "patients.csv")
    for wrong in ("shelff", "Shelf", "s_helf", "sh"):
        for words in (
            ("put", str(folder), f"{wrong}/open"),
            ("put", file, f"{wrong}/open/p.csv", "--skip-unchanged"),
            ("get", f"{wrong}/open/p.csv", "-"),
            ("ls", f"{wrong}/open/"),
            ("rm", f"{wrong}/open/p.csv"),
            ("object", "tag", f"{wrong}/open/p.csv"),
        ):
            with pytest.raises(NotFound) as caught:
                pergamon(*words)
            assert caught.value.message == f"there is no bucket {wrong}, or you may not reach anything in it"
            assert "did you mean shelf? a bucket's name has 3 to 63 of a-z, 0-9 and dash" in (caught.value.hint or "")


def test_a_hidden_bucket_is_neither_near_nor_told_from_one_that_is_not_there(pergamon: Pergamon) -> None:
    said = []
    for name in ("cellar", "cellarr"):
        with pytest.raises(NotFound) as caught:
            pergamon("get", f"{name}/x", "-")
        said.append(str(caught.value).replace(name, "NAME"))
    assert said[0] == said[1]
    assert "did you mean" not in said[0]


def test_what_is_there_already_is_not_sent_again(pergamon: Pergamon, folder: Path) -> None:
    pergamon("put", str(folder), "shelf/open/m")
    (folder / "patients.csv").write_bytes(b"id\n3\n")
    told = json.loads(pergamon("put", str(folder), "shelf/open/m", "--skip-unchanged", "--json"))
    assert ([o["key"] for o in told["objects"]], told["skipped"]) == (["open/m/patients.csv"], 1)
    with pytest.raises(PergamonError) as caught:
        pergamon("put", str(folder / "patients.csv"), "shelf/open/m", "--if-none-match", "*")
    assert caught.value.kind is Kind.CONFLICT


def test_versions_tags_and_removal(pergamon: Pergamon, folder: Path, tmp_path: Path) -> None:
    file, name = folder / "patients.csv", "shelf/open/p.csv"
    pergamon("put", str(file), name)
    file.write_bytes(b"second")
    pergamon("put", str(file), name)
    versions = json.loads(pergamon("object", "versions", name, "--json"))["versions"]
    assert [v["is_current"] for v in versions] == [True, False]
    pergamon("get", name, str(tmp_path / "old.csv"), "--version", versions[1]["version"])
    assert (tmp_path / "old.csv").read_bytes() == b"id\n1\n"
    pergamon("object", "tag", name, "a=1", "b=2")
    assert pergamon("object", "tag", name, "--remove", "a", "c=") == "b=2\nc=\n"
    pergamon("put", str(file), name)
    assert pergamon("object", "tag", name) == "b=2\nc=\n"
    pergamon("put", str(file), name, "--tag", "d=4")
    assert pergamon("object", "tag", name) == "d=4\n"
    pergamon("put", str(file), name, "--no-tags")
    assert pergamon("object", "tag", name) == ""
    with pytest.raises(PergamonError) as caught:
        pergamon("rm", name, "--for-good", "--yes")
    assert caught.value.kind is Kind.DENIED
    pergamon("rm", name)
    with pytest.raises(PergamonError) as caught:
        pergamon("get", name, str(tmp_path / "gone.csv"))
    assert caught.value.kind is Kind.NOT_FOUND
    pergamon("rm", name, "--for-good", "--yes", by="sue")
    with pytest.raises(PergamonError) as caught:
        pergamon("object", "versions", name)
    assert caught.value.kind is Kind.NOT_FOUND


def test_a_broken_download_goes_on_and_a_file_in_the_way_stays(
    pergamon: Pergamon, shelves: Shelves, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 8000
    shelves.wes.put("/api/v1/buckets/shelf/objects/open/big.bin", content=content)
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / f".big.bin.{digest[:16]}.part").write_bytes(content[:1_000_000])
    pergamon("get", "shelf/open/big.bin", str(tmp_path / "big.bin"))
    assert (tmp_path / "big.bin").read_bytes() == content
    assert list(tmp_path.glob(".big*")) == []
    (tmp_path / "mine").write_bytes(b"mine")
    with pytest.raises(PergamonError, match="there already"):
        pergamon("get", "shelf/open/big.bin", str(tmp_path / "mine"))
    assert (tmp_path / "mine").read_bytes() == b"mine"
    (tmp_path / f".big.bin.{digest[:16]}.part").write_bytes(b"not its beginning")
    with pytest.raises(PergamonError, match="not what was sent"):
        pergamon("get", "shelf/open/big.bin", str(tmp_path / "big.bin"), "--force")
    pergamon("get", "shelf/open/big.bin", str(tmp_path / "big.bin"), "--force")


def test_a_large_file_goes_in_pieces_and_on_after_a_cut(
    pergamon: Pergamon, shelves: Shelves, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends after the second piece; the same command run again sends only what is missing."""
    monkeypatch.setattr(object_client, "RESUMABLE_FROM_BYTES", 1_000_000)
    monkeypatch.setattr(object_client, "PIECE_BYTES", 500_000)
    content = bytes(range(256)) * 10_000
    (folder / "big.bin").write_bytes(content)
    honest, sent = object_client.ServerPlace.answer, [0]

    def cut(place: object_client.ServerPlace, method: str, path: str, **request: object) -> object:
        if method == "PATCH":
            sent[0] += 1
            if sent[0] == 3:
                raise KeyboardInterrupt
        return honest(place, method, path, **request)

    monkeypatch.setattr(object_client.ServerPlace, "answer", cut)
    with pytest.raises(click.Abort):
        pergamon("put", str(folder / "big.bin"), "shelf/open/big.bin", "--tag", "a=1")
    told = json.loads(pergamon("put", str(folder / "big.bin"), "shelf/open/big.bin", "--tag", "a=1", "--json"))
    assert told["objects"][0]["sha256"] == hashlib.sha256(content).hexdigest()
    assert sent[0] == 3 + 4
    assert shelves.rea.get("/api/v1/buckets/shelf/objects/open/big.bin").content == content
    assert len(json.loads(pergamon("object", "versions", "shelf/open/big.bin", "--json"))["versions"]) == 1


def test_what_may_not_be_reached_is_not_found_and_stands_in_the_trail(
    pergamon: Pergamon, folder: Path, rt: Runtime
) -> None:
    pergamon("put", str(folder / "patients.csv"), "shelf/own/p.csv")
    for words in (
        ("get", "shelf/own/p.csv", "-"),
        ("rm", "shelf/own/p.csv"),
        ("object", "versions", "shelf/own/p.csv"),
    ):
        with pytest.raises(PergamonError) as caught:
            pergamon(*words, by="rea")
        assert caught.value.kind is Kind.NOT_FOUND
    with pytest.raises(PergamonError) as caught:
        pergamon("put", str(folder / "patients.csv"), "shelf/open/x.csv", by="rea")
    assert caught.value.kind is Kind.DENIED
    with rt.begin(OPERATOR) as uow:
        denied = uow.rows("SELECT subject FROM audit_event WHERE code = 'policy.denied' OR code LIKE '%%denied%%'")
    assert len([row for row in denied if row["subject"] == "object:shelf/own/p.csv"]) >= 3


def test_the_operator_needs_a_person_to_act_for(
    shelves: Shelves, rt: Runtime, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PERGAMON_HOME", str(rt.settings.home))
    monkeypatch.setenv("PERGAMON_DATABASE_URL", str(rt.settings.database_url))
    outcome = CliRunner().invoke(group, ["put", str(folder), "shelf/open"])
    assert (outcome.exit_code, "--server URL" in outcome.output) == (2, True)
    with rt.begin(OPERATOR) as uow:
        identity.put_role(uow, "writer", identity.RoleSpec(impersonable=True), {})
    for words in (
        ["put", str(folder), "shelf/open", "--json"],
        ["object", "ls", "shelf/open/"],
        ["get", "shelf/open/patients.csv", str(tmp_path / "p.csv")],
        ["object", "tag", "shelf/open/patients.csv", "a=1"],
        ["rm", "shelf/open/patients.csv"],
    ):
        outcome = CliRunner().invoke(group, ["--as", "person:wes", *words], standalone_mode=False)
        assert outcome.exception is None, (words, outcome.output)
    assert (tmp_path / "p.csv").read_bytes() == b"id\n1\n"
    with rt.begin(OPERATOR) as uow:
        event = objects.read_events(uow, FeedPosition())[0]
    assert event.actor.startswith("operator:")
    assert event.actor.endswith(" as person:wes")


def test_the_operator_sees_how_drop_directories_stand(
    shelves: Shelves, rt: Runtime, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERGAMON_HOME", str(rt.settings.home))
    monkeypatch.setenv("PERGAMON_DATABASE_URL", str(rt.settings.database_url))
    with rt.begin(OPERATOR) as uow:
        spec = objects.DropDirectorySpec(path=str(folder.resolve()), bucket="shelf", prefix="own", settle_s=0.5)
        objects.put_drop_directory(uow, f"shelf:{folder}", spec)
        identity.put_role(uow, "writer", identity.RoleSpec(impersonable=True), {})
    place = rt.drop_place()
    for second in range(3):
        place.clock_s = lambda second=second: float(10 * second)  # type: ignore[misc]
        objects.drop_step(place)
    said = CliRunner().invoke(group, ["object", "drops"]).output
    assert "-> shelf/own: 2 files copied" in said
    assert "not taken: link.csv: it is a link" in said
    told = json.loads(CliRunner().invoke(group, ["object", "drops", "--json"]).stdout)["drop_directories"]
    assert (told[0]["copied"], told[0]["not_taken"], told[0]["problem"]) == (2, 1, None)
    refused = CliRunner().invoke(group, ["--as", "person:wes", "object", "drops"], standalone_mode=False).exception
    assert isinstance(refused, PergamonError)
    assert refused.kind is Kind.DENIED


def test_bad_targets_say_what_to_write(pergamon: Pergamon, folder: Path) -> None:
    for words, said in (
        (("put", str(folder / "patients.csv"), "/x"), "names no bucket"),
        (("put", str(folder / "patients.csv"), "shelf/open/../x"), "key"),
        (("put", str(folder / "patients.csv"), "shelf/open", "--tag", "x"), "NAME=VALUE"),
        (("put", str(folder / "patients.csv"), str(folder), "shelf/open"), "become one object"),
    ):
        with pytest.raises(PergamonError, match=said):
            pergamon(*words)
