"""Does a change, a page or a batch cost more in a large catalog than in a small one?

Contenders: a table's change that makes a version (`change`), a page of 100 assets for a member of two projects of 40
(`page`), the search documents of 1,000 assets (`documents`), each with BENCH_ASSETS (100,000) assets; baseline: the
same `change` with 2,000 assets, and beside it its `page` and `documents`. 50 changes and 10 pages a run.
Data: 40 projects in 8 units, 20 columns each, a term on every asset, no seed: names are numbers. Checked: a page has
100 assets, all of them what the member may find; a batch has as many documents as assets. Command:
`python -m bench catalog`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from bench.installation import OPERATOR, opened, platform_database, scratch
from bench.measure import Measured, Steps, measure_warm, report, rows_wanted
from pergamon import catalog, identity, lake
from pergamon.kernel import Actor
from pergamon.runtime import Runtime
from pergamon.settings import Settings

PROJECTS, COLUMNS, CHANGES, PAGES, BATCH = 40, 20, 50, 10, 1_000
SMALL = 2_000


def main() -> None:
    large = rows_wanted("BENCH_ASSETS", 100_000)
    contenders = [measured for assets in (SMALL, large) for measured in _measured(assets)]
    report("catalog", contenders, contenders[0].name, {"assets": large, "changes": CHANGES, "pages": PAGES})


def _measured(assets: int) -> list[Measured]:
    with scratch() as directory, platform_database(directory) as settings:
        with opened(settings) as runtime:
            _fill(runtime, assets)
        works = {"change": _changes, "page": _pages, "documents": _documents}
        return [
            replace(
                measure_warm(name, lambda work=work: work(settings, directory))[0], name=f"{name}, {assets:,} assets"
            )
            for name, work in works.items()
        ]


@contextmanager
def _changes(settings: Settings, _directory: Path) -> Iterator[Steps]:
    with opened(settings) as runtime:
        versions = count(1)

        def work() -> int:
            for _ in range(CHANGES):
                columns = tuple(catalog.Column(name=f"c{n}", type="long") for n in range(next(versions) % 30 + 1))
                with runtime.begin(OPERATOR) as uow:
                    facts = catalog.TableFacts(columns=columns, cause="crawl")
                    assert len(catalog.table_changed(uow, lake.TableId("db0", "t1"), facts)) == 1
            return CHANGES

        yield Steps(work)


@contextmanager
def _pages(settings: Settings, _directory: Path) -> Iterator[Steps]:
    with opened(settings) as runtime:
        member = _member(runtime)

        def work() -> int:
            after, found = ("", ""), 0
            for _ in range(PAGES):
                with runtime.begin(member) as uow:
                    page = catalog.list_assets(uow, after=after, limit=100)
                assert len(page) == 100
                assert all(view.sees_draft or view.asset.is_published for view in page)
                after, found = (page[-1].asset.name, page[-1].asset.id), found + len(page)
            return found

        yield Steps(work)


@contextmanager
def _documents(settings: Settings, _directory: Path) -> Iterator[Steps]:
    with opened(settings) as runtime:
        with runtime.begin(OPERATOR) as uow:
            ids = catalog.asset_ids(uow, limit=BATCH)

        def work() -> int:
            with runtime.begin(OPERATOR) as uow:
                found = catalog.search_documents(uow, ids)
            assert len(found) == len(ids)
            return len(found)

        yield Steps(work)


def _member(runtime: Runtime) -> Actor:
    with runtime.begin(OPERATOR) as uow:
        return identity.principal_actor(uow, "person:ada")


def _fill(runtime: Runtime, assets: int) -> None:
    """Projects and units by the room's verbs; the many assets straight into its tables, as the verbs leave them."""
    with runtime.begin(OPERATOR) as uow:
        ada = identity.PrincipalSpec(kind="person", display_name="Ada")
        identity.put_principal(uow, "person:ada", ada, {})
        lake.put_bucket(uow, "raw", lake.BucketSpec())
        units = {f"unit-{n}": catalog.UnitSpec() for n in range(8)}
        catalog.put_domain(uow, "d", catalog.DomainSpec(units=units), {})
        terms = {"word": catalog.TermSpec(title="Word")}
        catalog.put_glossary(uow, "words", catalog.GlossarySpec(terms=terms), {})
        for number in range(PROJECTS):
            members = {"owner": ["person:ada"] if number < 2 else []}
            spec = catalog.ProjectSpec.model_validate({"unit": f"unit-{number % 8}", "members": members})
            catalog.put_project(uow, f"p{number}", spec, {})
            lake.put_database(uow, f"db{number}", lake.DatabaseSpec(bucket="raw", prefix=f"db{number}"))
            source = catalog.DataSourceSpec(
                project=f"p{number}", databases=(f"db{number}",), publish_automatically=True
            )
            catalog.put_data_source(uow, f"s{number}", source, {})
        uow.execute(
            "INSERT INTO catalog_asset (id, kind, project, name, data_source, table_database, table_name, "
            "working_version, published_version, published_at, created_at, created_by, data_changed_at, changed_at) "
            "SELECT 'asset_' || lpad(to_hex(n), 32, '0'), 'table', 'p' || n %% %(projects)s, "
            "'db' || n %% %(projects)s || '.t' || n, 's' || n %% %(projects)s, 'db' || n %% %(projects)s, 't' || n, 1, "
            "CASE n %% 3 WHEN 0 THEN NULL ELSE 1 END, now(), now(), 'x', now(), now() "
            "FROM generate_series(1, %(assets)s) n",
            {"projects": PROJECTS, "assets": assets},
        )
        uow.execute(
            "INSERT INTO catalog_asset_version SELECT id, 1, jsonb_build_object('terms', jsonb_build_array('word'), "
            "'columns', (SELECT jsonb_agg(jsonb_build_object('name', 'c' || c, 'type', 'long')) "
            "FROM generate_series(1, %s) c)), 'found', now(), 'x' FROM catalog_asset",
            (COLUMNS,),
        )
        uow.execute("ANALYZE catalog_asset, catalog_asset_version")
