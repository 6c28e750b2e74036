"""What would a request give? The conditions, what is asked, and what approvers take away, joined. Pure.

Each step only takes away: columns are those that all of them name, rows pass every filter, a column's mask is the
strictest of all, the days are the fewest; it keeps its own masks where all of them say so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pergamon.access.model import BadRequest, ConditionsDoNotFit, Narrowing, Wish, WouldWiden
from pergamon.access.offer import Offer, is_understood
from pergamon.catalog import AccessConditions, bound_mask
from pergamon.kernel import Invalid, sha256_hex
from pergamon.policy import (
    GrantRights,
    Mask,
    PolicyColumn,
    Predicate,
    all_of,
    bind,
    fields_of,
    inner_columns,
    parse_filter,
    row_fields,
    strictest,
)

NAMES_TOLD = 20


@dataclass(frozen=True)
class Shape:
    """What a grant would be: its rights, and its days (None: no end)."""

    rights: GrantRights
    days: int | None


def shaped(offer: Offer, wish: Wish, narrowings: Sequence[Narrowing] = ()) -> Shape:
    """The grant that a wish would become under an offer's conditions, narrowed by those who approve.

    Only the conditions may speak of columns that the listing does not tell of.

    Raises:
        BadRequest: it asks for a column that there is not, or that the listing does not tell of.
        WouldWiden: somebody approves more than was asked.
        ConditionsDoNotFit: the conditions' own masks or filter cannot be had of this table.
        UnfitMask, FilterNotUnderstood, FilterDoesNotFit: what is asked or approved cannot be had of it.
        UnknownColumnType: it asks for a column of which it is not known what is in it.
    """
    conditions = offer.conditions
    listed = [column for column in offer.columns if column.name in offer.listed]
    given = _columns(listed, wish, narrowings)
    given += tuple(inner for column in given for inner in inner_columns(column) if inner.name in offer.listed)
    filters = [*_owners_rows(offer), *_rows(wish.rows, _asked_about(offer))]
    for narrowing in narrowings:
        filters += _rows(narrowing.rows, offer.of_rows)
    masks = [_owners_masks(offer)]
    masks += [_masks(narrowing.masks, offer) for narrowing in narrowings]
    rights = GrantRights(
        columns={column.field_id: _strictest_of(column.field_id, masks) for column in given},
        rows=all_of(filters) if filters else None,
        own_masks=_own_masks(conditions, narrowings),
    )
    return Shape(rights, _days(conditions, wish, narrowings))


def require_no_question(offer: Offer, wish: Wish) -> None:
    """A filter that nobody looks at asks no question about what is not given as it is.

    Raises:
        BadRequest: the wish's filter looks at a column that is not asked for or masked, and nobody decides.
    """
    shown = _as_it_is(offer, shaped(offer, wish).rights)
    if any(not fields_of(predicate) <= shown for predicate in _rows(wish.rows, _asked_about(offer))):
        raise BadRequest(
            "where nobody decides, a row filter looks only at columns that are given as they are",
            hint="ask for its columns too, or leave the filter out",
        )


def require_demands(conditions: AccessConditions, wish: Wish) -> None:
    """Does a wish say what the conditions demand of whoever asks?

    Raises:
        BadRequest: the text is not accepted, or the purpose is none of those that are allowed.
    """
    if conditions.text and wish.accepted != accepted_text(conditions):
        raise BadRequest(
            "the asset's conditions are not accepted",
            hint="read them: `pergamon asset conditions`; then accept them: --accept-conditions",
        )
    if conditions.purposes and wish.purpose not in conditions.purposes:
        allowed = ", ".join(conditions.purposes)
        raise BadRequest("the asset is not given for this purpose", hint=f"the purposes are: {allowed}")
    if wish.renews is not None and not conditions.renewable:
        raise BadRequest("grants on this asset are not renewed", hint="ask for it anew when the grant has ended")


def accepted_text(conditions: AccessConditions) -> str | None:
    """What stands for having accepted the conditions' text: its SHA-256; None when there is nothing to accept."""
    return sha256_hex(conditions.text.encode()) if conditions.text else None


def _asked_about(offer: Offer) -> list[PolicyColumn]:
    """What a wish's filter may look at."""
    return [column for column in offer.of_rows if column.name in offer.listed]


