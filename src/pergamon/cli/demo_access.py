"""The demo's third act: a researcher asks for what she found, the holder decides, SQL reaches what was given."""

from typing import TYPE_CHECKING, Any

from pergamon.cli.client import client_at

if TYPE_CHECKING:
    from pergamon.cli.demo import Demo

ASSET, PROJECT = "ehds_db.encounters", "heart-study"
MASKS = ("patient=hmac-sha-256", "admitted=truncate-to-month")
WANTED = ("patient", "admitted", "days", "ward")
BY_WARD = (
    "SELECT ward, count(*) AS stays, round(avg(days), 1) AS days FROM heart_study_sub.encounters "
    "GROUP BY ward ORDER BY ward"
)
PSEUDONYMS = "SELECT left(patient, 12) AS patient, admitted FROM heart_study_sub.encounters ORDER BY ALL LIMIT 3"


def ask_and_decide(demo: "Demo") -> None:
    """From a listing with conditions to a grant."""
    demo.title("Asked: a researcher asks, the holder sees what she would give, and gives it")
    masks = [word for mask in MASKS for word in ("--mask", mask)]
    demo.as_client(
        *("hana", "asset", "conditions", ASSET, "--text", "Nobody tries to find out who somebody is."),
        *("--purpose", "research", *masks, "--identifier", "patient", "--rows", "year >= 2025", "--longest-days", 365),
    )
    demo.as_client("hana", "asset", "publish", ASSET)
    columns = [word for column in WANTED for word in ("--column", column)]
    demo.as_client(
        *("rena", "request", "create", ASSET, "--project", PROJECT, "--reason", "How long do people stay, and where?"),
        *("--purpose", "research", *columns, "--days", 30, "--accept-conditions"),
    )
    request = _only(demo, "requests")
    demo.as_client("hana", "request", "preview", request)
    demo.as_client("hana", "request", "approve", request, "--note", "The ethics board has agreed")


def query_what_was_given(demo: "Demo") -> None:
    """The rows, columns and masks of the grant, and nothing after it was taken back."""
    demo.title("Granted: SQL on exactly what was given, until it is taken back")
    demo.as_client("rena", "query", BY_WARD)
    demo.say("A patient is a pseudonym of this project, a date its month; what was not given is not there:")
    demo.as_client("rena", "query", PSEUDONYMS)
    demo.as_client("rena", "query", "SELECT cost FROM heart_study_sub.encounters", must_fail=True)
    demo.as_client("hana", "grant", "revoke", _only(demo, "grants"), "--reason", "The study has ended")
    demo.as_client("rena", "query", BY_WARD, must_fail=True)


def _only(demo: "Demo", kind: str) -> str:
    """The id of the only request, or grant, that there is yet."""
    client = client_at(demo.server, demo.directory / "rena.token")
    found: list[dict[str, Any]] = client.get(f"/api/v1/{kind}")[kind]
    return str(found[0]["id"])
