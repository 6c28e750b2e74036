"""If-Match and If-None-Match: may this write happen, given what stands there now? (RFC 9110, sections 13.1.1, 13.1.2)

An object's etag is the SHA-256 of its content. Decided under the key's lock, so two writers cannot both be first.
"""

import re

from pergamon.kernel import Conflict, Invalid

_TAG = re.compile(r'(W/)?"([^"\x00-\x20]*)"|([A-Za-z0-9_-]+)')
ANYTHING = "*"


class ConditionFailed(Conflict):
    """The object is not, or no longer, what the writer thought it was."""

    code = "objects.condition_failed"


class BadCondition(Invalid):
    code = "objects.bad_condition"
    usual_hint = 'write "*", or the etag as it was answered'


def require_condition(current_etag: str | None, *, if_match: str | None, if_none_match: str | None) -> None:
    """Let a write pass when the object is what the writer expects.

    Args: current_etag: of the object that stands there now, None when there is none; conditions as the headers are
        written: `*`, or etags in quotes with commas between them (a single one may come without quotes).
    Raises:
        ConditionFailed: it is not.
        BadCondition: a condition cannot be read.
    """
    if if_match is not None and not matches(current_etag, if_match, strong=True):
        found = "there is none" if current_etag is None else "it is another"
        raise ConditionFailed(f"the object is not the one expected: {found}", hint="read it again, then decide")
    if if_none_match is not None and matches(current_etag, if_none_match, strong=False):
        raise ConditionFailed("there is such an object already", hint="choose another key, or write with If-Match")


def matches(current_etag: str | None, condition: str, *, strong: bool) -> bool:
    """Does the condition name the object that stands there? A weak etag never matches strongly.

    Raises:
        BadCondition: the condition cannot be read.
    """
    if condition.strip() == ANYTHING:
        return current_etag is not None
    return current_etag in {etag for etag, is_weak in _etags(condition) if not (strong and is_weak)}


def _etags(condition: str) -> list[tuple[str, bool]]:
    found = [_TAG.fullmatch(part.strip()) for part in condition.split(",")]
    if not found or any(match is None for match in found):
        raise BadCondition("a condition is `*` or a list of etags in quotes")
    return [(match[2] if match[3] is None else match[3], match[1] is not None) for match in found if match]
