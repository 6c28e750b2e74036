"""A cursor is a place in an order, opaque, and nothing else is taken for one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pergamon.web.pagination import BadCursor, cursor, page, place_in

WORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"))


@given(WORDS, st.integers(-(2**63) + 1, 2**63 - 1))
def test_what_was_put_in_comes_out(word: str, number: int) -> None:
    text = cursor(word, number)
    assert text.isascii()
    assert not set(text) & set("+/=&?#% ")
    assert place_in(text, str, int) == (word, number)


@given(st.text())
def test_anything_else_is_refused_and_never_a_bug(text: str) -> None:
    with pytest.raises(BadCursor):
        place_in(text + "!", str)


def raw(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    ["", "A", "bm90IGpzb24", raw("{}"), raw("[]"), raw("[1]"), raw("[true]"), raw('["a", "b"]'), raw('["\\ud800"]'),
     raw('["\\u0000"]'), raw("null"), raw("[" * 100_000), "ä", "[]"],
)  # fmt: skip
def test_plain_examples_of_what_is_no_cursor_of_a_list_by_name(text: str) -> None:
    with pytest.raises(BadCursor):
        place_in(text, str)


def test_a_number_that_no_list_has_is_refused() -> None:
    with pytest.raises(BadCursor):
        place_in(raw(f"[{2**63}]"), int)


def test_a_page_tells_the_next_only_when_there_is_more() -> None:
    assert page("things", ["a", "b", "c"], 2, cursor) == {"things": ["a", "b"], "next": cursor("b")}
    assert page("things", ["a", "b"], 2, cursor) == {"things": ["a", "b"], "next": None}
    assert page("things", [], 2, cursor) == {"things": [], "next": None}
    assert place_in(None, str) is None
