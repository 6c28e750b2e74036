"""Lineage tells names: none to whom it is not open. A truth table of actors and datasets, and walks that cross it."""

from collections.abc import Mapping
from itertools import pairwise, product

import pytest

from pergamon import catalog, identity, lake
from pergamon.catalog import lineage_sight, read_lineage
from pergamon.catalog.tables_of_places import save_data_source
from pergamon.kernel import Actor
from pergamon.lineage import Dataset, LineageRun, UnknownDataset, record_edges
from pergamon.runtime import Runtime

SOURCE = Dataset("postgres://db.hospital.test:5432", "hospital.hda.patients")
BEHIND = Dataset("kafka://broker:9092", "patients")
LANDING = Dataset.of_objects("staging", "landing/hda/patients/")
RAW, LISTED, SECRET = (Dataset("pergamon", f"raw_db.{name}") for name in ("patients", "listed", "secret"))
CURATED = Dataset("pergamon", "curated_db.ages")
NOT_OURS = Dataset("pergamon", "no_db.no_table")
NO_BUCKET = Dataset.of_objects("no-bucket", "x/")
EVERYTHING = {SOURCE, BEHIND, LANDING, RAW, LISTED, SECRET, CURATED, NOT_OURS, NO_BUCKET}

SEEN: dict[str, set[Dataset]] = {
    "stranger": {LISTED},
    "analyst": {LISTED, CURATED},
    "engineer": {LISTED, LANDING, SOURCE},
    "member": {LISTED, SECRET},
    "reader": {LISTED, RAW, SECRET},
    "manager": EVERYTHING,
}
"""What each may see: a stranger finds the listing; landing is for engineers, and what feeds it with it; a member of
the project finds what is not published; a reader of raw tables needs no catalog; a manager looks after all."""


@pytest.fixture
def actors(rt: Runtime, operator: Actor) -> Mapping[str, Actor]:
    with rt.begin(operator) as uow:
        identity.put_policy(uow, "managing", identity.PolicySpec(actions=frozenset({"catalog.manage"})), {})
        for name in SEEN:
            policies = frozenset({"managing"}) if name == "manager" else frozenset()
            identity.put_role(uow, name, identity.RoleSpec(policies=policies), {})
            spec = identity.PrincipalSpec(kind="person", display_name=name, roles=frozenset({name}))
            identity.put_principal(uow, f"person:{name}", spec, {})
        readers = {"staging": ("landing", "engineer"), "raw": ("data", "reader"), "curated": ("data", "analyst")}
        for bucket, (prefix, role) in readers.items():
            rule = lake.AccessRuleSpec.model_validate({"prefix": prefix, "ReadRoles": [role]})
            lake.put_bucket(uow, bucket, lake.BucketSpec(access_rules=(rule,)))
        for bucket in ("raw", "curated"):
            lake.put_database(uow, f"{bucket}_db", lake.DatabaseSpec(bucket=bucket, prefix="data"))
        catalog.put_domain(uow, "hospital", catalog.DomainSpec.model_validate({"units": {"clinic": {}}}), {})
        project = {"unit": "clinic", "members": {"consumer": ["person:member"]}}
        catalog.put_project(uow, "heart", catalog.ProjectSpec.model_validate(project), {})
        for name, pattern in (("open", "listed"), ("closed", "secret")):
            spec = catalog.DataSourceSpec(
                project="heart", databases=("raw_db",), include=(pattern,), publish_automatically=name == "open"
            )
            save_data_source(uow, name, spec, {})
    with rt.begin(rt.service("worker")) as uow:
        for dataset in (LISTED, SECRET):
            facts = catalog.TableFacts(columns=(catalog.Column(name="id", type="string"),))
            catalog.table_changed(uow, lake.TableId.parse(dataset.name), facts)
        chain = [BEHIND, SOURCE, LANDING, RAW, LISTED, SECRET, CURATED]
        for number, (read, written) in enumerate(pairwise(chain)):
            record_edges(uow, LineageRun(f"job:{number}", "job", f"run_{number}"), [read], [written])
        record_edges(uow, LineageRun("job:x", "job", "run_x"), [NOT_OURS, NO_BUCKET], [CURATED])
    with rt.begin(operator) as uow:
        return {name: identity.principal_actor(uow, f"person:{name}") for name in SEEN} | {"operator": operator}