def _as_it_is(offer: Offer, rights: GrantRights) -> set[int]:
    """What is given without a mask of its own, or of what it stands in."""
    plain = {field_id for field_id, mask in rights.columns.items() if mask is None}
    found: set[int] = set()
    for column in offer.columns:
        ids = {path: field.field_id for field, path in row_fields(column)} | {(): column.field_id}
        for path, field_id in ids.items():
            if all(ids[path[:depth]] in plain for depth in range(len(path) + 1)):
                found.add(field_id)
    return found


def _columns(columns: Sequence[PolicyColumn], wish: Wish, narrowings: Sequence[Narrowing]) -> tuple[PolicyColumn, ...]:
    for column in columns:
        if wish.columns is not None and column.name in wish.columns:
            inner_columns(column)
    columns = [column for column in columns if is_understood(column)]
    there = {column.name for column in columns}
    names = there if wish.columns is None else set(wish.columns)
    _require_named(names - there, "the table has no column", BadRequest)
    for narrowing in narrowings:
        if narrowing.columns is not None:
            _require_named(set(narrowing.columns) - there, "the table has no column", BadRequest)
            _require_named(set(narrowing.columns) - names, "nobody asked for column", WouldWiden)
    for narrowing in narrowings:
        names = names if narrowing.columns is None else names & set(narrowing.columns)
    if not names:
        raise BadRequest("no column is left that all who approved would give", hint="reject it, or ask for changes")
    return tuple(column for column in columns if column.name in names)


def _require_named(surplus: set[str], told: str, error: type[BadRequest | WouldWiden]) -> None:
    if surplus:
        names = ", ".join(_shown(name) for name in sorted(surplus)[:NAMES_TOLD])
        raise error(f"{told} {names}", hint="names are spelled as the table spells them")


def _shown(name: str) -> str:
    return "`" + "".join(c if c.isprintable() else "·" for c in name)[:100] + "`"


def _rows(text: str, columns: Sequence[PolicyColumn]) -> list[Predicate]:
    return [bind(parse_filter(text), columns)] if text.strip() else []


def _owners_rows(offer: Offer) -> list[Predicate]:
    try:
        return _rows(offer.conditions.rows, offer.of_rows)
    except Invalid:
        raise _do_not_fit("row filter") from None


def _masks(written: Mapping[str, str], offer: Offer) -> dict[int, Mask]:
    """By field id, also of fields in structs. A mask of a column that there is not is refused."""
    there = {column.name: column for column in (*offer.inner, *offer.columns)}
    _require_named(written.keys() - there.keys(), "the table has no column", BadRequest)
    return {
        there[name].field_id: bound_mask(text, there[name], offer.of_rows, identifiers=offer.conditions.identifiers)
        for name, text in written.items()
    }


def _owners_masks(offer: Offer) -> dict[int, Mask]:
    """By field id; a mask of a column that is gone waits until it comes back."""
    there = set(offer.names.values())
    try:
        return _masks({name: text for name, text in offer.conditions.masks.items() if name in there}, offer)
    except Invalid:
        raise _do_not_fit("mask") from None


def _do_not_fit(what: str) -> ConditionsDoNotFit:
    return ConditionsDoNotFit(
        f"a {what} of the asset's conditions does not fit its table, so nothing can be given",
        hint="its owners change the conditions and publish them",
    )


def _strictest_of(field_id: int, masks: Sequence[Mapping[int, Mask]]) -> Mask | None:
    found: Mask | None = None
    for mask in (one[field_id] for one in masks if field_id in one):
        found = mask if found is None else strictest(found, mask)
    return found


def _own_masks(conditions: AccessConditions, narrowings: Sequence[Narrowing]) -> bool:
    """Who approves and says nothing of it, says what the conditions say."""
    said = [conditions.own_masks if one.own_masks is None else one.own_masks for one in narrowings]
    return all(said) if said else conditions.own_masks


def _days(conditions: AccessConditions, wish: Wish, narrowings: Sequence[Narrowing]) -> int | None:
    asked = [days for days in (conditions.longest_days, wish.days) if days is not None]
    allowed = min(asked, default=None)
    if wish.days is not None and conditions.longest_days is not None and wish.days > conditions.longest_days:
        raise BadRequest(f"the asset is given for at most {conditions.longest_days} days", hint="ask for fewer days")
    given = [narrowing.days for narrowing in narrowings if narrowing.days is not None]
    if allowed is not None and any(days > allowed for days in given):
        raise WouldWiden(f"nobody asked for more than {allowed} days")
    return min([*asked, *given], default=None)
