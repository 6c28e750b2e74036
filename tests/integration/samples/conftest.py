"""One hospital of 200 patients for the tests that only look."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pergamon.adapters.embedded_postgres import EmbeddedPostgres
from pergamon.samples import fill_hospital


@pytest.fixture(scope="package")
def hospital(postgres_server: EmbeddedPostgres) -> Iterator[psycopg.Connection[Any]]:
    name = f"hospital_{secrets.token_hex(4)}"
    with psycopg.connect(make_conninfo(postgres_server.conninfo, dbname="postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        with psycopg.connect(make_conninfo(postgres_server.conninfo, dbname=name), autocommit=True) as connection:
            fill_hospital(connection, patients=200, until=datetime(2026, 6, 17, 4, tzinfo=UTC))
            yield connection
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
