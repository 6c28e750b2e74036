"""What pages call the states, and what they advise when something does not go. English here, translated where shown.

A code or state that nobody wrote words for is shown by its status, or as it is spelt: never an empty place.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pergamon.web.pages.language import marked


@dataclass(frozen=True)
class Advice:
    """What a person reads above an error's own text: what happened, and what to do."""

    title: str
    todo: str


@dataclass(frozen=True)
class Told:
    """How a state is shown: its name, the tone of its badge (`good`, `warn`, `bad`, `info`, `quiet`), its icon."""

    name: str
    tone: str
    icon: str


ADVICE_ON_STATUS: Mapping[int, Advice] = {
    400: Advice(marked("That cannot be done as it was asked"), marked("Go back, change what you gave, and try again.")),
    401: Advice(marked("You are not signed in"), marked("Sign in, then try again.")),
    403: Advice(
        marked("You may not do this"), marked("If you need to, ask who looks after it. The attempt is on record.")
    ),
    404: Advice(
        marked("There is nothing here that you may see"),
        marked(
            "The address may be wrong, the thing may be gone, or it may not be open to you; the platform says no more."
        ),
    ),
    405: Advice(marked("This page cannot be asked that way"), marked("Go back to the page and use its own buttons.")),
    409: Advice(
        marked("Things have moved on since you looked"), marked("Look at the newest state, then decide again.")
    ),
    413: Advice(marked("That is too much at once"), marked("Send less at once.")),
    422: Advice(
        marked("The form is not complete"), marked("Go back, mend the fields that are named, and send it again.")
    ),
    429: Advice(marked("Too many attempts"), marked("Wait a moment, then try again.")),
    500: Advice(
        marked("Something went wrong on our side"),
        marked("Nothing of what you did has been kept. Tell the operator the number of the incident."),
    ),
    503: Advice(marked("Something that is needed does not answer"), marked("Nothing is lost. Try again in a moment.")),
}

ADVICE_ON_CODE: Mapping[str, Advice] = {
    "web.form_not_genuine": Advice(
        marked("This form is from an earlier session"),
        marked("Open the page anew and send the form again: then it is certain that it comes from you."),
    ),
    "identity.too_many_attempts": Advice(
        marked("Too many attempts to sign in"),
        marked("For your safety, sign-in waits a while. The message says how long."),
    ),
    "access.already_asked": Advice(
        marked("Your project has asked for this already"),
        marked("Look at the request that is there; you can amend it."),
    ),
    "access.own_request": Advice(
        marked("Nobody decides on a request of their own"), marked("Another owner or steward has to look at it.")
    ),
    "access.request_not_open": Advice(
        marked("This request has been decided meanwhile"), marked("Look at what was decided.")
    ),
    "access.conditions_changed": Advice(
        marked("The conditions have changed since this was asked"),
        marked("Ask for changes: whoever asked accepts the new conditions, then you can approve."),
    ),
    "access.would_widen": Advice(
        marked("That would give more than was asked for"), marked("Approve what was asked, or less.")
    ),
    "query.no_such_table": Advice(
        marked("There is no such table among those you may use"),
        marked("Look at the list beside the editor. If you need another table, find it in the catalog and ask for it."),
    ),
    "query.syntax_error": Advice(
        marked("This is not SQL that can be understood"), marked("The message says where it stops making sense.")
    ),
    "query.refused": Advice(
        marked("This is not something a query may do here"),
        marked("Queries read: one SELECT at a time, on the tables beside the editor."),
    ),
    "query.timed_out": Advice(
        marked("The query took longer than it may"),
        marked("Read fewer rows or columns, or narrow it with WHERE; then run it again."),
    ),
    "query.out_of_memory": Advice(
        marked("The query needed more memory than it may have"),
        marked("Group or filter earlier, or read fewer columns; then run it again."),
    ),
    "query.result_too_large": Advice(
        marked("The result is larger than it may be"), marked("Add a LIMIT, or read fewer columns.")
    ),
    "query.scans_too_much": Advice(
        marked("The tables of this query hold more data than one query may read"),
        marked("Ask an administrator of the workgroup, or use a smaller table."),
    ),
    "query.busy": Advice(marked("All places are taken just now"), marked("Wait a moment, then run it again.")),
    "query.queue_full": Advice(
        marked("Enough of your queries are waiting already"), marked("Wait for some to end, or cancel them.")
    ),
    "query.invalid": Advice(
        marked("The query names something that is not there"),
        marked("Check the names of columns against the list beside the editor."),
    ),
    "query.type_error": Advice(
        marked("A value does not fit what is done with it"), marked("Use TRY_CAST, or filter such values out.")
    ),
    "query.result_expired": Advice(marked("These rows are not kept any more"), marked("Run the query again.")),
    "query.result_withdrawn": Advice(
        marked("A right that these rows rest on has ended"),
        marked("Run the query again: it shows what you may see now."),
    ),
}


