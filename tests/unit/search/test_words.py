"""Which words stand in a text, where, and which typed words mean them."""

import random

import pytest

from pergamon.search.words import LONGEST_WORD, Match, distance, folded, indexed_words, match, whole, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient_vitals", ["patient", "vitals"]),
        ("PatientVitals", ["patient", "vitals"]),
        ("patientVitalsHR", ["patient", "vitals", "hr"]),
        ("HTTPServer", ["http", "server"]),
        ("HbA1c", ["hb", "a1c"]),
        ("icd10_code", ["icd10", "code"]),
        ("Müller, Ñandú & señor", ["muller", "nandu", "senor"]),
        ("straße STRASSE", ["strasse", "strasse"]),
        ("Øre Łódź æble", ["ore", "lodz", "aeble"]),
        ("δοκιμή 試験", ["δοκιμη", "試験"]),
        ("a.b/c-d e:f", ["a", "b", "c", "d", "e", "f"]),
        ("country=de", ["country", "de"]),
        ("__x__", ["x"]),
        ("½ liter ②", ["12", "liter", "2"]),
        ("", []),
        ("?! \u0000\u202e", []),
    ],
)
def test_a_text_is_cut_into_its_words(text: str, words: list[str]) -> None:
    assert [word.folded for word in words_of(text)] == words


def test_words_know_where_they_stand() -> None:
    text = "Die Patienten­daten: PatientVitals, Müller"
    assert [text[word.start : word.end] for word in words_of(text)][-3:] == ["Patient", "Vitals", "Müller"]


def test_a_name_of_several_words_is_also_found_written_together() -> None:
    assert indexed_words("patient_vitals of PatientVitals") == [
        *("patient", "vitals", "of", "patient", "vitals"),
        *("patientvitals", "patientvitals"),
    ]


def test_a_very_long_word_is_compared_by_its_beginning() -> None:
    assert words_of("a" * 1000)[0].folded == "a" * LONGEST_WORD
    assert words_of("ä" * 1000)[0].folded == "a" * LONGEST_WORD
    assert max(map(len, indexed_words("ab_" * 1000))) == LONGEST_WORD


def test_texts_that_people_call_the_same_are_the_same() -> None:
    assert whole("Patient  vitals (2026)") == whole("patient_vitals 2026") == "patient vitals 2026"


@pytest.mark.parametrize("text", ["Ａ", "ﬁ", "İstanbul", "ǅ", "Ⅷ", "é", "e\u0301"])
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize(
    ("typed", "standing", "is_last", "how"),
    [
        ("patient", "patient", False, Match.EXACT),
        ("pat", "patient", True, Match.PREFIX),
        ("pat", "patient", False, Match.NONE),
        ("patinet", "patient", False, Match.FUZZY),
        ("patents", "patient", False, Match.NONE),
        ("hypertnesoin", "hypertension", False, Match.FUZZY),
        ("hart", "heart", False, Match.FUZZY),
        ("lob", "lab", True, Match.NONE),
        ("mueller", "muller", False, Match.FUZZY),
    ],
)
def test_how_a_typed_word_meets_a_standing_one(typed: str, standing: str, is_last: bool, how: Match) -> None:
    assert match(typed, standing, is_last=is_last) is how


def test_the_distance_is_that_of_the_textbook() -> None:
    """Against a plain recursion over both words, on random ones of few letters."""
    dice = random.Random(7)  # noqa: S311
    for _ in range(500):
        one, other = ("".join(dice.choices("abc", k=dice.randint(0, 6))) for _ in range(2))
        most = dice.randint(0, 3)
        assert distance(one, other, most) == min(slow_distance(one, other), most + 1), (one, other, most)


def slow_distance(one: str, other: str) -> int:
    if not one or not other:
        return len(one) + len(other)
    ways = [slow_distance(one[1:], other) + 1, slow_distance(one, other[1:]) + 1]
    ways.append(slow_distance(one[1:], other[1:]) + (one[0] != other[0]))
    if one[:2] == other[1::-1] and len(one) > 1 and len(other) > 1:
        ways.append(slow_distance(one[2:], other[2:]) + 1)
    return min(ways)
