"""What outside engines do through the web, each in its caller's name: PyIceberg, DuckDB and Sail as they are."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import ForbiddenError, NoSuchTableError

from pergamon.runtime import Runtime
from pergamon.web import create_app
from tests.reference.governed_lake import VITALS, GovernedLake, Person, make_governed_lake
from tests.reference.served import served


@pytest.fixture
def world(rt: Runtime) -> GovernedLake:
    return make_governed_lake(rt)


@pytest.fixture
def address(world: GovernedLake) -> Iterator[str]:
    with served(create_app(world.rt)) as address:
        yield f"{address}/iceberg"


def catalog(address: str, person: Person, **more: str) -> RestCatalog:
    return RestCatalog("lake", uri=address, token=person.token, **more)


def vitals(*patients: int) -> pa.Table:
    return pa.table({"patient": pa.array(patients, pa.int64()), "pulse": [70] * len(patients)})


def test_pyiceberg_loads_scans_and_appends(world: GovernedLake, address: str) -> None:
    ours = catalog(address, world.admin)
    assert ours.load_table("curated_db.vitals").scan().to_arrow().num_rows == VITALS.num_rows
    ours.load_table("curated_db.vitals").append(vitals(1, 2, 3))
    assert catalog(address, world.user).load_table("curated_db.vitals").scan().to_arrow().num_rows == 2503
    with pytest.raises(NoSuchTableError):
        catalog(address, world.stranger).load_table("curated_db.vitals")
    with pytest.raises(ForbiddenError, match=r"table\.write"):
        catalog(address, world.user).load_table("curated_db.vitals").append(vitals(4))
