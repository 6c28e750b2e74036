"""If-Match and If-None-Match, as a truth table (RFC 9110, sections 13.1.1 and 13.1.2)."""

import pytest

from pergamon.objects.conditions import BadCondition, ConditionFailed, require_condition

E = "e1"
TABLE = [
    # what stands there, If-Match, If-None-Match, may pass
    (None, None, None, True),
    (E, None, None, True),
    (None, "*", None, False),
    (E, "*", None, True),
    (E, '"e1"', None, True),
    (E, "e1", None, True),
    (E, '"e2"', None, False),
    (E, '"e2", "e1"', None, True),
    (E, 'W/"e1"', None, False),
    (None, '"e1"', None, False),
    (None, None, "*", True),
    (E, None, "*", False),
    (E, None, '"e1"', False),
    (E, None, 'W/"e1"', False),
    (E, None, '"e2"', True),
    (None, None, '"e1"', True),
    (E, '"e1"', "*", False),
    (None, "*", "*", False),
]


@pytest.mark.parametrize(("there", "if_match", "if_none_match", "passes"), TABLE)
def test_a_write_passes_when_the_object_is_the_one_expected(
    there: str | None, if_match: str | None, if_none_match: str | None, passes: bool
) -> None:
    if passes:
        require_condition(there, if_match=if_match, if_none_match=if_none_match)
        return
    with pytest.raises(ConditionFailed):
        require_condition(there, if_match=if_match, if_none_match=if_none_match)


@pytest.mark.parametrize("condition", ["", '"', '"a', "a b", '"a" "b"', "**", 'w/"a"', '"a",,"b"', '"a\x00"'])
def test_a_condition_that_cannot_be_read_is_said(condition: str) -> None:
    with pytest.raises(BadCondition):
        require_condition(E, if_match=condition, if_none_match=None)
