"""The master key is made once, is only its owner's, and is never silently made again."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pergamon.kernel import Invalid
from pergamon.keys import MasterKeyMissing, MasterKeyUnsafe, derived_key


def key_file(home: Path) -> Path:
    return home / "keys" / "master.key"


def test_a_purpose_has_the_same_key_for_ever_and_no_other_purpose_has_it(tmp_path: Path) -> None:
    heart = derived_key(tmp_path, "mask:heart-study")
    assert len(heart) == 32
    assert derived_key(tmp_path, "mask:heart-study") == heart
    assert derived_key(tmp_path, "mask:other") != heart
    assert derived_key(tmp_path / "elsewhere", "mask:heart-study") != heart


def test_what_is_derived_is_hkdf_of_the_master_key(tmp_path: Path) -> None:
    """A fixed answer: another derivation would give everybody another pseudonym."""
    derived_key(tmp_path, "mask:a")
    key_file(tmp_path).write_bytes(bytes(range(32)))
    assert derived_key(tmp_path, "mask:heart").hex() == (
        "2e20c73667cbdde94aa4ce68cdeb4330292daa5f432565fc248cf4a4bc27df5c"
    )


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    derived_key(tmp_path, "mask:a")
    assert stat.S_IMODE(key_file(tmp_path).stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file(tmp_path).parent.stat().st_mode) == 0o700
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_lost_key_is_an_error_and_not_a_new_key(tmp_path: Path) -> None:
    derived_key(tmp_path, "mask:a")
    key_file(tmp_path).unlink()
    with pytest.raises(MasterKeyMissing):
        derived_key(tmp_path, "mask:a")
    assert not key_file(tmp_path).exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_can_read_is_not_used(tmp_path: Path, mode: int) -> None:
    derived_key(tmp_path, "mask:a")
    key_file(tmp_path).chmod(mode)
    with pytest.raises(MasterKeyUnsafe):
        derived_key(tmp_path, "mask:a")


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_length_is_not_used(tmp_path: Path, content: bytes) -> None:
    derived_key(tmp_path, "mask:a")
    key_file(tmp_path).write_bytes(content)
    with pytest.raises(MasterKeyUnsafe):
        derived_key(tmp_path, "mask:a")


def test_a_link_in_the_place_of_the_key_is_not_followed(tmp_path: Path) -> None:
    derived_key(tmp_path, "mask:a")
    key_file(tmp_path).rename(tmp_path / "moved")
    key_file(tmp_path).symlink_to(tmp_path / "moved")
    with pytest.raises(MasterKeyUnsafe):
        derived_key(tmp_path, "mask:a")


def test_those_who_come_first_together_get_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: derived_key(tmp_path, "mask:a"), range(8)))
    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_no_error_holds_a_key(tmp_path: Path) -> None:
    derived_key(tmp_path, "mask:a")
    secret = key_file(tmp_path).read_bytes()
    key_file(tmp_path).write_bytes(secret + b"\n")
    with pytest.raises(MasterKeyUnsafe) as error:
        derived_key(tmp_path, "mask:a")
    assert secret.hex() not in repr(error.value)
    assert repr(secret)[2:-1] not in repr(error.value)


@pytest.mark.parametrize("purpose", ["", "mask", "mask:", "mask:a:b", "mask:a b", "MASK:a", "mask:a\n"])
def test_a_purpose_is_a_word_and_a_name(tmp_path: Path, purpose: str) -> None:
    with pytest.raises(Invalid):
        derived_key(tmp_path, purpose)
    assert not key_file(tmp_path).exists()