@pytest.mark.parametrize("name", [*SEEN, "operator"])
def test_each_sees_exactly_what_is_open_to_it(rt: Runtime, actors: Mapping[str, Actor], name: str) -> None:
    with rt.begin(actors[name]) as uow:
        together = lineage_sight(uow)(EVERYTHING)
        one_by_one = {dataset for dataset in EVERYTHING if dataset in lineage_sight(uow)([dataset])}
    assert together == one_by_one == SEEN.get(name, EVERYTHING)


@pytest.mark.parametrize("name", [*SEEN, "operator"])
def test_a_walk_names_only_what_is_seen_and_a_hidden_start_is_not_found(
    rt: Runtime, actors: Mapping[str, Actor], name: str
) -> None:
    seen = SEEN.get(name, EVERYTHING)
    for start, direction in product(EVERYTHING, ("up", "down")):
        if start in seen:
            with rt.begin(actors[name]) as uow:
                assert set(read_lineage(uow, start, direction=direction, depth=20).datasets) <= seen
        else:
            with pytest.raises(UnknownDataset) as error, rt.begin(actors[name]) as uow:
                read_lineage(uow, start, direction=direction)
            assert error.value.decision is not None
            assert not error.value.decision.allowed


def test_lineage_that_goes_through_the_hidden_ends_there(rt: Runtime, actors: Mapping[str, Actor]) -> None:
    with rt.begin(actors["analyst"]) as uow:
        assert read_lineage(uow, CURATED, depth=20).edges == ()
        assert read_lineage(uow, LISTED, direction="down", depth=20).edges == ()
    with rt.begin(actors["reader"]) as uow:
        assert {edge.input for edge in read_lineage(uow, SECRET, depth=20).edges} == {RAW, LISTED}


def test_what_is_not_there_is_answered_like_what_is_hidden(rt: Runtime, actors: Mapping[str, Actor]) -> None:
    messages = set()
    for missing in (Dataset("pergamon", "raw_db.nothing"), RAW, NOT_OURS, SOURCE, Dataset("s3://x", "y")):
        with pytest.raises(UnknownDataset) as error, rt.begin(actors["analyst"]) as uow:
            read_lineage(uow, missing)
        messages.add((error.value.message, error.value.hint))
    assert len(messages) == 1
    with pytest.raises(UnknownDataset), rt.begin(actors["reader"]) as uow:
        read_lineage(uow, Dataset("pergamon", "raw_db.nothing"))


def test_a_folder_is_found_without_its_final_slash_by_who_may_know_of_it(
    rt: Runtime, actors: Mapping[str, Actor]
) -> None:
    without = Dataset.of_objects("staging", LANDING.name.rstrip("/"))
    with rt.begin(actors["engineer"]) as uow:
        assert read_lineage(uow, without, direction="down").start == LANDING
    with pytest.raises(UnknownDataset), rt.begin(actors["analyst"]) as uow:
        read_lineage(uow, without, direction="down")
    with pytest.raises(UnknownDataset), rt.begin(actors["engineer"]) as uow:
        read_lineage(uow, Dataset.of_objects("staging", "landing/hda/patient"))


def test_a_claim_opens_nothing_that_was_hidden(rt: Runtime, actors: Mapping[str, Actor]) -> None:
    """Whoever may tell lineage joins a source that it knows with a table that it sees, and learns nothing more."""
    with rt.begin(actors["stranger"]) as uow:
        run = LineageRun("a/b", "told", "run_c")
        record_edges(uow, run, [SOURCE], [LISTED], told_by="person:stranger")
        assert lineage_sight(uow)(EVERYTHING) == {LISTED, SOURCE}
        for direction in ("up", "down"):
            assert set(read_lineage(uow, SOURCE, direction=direction, depth=20).datasets) <= {LISTED, SOURCE}


def test_a_thousand_datasets_are_asked_for_in_a_few_statements(rt: Runtime, actors: Mapping[str, Actor]) -> None:
    many = [Dataset("pergamon", f"raw_db.t{number}") for number in range(1_000)]
    many += [Dataset.of_objects("staging", f"landing/hda/t{number}/") for number in range(1_000)]
    with rt.begin(actors["engineer"]) as uow:
        statements = []
        rows = uow.rows
        object.__setattr__(uow, "rows", lambda *given: statements.append(given) or rows(*given))
        assert len(lineage_sight(uow)(many)) == 1_000
    assert 0 < len(statements) < 20
