"""What happened to a request, in order, as a page tells it; and what is still to come. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pergamon.web.pages.language import marked


@dataclass(frozen=True)
class Moment:
    """One step. at: None for what has not happened yet. by: a principal. title is marked for translation."""

    at: str | None
    title: str
    tone: str
    icon: str
    by: str | None = None
    text: str = ""


ACTS: Mapping[str, tuple[str, str, str]] = {
    "comment": (marked("Comment"), "quiet", "comment"),
    "amend": (marked("Changed"), "accent", "pencil"),
    "withdraw": (marked("Withdrawn"), "quiet", "minus"),
    "ask-for-changes": (marked("Sent back for changes"), "warn", "back"),
    "reject": (marked("Rejected"), "bad", "cross"),
}
"""Acts that leave words: their name, tone and icon."""


def timeline(told: Mapping[str, Any]) -> Sequence[Moment]:  # Any: JSON of `access.request_as_told`
    """The steps of a request, oldest first; last, what it waits for."""
    moments = [Moment(told["requested_at"], marked("Asked"), "accent", "inbox", told["requested_by"], told["reason"])]
    moments += [_said(comment) for comment in told["comments"]]
    moments += [
        Moment(one["at"], marked("Approved"), "good", "check", one["by"], one["note"]) for one in told["approvals"]
    ]
    moments += _decided_without_words(told, moments)
    grant = told["grant"]
    if grant is not None:
        moments.append(Moment(grant["granted_at"], marked("Granted"), "good", "key"))
        if grant["revoked_at"] is not None:
            why = grant["revoked_why"] or ""
            moments.append(Moment(grant["revoked_at"], marked("Taken back"), "bad", "cross", grant["revoked_by"], why))
    return [*sorted(moments, key=lambda moment: moment.at or ""), *_to_come(told)]


def _said(comment: Mapping[str, Any]) -> Moment:
    title, tone, icon = ACTS.get(comment["act"], ACTS["comment"])
    return Moment(comment["at"], title, tone, icon, comment["by"], comment["text"])


def _decided_without_words(told: Mapping[str, Any], moments: Iterable[Moment]) -> list[Moment]:
    """A withdrawal needs no words, an automatic grant has nobody to say any."""
    titles = {moment.title for moment in moments}
    if told["state"] == "withdrawn" and ACTS["withdraw"][0] not in titles:
        return [Moment(told["decided_at"], *ACTS["withdraw"], told["decided_by"])]
    if told["decided_by"] == "automatic":
        return [Moment(told["decided_at"], marked("Approved by the asset's conditions"), "good", "check")]
    return []


def _to_come(told: Mapping[str, Any]) -> list[Moment]:
    if told["state"] == "open":
        return [Moment(None, marked("Waits for the owners of the asset"), "quiet", "clock")]
    if told["state"] == "changes-asked":
        return [Moment(None, marked("Waits for changes by who asked"), "quiet", "clock")]
    grant = told["grant"]
    if grant is not None and grant["state"] == "active" and grant["valid_until"] is not None:
        return [Moment(None, marked("Ends by itself"), "quiet", "clock", text=grant["valid_until"])]
    return []
