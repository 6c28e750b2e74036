"""What libpq says over several lines becomes one line that tells the reason."""

import pytest

from pergamon.adapters.postgres_source import reason_of

DOWN = 'connection to server on socket "/run/pg/.s.PGSQL.5432" failed: No such file or directory'
QUESTION = "\n\tIs the server running locally and accepting connections on that socket?\n"
REFUSED = 'connection to server at "127.0.0.1", port 1 failed: Connection refused'


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (DOWN + QUESTION, DOWN),
        ("connection is bad: " + DOWN + QUESTION, DOWN),
        (f"connection failed: {REFUSED}\n\tIs the server running on that host?\n", REFUSED),
        (
            "Multiple connection attempts failed. All failures were:\n"
            f"- host: 'a', port: '1', hostaddr: '127.0.0.1': connection failed: {REFUSED}{QUESTION}",
            REFUSED,
        ),
        ("", "no reason given"),
        ("FATAL:  \x1b[2Jgone", "FATAL:  ·[2Jgone"),
    ],
)
def test_the_reason_is_one_line_without_the_question(message: str, reason: str) -> None:
    assert reason_of(message) == reason