def advice_on(code: str, status: int) -> Advice:
    """What to tell a person of an error."""
    by_status = ADVICE_ON_STATUS.get(status) or ADVICE_ON_STATUS[500 if status >= 500 else 400]
    return ADVICE_ON_CODE.get(code, by_status)


STATES: Mapping[str, Told] = {
    "open": Told(marked("waiting for a decision"), "warn", "clock"),
    "changes-asked": Told(marked("changes asked for"), "warn", "pencil"),
    "approved": Told(marked("approved"), "good", "check"),
    "rejected": Told(marked("rejected"), "bad", "cross"),
    "withdrawn": Told(marked("withdrawn"), "quiet", "minus"),
    "active": Told(marked("active"), "good", "check"),
    "expired": Told(marked("expired"), "quiet", "minus"),
    "revoked": Told(marked("taken back"), "bad", "cross"),
    "queued": Told(marked("waiting for its turn"), "info", "clock"),
    "running": Told(marked("running"), "info", "play"),
    "done": Told(marked("done"), "good", "check"),
    "failed": Told(marked("did not go through"), "bad", "cross"),
    "cancelled": Told(marked("cancelled"), "quiet", "minus"),
    "abandoned": Told(marked("cut off"), "bad", "cross"),
    "requested": Told(marked("waiting for its turn"), "info", "clock"),
    "succeeded": Told(marked("succeeded"), "good", "check"),
    "created": Told(marked("not begun yet"), "quiet", "clock"),
    "starting": Told(marked("starting"), "info", "play"),
    "loading": Told(marked("loading everything"), "info", "play"),
    "stopped": Told(marked("stopped"), "quiet", "stop"),
    "parked": Told(marked("waits for somebody to decide"), "bad", "alert"),
    "registered": Told(marked("landed"), "info", "inbox"),
    "processing": Told(marked("being merged"), "info", "play"),
    "merged": Told(marked("merged"), "good", "check"),
    "superseded": Told(marked("held by a newer full load"), "quiet", "minus"),
    "quarantined": Told(marked("set aside"), "bad", "alert"),
    "skipped": Told(marked("left out"), "warn", "minus"),
    "pending": Told(marked("not looked into yet"), "info", "clock"),
    "inspected": Told(marked("understood"), "info", "eye"),
    "added": Told(marked("in its table"), "good", "check"),
    "blocked": Told(marked("its table's name is taken"), "bad", "lock"),
    "removed": Told(marked("removed"), "quiet", "minus"),
    "ready": Told(marked("in order"), "good", "check"),
    "published": Told(marked("published"), "good", "check"),
    "unpublished": Told(marked("not published"), "quiet", "minus"),
    "retired": Told(marked("retired"), "quiet", "minus"),
}


def state_told(state: str) -> Told:
    """How a state is shown."""
    return STATES.get(state) or Told(state, "quiet", "minus")


MASKS: Mapping[str, str] = {
    "mask-alphanum": marked("letters as x, digits as n"),
    "mask-to-fixed-value": marked("the same value for all"),
    "replace-with-null": marked("left empty"),
    "show-first-4": marked("the first four characters"),
    "show-last-4": marked("the last four characters"),
    "truncate-to-year": marked("the year only"),
    "truncate-to-month": marked("the month only"),
    "sha-256-global": marked("a hash"),
    "sha-256-query-local": marked("a hash, new in each query"),
    "hmac-sha-256": marked("a pseudonym, another in each project"),
    "age-band": marked("in bands"),
    "shift-date": marked("moved by some days"),
}


def mask_told(mask: str) -> str:
    """What a mask leaves, in words; a mask without words as it is written."""
    return MASKS.get(mask.partition("(")[0], mask)


CAUSES: Mapping[str, str] = {
    "crawl": marked("found by a crawl"),
    "job": marked("made by a job"),
    "replication": marked("replicated"),
    "run": marked("read by a data source"),
    "edit": marked("described by a person"),
}


def cause_told(cause: str) -> str:
    """What made a version."""
    return CAUSES.get(cause, cause)


DIMENSIONS: Mapping[str, str] = {
    "completeness": marked("Completeness"),
    "uniqueness": marked("Uniqueness"),
    "validity": marked("Validity"),
    "consistency": marked("Consistency"),
    "timeliness": marked("Timeliness"),
    "accuracy": marked("Accuracy"),
}


def dimension_told(dimension: str) -> str:
    """A dimension of quality."""
    return DIMENSIONS.get(dimension, dimension)


PROJECT_ROLES: Mapping[str, str] = {
    "owner": marked("Owner"),
    "contributor": marked("Contributor"),
    "consumer": marked("Consumer"),
    "steward": marked("Steward"),
}


def project_role_told(role: str) -> str:
    """What a member of a project is."""
    return PROJECT_ROLES.get(role, role)
