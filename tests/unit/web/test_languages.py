"""Every text of the portal is said in every language, with its values in it; and which language somebody gets."""

import re
from pathlib import Path

import pytest

from pergamon.web.pages.language import LANGUAGES, SOURCE, best_of, language
from pergamon.web.pages.rendering import TEMPLATES, environment, marked_up
from pergamon.web.pages.said import SAID
from pergamon.web.translations import FOLDER, as_text, kept, lacks, renewed, texts

OTHERS = sorted(LANGUAGES.keys() - {SOURCE})


@pytest.mark.parametrize("code", OTHERS)
def test_a_catalogue_has_exactly_the_texts_of_the_portal_each_translated(code: str) -> None:
    """When this fails: `python -m pergamon.web.translations`, then translate what it names in the `.po` file."""
    assert as_text(renewed(code)) == (FOLDER / f"{code}.po").read_bytes()
    assert lacks(kept(code)) == []


def test_texts_are_found_in_templates_and_in_code() -> None:
    found = {message.id for message in texts()}
    assert {"Sign in", SAID["signed-out"], "Try again in %(seconds)s s."} <= found


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_template_has_a_text_that_nobody_can_translate(path: Path) -> None:
    """Letters between tags stand in `_()`; what is the same in every language is in `<code>`, or named here."""
    text = re.sub(r"{#.*?#}|{%.*?%}|<code>.*?</code>|<title>.*?</title>", "", path.read_text(), flags=re.DOTALL)
    text = re.sub(r"{{.*?}}", "", text, flags=re.DOTALL)
    bare = [said.strip() for said in re.findall(r">([^<>]+)<", text) if re.search(r"[A-Za-z]{3}", said)]
    assert set(bare) <= {"Pergamon", "heart-study", "diagnosis", "string", "date", "CSV", "Parquet"}, path


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_template_can_be_read(code: str) -> None:
    for path in TEMPLATES.rglob("*.html"):
        environment(code).get_template(str(path.relative_to(TEMPLATES)))


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"), ("de", "de"), ("de-AT,de;q=0.9,en;q=0.5", "de"), ("fr,de;q=0.1", "de"), ("en-GB,de;q=0.9", "en"),
        ("fr", "en"), ("*", "en"), ("de;q=0", "en"), ("de;q=x", "en"), ("de;q=0.1,en;q=0.2", "en"), ("xx" * 9999, "en"),
    ],
)  # fmt: skip
def test_the_browser_gets_the_language_that_it_likes_best(header: str, code: str) -> None:
    assert best_of(header) == code


def test_numbers_times_and_sizes_are_written_as_the_language_does() -> None:
    english, german = language("en"), language("de")
    assert (english.number(1234567), german.number(1234567)) == ("1,234,567", "1.234.567")
    assert (english.size(812_000), german.size(1_234_000)) == ("812 kB", "1,2 MB")
    assert english.moment("2026-03-01T12:00:00+01:00") == "1 Mar 2026, 11:00:00 UTC"
    assert german.lasted(3210) == "3,2 s"
    assert german.text("Sign in") == "Anmelden"


def test_met_words_are_marked_and_everything_else_is_escaped() -> None:
    assert marked_up("a <b> & c", [[2, 5]]) == "a <mark>&lt;b&gt;</mark> &amp; c"
    assert marked_up("<i>", None) == "&lt;i&gt;"
    assert marked_up("abc", [[2, 9], [-1, 2], [1, 1]]) == "abc"
    assert marked_up("abcd", [[0, 2], [1, 3]]) == "<mark>ab</mark>cd"
