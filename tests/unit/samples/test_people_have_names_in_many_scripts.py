"""The names that the rows pick from stay in step: six family and six given names a script."""

import unicodedata

import pytest

from pergamon.samples.people_names import FAMILY_NAMES, GIVEN_NAMES, SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_has_six_family_and_six_given_names(script: tuple[str, str]) -> None:
    family, given = script
    assert len(set(family.split())) == 6
    assert len(set(given.split())) == 6


def test_the_names_span_many_scripts_and_directions() -> None:
    letters = "".join(FAMILY_NAMES + GIVEN_NAMES)
    scripts = {unicodedata.name(letter).split()[0] for letter in letters if letter.isalpha()}
    assert {"LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW", "CJK", "HIRAGANA", "HANGUL", "DEVANAGARI"} <= scripts
    assert any(ord(letter) > 0xFFFF for letter in letters), "one name needs four bytes in UTF-8"
