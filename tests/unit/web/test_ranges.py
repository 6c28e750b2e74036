"""A range, read by the grammar of RFC 9110, agrees with the slow way: which bytes of the content does it name?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pergamon.web.digests import BadDigest, digest_header, expected_sha256
from pergamon.web.ranges import ByteRange, RangeNotSatisfiable, read_range

NUMBERS = st.integers(0, 40)
DIGEST = "ab" * 32


@given(NUMBERS, NUMBERS | st.none(), st.integers(0, 30))
def test_first_to_last_names_the_bytes_that_it_says(first: int, last: int | None, size: int) -> None:
    named = [n for n in range(size) if n >= first and (last is None or n <= last)]
    asked = f"bytes={first}-{'' if last is None else last}"
    if last is not None and last < first:
        assert read_range(asked, size) is None
    elif not named:
        with pytest.raises(RangeNotSatisfiable):
            read_range(asked, size)
    else:
        assert read_range(asked, size) == ByteRange(named[0], len(named))


@given(NUMBERS, st.integers(0, 30))
def test_the_last_so_many_are_the_last(wanted: int, size: int) -> None:
    named = list(range(size))[-wanted:] if wanted else []
    if not named:
        with pytest.raises(RangeNotSatisfiable):
            read_range(f"bytes=-{wanted}", size)
    else:
        assert read_range(f"bytes=-{wanted}", size) == ByteRange(named[0], len(named))


@given(st.text(max_size=40), st.integers(0, 30))
def test_whatever_a_header_says_it_is_a_part_of_the_content_or_none(header: str, size: int) -> None:
    try:
        found = read_range(header, size)
    except RangeNotSatisfiable:
        return
    assert found is None or 0 <= found.first < found.first + found.size_bytes <= size


def test_a_digest_is_read_as_it_is_written() -> None:
    assert expected_sha256(digest_header(DIGEST)) == DIGEST
    assert expected_sha256(digest_header(DIGEST), None) == DIGEST
    assert expected_sha256(f"md5=:AAAA:, {digest_header(DIGEST)}") == DIGEST
    assert expected_sha256(None, None) is None


@given(st.text(max_size=60))
def test_a_digest_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(BadDigest):
        expected_sha256(header)
