"""`/audit`: the trail, searched by person, thing, kind and time; whether its chain holds; what was found as a file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import BeforeValidator
from starlette.responses import Response, StreamingResponse

from pergamon.audit import ActDenied, TrailEntry
from pergamon.web.errors import NEVER_STORED
from pergamon.web.pages.genuine import page_router
from pergamon.web.pages.page import Form, Page, PageDep
from pergamon.web.pagination import After, cursor, moment_in

router = page_router()

SHOWN = 50
EXPORTED = 10_000
DENIALS = ActDenied.code
Word = Annotated[str, Query(max_length=2_000, pattern=r"^[^\x00]*$")]


Day = Annotated[date | None, BeforeValidator(lambda given: given or None), Query()]
"""A field that was left empty is no day."""


class Nothing(Form):
    """A form that is only a button."""


@dataclass(frozen=True)
class Asked:
    """What is looked for: each empty word is no matter."""

    by: Word = ""
    subject: Word = ""
    code: Word = ""
    denials: bool = False
    since: date | None = None
    until: date | None = None

    def as_arguments(self) -> dict[str, Any]:  # Any: the arguments of a verb
        """As the trail is asked: the last day counts whole."""
        until = self.until + timedelta(days=1) if self.until and self.until < date.max else None
        return {
            "by": self.by or None,
            "subject": self.subject or None,
            "code": DENIALS if self.denials else self.code or None,
            "since": _beginning(self.since),
            "until": _beginning(until),
        }

    def as_fields(self) -> dict[str, str]:
        """The same for an address."""
        told = {"by": self.by, "subject": self.subject, "code": self.code, "denials": "true" * self.denials}
        days = {"since": str(self.since or ""), "until": str(self.until or "")}
        return {name: value for name, value in (told | days).items() if value}


def asked_for(
    by: Word = "",
    subject: Word = "",
    code: Word = "",
    *,
    since: Day = None,
    until: Day = None,
    denials: bool = False,
) -> Asked:
    """What the address asks."""
    return Asked(by.strip(), subject.strip(), code.strip(), denials, since, until)


AskedDep = Annotated[Asked, Depends(asked_for)]


@router.get("/audit")
def trail(page: PageDep, asked: AskedDep, after: After = None) -> Response:
    """The newest entries; reading them is itself recorded."""
    return _shown(page, asked, after)


@router.post("/audit/verify")
def verify(page: PageDep) -> Response:
    """Recompute the whole chain, and hold it against the signed heads."""
    page.form(Nothing)
    verdict = page.rt.verify_trail(page.actor).as_json(page.rt.head_file.public_key_hex())
    return _shown(page, Asked(), None, verdict=verdict)


@router.get("/audit/export")
def export(page: PageDep, asked: AskedDep) -> Response:
    """What was found, the newest 10,000 of it, as lines of JSON."""
    found = page.rt.read_trail(page.actor, limit=EXPORTED, **asked.as_arguments())
    headers = NEVER_STORED | {"Content-Disposition": 'attachment; filename="trail.jsonl"'}
    return StreamingResponse(_lines(found), media_type="application/x-ndjson", headers=headers)


def _shown(page: Page, asked: Asked, after: str | None, *, verdict: dict[str, Any] | None = None) -> Response:
    before = moment_in(after)
    found = page.rt.read_trail(page.actor, before=before, limit=SHOWN + 1, **asked.as_arguments())
    entries = [entry.as_json() for entry in found[:SHOWN]]
    more = cursor(found[SHOWN - 1].at.isoformat(), found[SHOWN - 1].id) if len(found) > SHOWN else None
    return page.show(
        "audit/trail.html",
        entries=entries,
        asked=asked,
        fields=asked.as_fields(),
        more=more,
        after=after,
        verdict=verdict,
        denials=DENIALS,
    )


def _lines(entries: list[TrailEntry]) -> Iterator[str]:
    for entry in entries:
        yield f"{json.dumps(entry.as_json(), ensure_ascii=False)}\n"


def _beginning(day: date | None) -> datetime | None:
    """When a day begins, in UTC."""
    return datetime.combine(day, datetime.min.time(), UTC) if day else None
