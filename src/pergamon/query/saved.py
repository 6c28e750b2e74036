"""Texts that people keep under a name. A text gives no right: whoever runs it is asked for every table it names.

Its owner reads, changes and removes it; the members of the project that it is shared with read it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pergamon import catalog
from pergamon.kernel import AccessDenied, Conflict, Decision, Invalid, NotFound, sha256_hex
from pergamon.query import tables_of_saved as tables
from pergamon.query.events import QuerySaved, SavedQueryRemoved
from pergamon.query.gate import NOT_A_NAME
from pergamon.query.model import IDENTIFIER
from pergamon.store import UnitOfWork

LONGEST_TEXT = 65_536
MOST_OF_ONE_PERSON = 1000


class UnknownSavedQuery(NotFound):
    """There is no saved query of that name, or it is not shared with the actor."""

    code = "query.no_such_saved_query"


class BadSavedQuery(Invalid):
    """A saved query's name or text is not one."""

    code = "query.bad_saved_query"
    usual_hint = "`pergamon query save --help` says how"


class TooManySavedQueries(Conflict):
    """Somebody keeps as many texts as one person may."""

    code = "query.too_many_saved_queries"


class NotAMember(AccessDenied):
    """A text is shared with a project by its members alone."""

    code = "query.not_a_member"


@dataclass(frozen=True)
class SavedQuery:
    """A text under a name. project: whose members may read it, too."""

    owner: str
    name: str
    project: str | None
    sql: str
    changed_at: datetime

    @property
    def subject(self) -> str:
        return f"saved_query:{self.owner}/{self.name}"

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__, "changed_at": self.changed_at.isoformat()}


def save_query(uow: UnitOfWork, name: str, sql: str, *, project: str | None = None) -> SavedQuery:
    """Keep a text of one's own under a name; one that is there is written anew. Nothing is judged or run.

    Raises:
        BadSavedQuery: this is no name, or no text.
        UnknownProject: there is no such project, or the actor may not see it.
        NotAMember: the actor sees the project and is no member of it.
        TooManySavedQueries: the actor keeps `MOST_OF_ONE_PERSON` already.
    """
    if IDENTIFIER.fullmatch(name) is None:
        raise BadSavedQuery("this is no name of a saved query", hint="letters, digits, dots, dashes; 100 at most")
    if not sql.strip() or len(sql) > LONGEST_TEXT or "\x00" in sql:
        raise BadSavedQuery(f"this is no text of a query: it has 1 to {LONGEST_TEXT} characters")
    if project is not None:
        _require_member(uow, project)
    if tables.saved(uow, uow.actor.id, name) is None and tables.count_of(uow, uow.actor.id) >= MOST_OF_ONE_PERSON:
        raise TooManySavedQueries(f"you keep {MOST_OF_ONE_PERSON} queries already", hint="remove some first")
    saved = SavedQuery(uow.actor.id, name, project, sql, uow.now)
    tables.put(uow, saved.owner, name, project, sql)
    uow.record(QuerySaved(subject=saved.subject, project=project, sql_sha256=sha256_hex(sql.encode())))
    return saved


def saved_queries(uow: UnitOfWork, *, after: tuple[str, str] = ("", ""), limit: int = 100) -> list[SavedQuery]:
    """One's own, and those that are shared with one's projects, by owner and name."""
    rows = tables.readable(uow, uow.actor.id, _projects(uow), after, limit)
    return [SavedQuery(**row) for row in rows]


def saved_query(uow: UnitOfWork, name: str, *, owner: str | None = None) -> SavedQuery:
    """One of one's own; with `owner`, one of theirs that is shared.

    Raises:
        UnknownSavedQuery: there is none, or it is not shared with the actor.
    """
    whose = owner or uow.actor.id
    is_name = IDENTIFIER.fullmatch(name) is not None and "\x00" not in whose
    row = tables.saved(uow, whose, name) if is_name else None
    if row is None or (row["owner"] != uow.actor.id and row["project"] not in _projects(uow)):
        raise UnknownSavedQuery(
            f"no such saved query: {name if is_name else NOT_A_NAME}", hint="`pergamon query saved` lists them"
        )
    return SavedQuery(**row)


def remove_saved_query(uow: UnitOfWork, name: str) -> None:
    """Remove one of one's own.

    Raises:
        UnknownSavedQuery: there is none.
    """
    found = saved_query(uow, name)
    tables.delete(uow, found.owner, found.name)
    uow.record(SavedQueryRemoved(subject=found.subject))


def _projects(uow: UnitOfWork) -> Collection[str]:
    return catalog.projects_of_roles(uow.actor.roles, *catalog.PROJECT_ROLES)


def _require_member(uow: UnitOfWork, project: str) -> None:
    catalog.visible_project(uow, project)
    if project not in _projects(uow):
        refused = Decision(False, "saved_query.share", f"project:{project}", "not a member of the project")
        raise NotAMember(f"you are no member of {project}", hint="ask an owner of it", decision=refused)
