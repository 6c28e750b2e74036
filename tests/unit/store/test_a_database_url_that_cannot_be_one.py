"""A wrong PERGAMON_DATABASE_URL is told what is wrong with it, and never shows what may be its password."""

from pathlib import Path

import pytest

from pergamon.runtime import require_database_in_reach
from pergamon.settings import Settings
from pergamon.store import BadDatabaseUrl, Store, require_conninfo

WRONG = {
    "": "is empty",
    " \n": "is empty",
    "hunter2": "is neither a URL nor words",
    "host=db password=hunter2 hunter2 x=1": "is neither a URL nor words",
    "host=db hunter2=hunter2": "an option that PostgreSQL does not know",
    "host=db password='hunter2": "a quote that is not closed",
    "mysql://u:hunter2@db/p": "begins with mysql://",
    "postgresql+psycopg://u:hunter2@db/p": "begins with postgresql+psycopg://",
    "postgresql://u:hunter2@db/p?hunter2=1": "an option that PostgreSQL does not know",
    "postgresql://u:hunter2%zz@db/p": "has a % that",
    "postgresql://u:hunter2@db:port/p": "has a port",
    "postgresql://u:hunter2@db:70000/p": "has a port",
    "host=db port=0 password=hunter2": "has a port",
    "postgresql://u:a@hunter2@db/p": "has an @ in its host",
    "postgresql://u:a/hunter2@db/p": "has a port",
    "postgresql://u:hunter2@[::1/p": "has a network address",
}


@pytest.mark.parametrize(("url", "fault"), WRONG.items())
def test_what_is_wrong_is_said_without_the_password(url: str, fault: str) -> None:
    with pytest.raises(BadDatabaseUrl) as refused:
        Store(url)
    assert fault in refused.value.message
    assert refused.value.message.startswith("PERGAMON_DATABASE_URL ")
    assert "postgresql://user@host:5432/database" in str(refused.value.hint)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(BadDatabaseUrl, match="PERGAMON_DATABASE_URL"):
        require_database_in_reach(Settings(home=Path("/nowhere"), database_url=url))


RIGHT = [
    "postgresql://u:hunter2@db:5432/p?sslmode=verify-full&application_name=x",
    "postgres://u:a%40b@db/p",
    "postgresql:///p?host=/var/run/postgresql",
    "postgresql://u@one,two:5433/p",
    "host=@abstract dbname=p",
    "host=db port=5432 dbname=p password='a b'",
    "dbname=p",
    "postgresql://[::1]:5432/p",
]


@pytest.mark.parametrize("url", RIGHT)
def test_what_libpq_takes_is_taken(url: str) -> None:
    require_conninfo(url)
