"""The fields that say how a column is given: which mask, and what it takes; together a mask as people write it.

Whether it fits, the rooms say: what is missing or wrong is written down as it came, and told beside its fields.
"""

import re
from collections.abc import Mapping, Sequence

from pergamon.kernel import PergamonError
from pergamon.policy import MaskAction, UnfitMask, parse_mask, written_name
from pergamon.policy.masks import DAYS, WIDTHS
from pergamon.web.pages.forms import FormNotValid

OF_MASK = frozenset({"mask", "width", "days", "anchor"})
"""The fields: the mask's name, how wide its bands are, how far and by whose column its dates are moved."""
COLUMN = "column."
"""What the fields of the column with that number begin with: `column.0.mask`."""

LIMITS = {"width": (WIDTHS[0], WIDTHS[-1]), "days": (DAYS[0], DAYS[-1])}
"""The least and the most that the fields of numbers take."""

Rows = Mapping[int, Mapping[str, str]]


class NotFitting(FormNotValid):
    """Some fields of a form do not fit what they are for. beside: what is told at each of them."""

    def __init__(self, beside: Mapping[str, PergamonError | str]) -> None:
        super().__init__(dict.fromkeys(beside, "value_error"))
        self.beside = beside


def mask_written(fields: Mapping[str, str]) -> str:
    """`age-band(10)` of the fields that were sent; empty: the column is given as it is."""
    chosen = fields.get("mask", "").strip()
    match chosen:
        case MaskAction.AGE_BAND:
            return f"{chosen}({fields.get('width', '').strip()})"
        case MaskAction.SHIFT_DATE:
            anchor = fields.get("anchor", "").strip()
            return f"{chosen}({fields.get('days', '').strip()}, {written_name(anchor) if anchor else ''})"
        case _:
            return chosen


def fields_of(mask: str) -> dict[str, str]:
    """The fields that say this mask; one that cannot be read stands in its field as it is written."""
    try:
        named = parse_mask(mask)
    except UnfitMask:
        return {"mask": mask}
    told = {"width": named.width, "days": named.days, "anchor": named.anchor}
    return {"mask": named.action.value} | {name: str(value) for name, value in told.items() if value is not None}


def offered(fitting: Sequence[MaskAction], there: str) -> list[str]:
    """The masks that a column can have, and the one that stands there."""
    names = [action.value for action in fitting]
    return [*([there] if there and there not in names else []), *names]


def numbered(fields: Mapping[str, Mapping[str, str]], known: frozenset[str]) -> dict[int, Mapping[str, str]]:
    """Fields by number.

    Raises:
        FormNotValid: one has no number, or is none of these.
    """
    if any(re.fullmatch("[0-9]{1,5}", number) is None for number in fields):
        raise FormNotValid({"(unknown)": "extra_forbidden"})
    if any(set(one) - known for one in fields.values()):
        raise FormNotValid({"(unknown)": "extra_forbidden"})
    return {int(number): one for number, one in fields.items()}
