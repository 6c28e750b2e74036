"""Two people, or a person and a machine, at one asset: the second waits, and nobody's work is lost."""

import threading
from collections.abc import Callable

from pergamon import catalog
from pergamon.catalog.model import VersionMovedOn
from pergamon.kernel import PergamonError
from tests.integration.catalog.conftest import World


def _at_once(*works: Callable[[], None]) -> list[BaseException]:
    """Run all of them, begun together. Returns: what they raised."""
    begin, raised = threading.Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], None]) -> None:
        begin.wait()
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return raised


def test_of_many_edits_on_one_version_one_stands_and_the_others_are_told(world: World) -> None:
    (asset_id,) = world.found("heart_db.patients", "id")

    def edit(number: int) -> Callable[[], None]:
        def work() -> None:
            with world.by("carl") as uow:
                catalog.edit_asset(uow, asset_id, catalog.AssetEdit(title=f"Title {number}"), expected_version=1)

        return work

    raised = _at_once(*(edit(number) for number in range(6)))
    assert [type(error) for error in raised] == [VersionMovedOn] * 5
    with world.by("carl") as uow:
        assert [version.version for version in catalog.list_versions(uow, asset_id)] == [2, 1]


def test_the_same_new_table_told_twice_at_once_is_one_asset(world: World) -> None:
    found: list[str] = []

    def tell() -> None:
        found.extend(world.found("heart_db.patients", "id"))

    assert _at_once(*[tell] * 6) == []
    assert len(found) == 6
    assert len(set(found)) == 1


def test_files_of_edits_in_opposite_orders_do_not_block_each_other(world: World) -> None:
    ids = [world.found(f"heart_db.t{number}", "id")[0] for number in range(8)]

    def edits(order: list[str], title: str) -> Callable[[], None]:
        def work() -> None:
            with world.by("carl") as uow:
                versions = {name: catalog.find_asset(uow, name).working_version for name in order}
                given = [
                    catalog.NamedEdit(asset=name, expected_version=versions[name], edit=catalog.AssetEdit(title=title))
                    for name in order
                ]
                catalog.edit_assets(uow, given)

        return work

    raised = _at_once(edits(ids, "there"), edits(ids[::-1], "back"), edits(ids, "again"))
    assert all(isinstance(error, VersionMovedOn) for error in raised), raised
    with world.by("carl") as uow:
        assert len({catalog.read_asset(uow, name).version.content.title for name in ids}) == 1


def test_an_edit_and_a_crawl_at_once_both_stand(world: World) -> None:
    (asset_id,) = world.found("heart_db.patients", "id")
    raised: list[BaseException] = []
    for number in range(5):
        columns = [f"c{column}" for column in range(number + 2)]

        def edit(number: int = number) -> None:
            with world.by("carl") as uow:
                version = catalog.find_asset(uow, asset_id).working_version
                edit = catalog.AssetEdit(description=f"Said {number}")
                catalog.edit_asset(uow, asset_id, edit, expected_version=version)

        def crawl(columns: list[str] = columns) -> None:
            world.found("heart_db.patients", *columns)

        raised += _at_once(edit, crawl)
    assert all(isinstance(error, PergamonError) and error.code == VersionMovedOn.code for error in raised), raised
    with world.by("carl") as uow:
        content = catalog.read_asset(uow, asset_id).version.content
        assert len(content.columns) == 6
        numbers = [version.version for version in catalog.list_versions(uow, asset_id)]
    assert numbers == list(range(len(numbers), 0, -1))
    with world.by("bea") as uow:
        assert len(catalog.read_asset(uow, asset_id).version.content.columns) == 6
