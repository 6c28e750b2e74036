"""A stranger's folder has a name first: the operator gives the name to whom it belongs, and no row is lost by it."""

import pytest

from pergamon import crawl, lake
from pergamon.kernel import AccessDenied, Invalid

from .conftest import HOLDER, World

PATIENTS = lake.TableId("assets_db", "patients")


def release(world: World, to: str | None = None) -> str | None:
    with world.rt.begin(world.operator) as uow:
        return crawl.release_name(uow, PATIENTS, to=to)


def squatted(world: World) -> str:
    world.deploy()
    version = world.put_parquet("in/strangers/patients/a.parquet", id=[1])
    world.put_csv("in/strangers/patients/b.csv", "id", "2")
    world.crawl()
    world.put_csv("in/patients/a.csv", "id", "7")
    world.crawl()
    assert world.column("patients") == [1, 2]
    assert world.states()["in/patients/a.csv"] == "blocked"
    return version


@pytest.mark.parametrize(("to", "called"), [(None, "patients_2"), ("strangers_patients", "strangers_patients")])
def test_the_name_goes_to_who_waits_for_it_and_the_stranger_keeps_the_rows(
    world: World, to: str | None, called: str
) -> None:
    squatted(world)
    assert release(world, to) == called
    world.crawl()
    assert world.column("patients") == [7]
    assert world.column(called) == [1, 2]
    assert set(world.states().values()) == {"added"}
    assert [event["subject"] for event in world.events("crawl.table_released")] == ["table:assets_db.patients"]
    world.put_csv("in/strangers/patients/b.csv", "id", "3")
    world.crawl()
    assert (world.column("patients"), world.column(called)) == ([7], [1, 3])


def test_the_name_of_an_empty_table_is_free_for_anybody(world: World) -> None:
    squatted(world)
    world.remove("in/strangers/patients/a.parquet")
    world.remove("in/strangers/patients/b.csv")
    world.crawl()
    assert release(world) is None
    world.crawl()
    assert world.tables() == ["patients"]
    assert world.column("patients") == [7]


def test_a_worker_that_is_at_the_folder_does_not_take_the_name_back(world: World) -> None:
    squatted(world)
    world.put_csv("in/strangers/patients/c.csv", "id", "4")
    place = world.place("slow")
    while crawl.follow(place):
        pass
    crawl.crawl_step(place)  # looked into
    release(world)
    world.crawl()
    assert world.column("patients") == [7]
    assert world.column("patients_2") == [1, 2, 4]


def test_who_may_release_and_into_what(world: World) -> None:
    squatted(world)
    with pytest.raises(AccessDenied), world.rt.begin(HOLDER) as uow:
        crawl.release_name(uow, PATIENTS)
    with pytest.raises(Invalid):
        release(world, "Not A Name")
    with pytest.raises(crawl.CrawledNameTaken):
        release(world, "patients")
    with pytest.raises(crawl.UnknownCrawledTable), world.rt.begin(world.operator) as uow:
        crawl.release_name(uow, lake.TableId("assets_db", "none"))
    assert world.column("patients") == [1, 2]
