"""What lands is told to come from its source, column by column: when a load or the columns are new."""

from psycopg.conninfo import conninfo_to_dict

from pergamon import replicate
from pergamon.lineage import Dataset, Graph, upstream
from tests.integration.replicate.conftest import Replication

RENAMED = {
    "rule-type": "transformation",
    "rule-id": "2",
    "rule-name": "capitals",
    "rule-target": "column",
    "object-locator": {"schema-name": "hda", "table-name": "%", "column-name": "%"},
    "rule-action": "convert-uppercase",
}
SELECTED = {
    "rule-type": "selection",
    "rule-id": "1",
    "rule-name": "one",
    "object-locator": {"schema-name": "hda", "table-name": "notes"},
    "rule-action": "include",
}
LANDING = Dataset.of_objects("staging", "landing/hda/notes/")


def graph_of(replication: Replication) -> Graph:
    with replication.rt.begin(replication.operator) as uow:
        return upstream(uow, LANDING, set)


def runs(replication: Replication) -> int:
    with replication.rt.begin(replication.operator) as uow:
        return len(uow.rows("SELECT * FROM lineage_run"))


def test_a_landed_column_comes_from_its_source_column_and_only_news_are_told(replication: Replication) -> None:
    source = replication.source
    source.execute("CREATE TABLE hda.notes (id bigint PRIMARY KEY, note text)", "INSERT INTO hda.notes VALUES (1, 'a')")
    replication.deploy(SELECTED, RENAMED)
    replication.run()
    parts = conninfo_to_dict(source.conninfo)
    expected = replicate.source_dataset(source.conninfo, "hda", "notes")
    assert expected.name == f"{parts['dbname']}.hda.notes"
    edges = {(e.input, e.input_field, e.output_field) for e in graph_of(replication).edges}
    assert edges == {(expected, "", ""), (expected, "id", "ID"), (expected, "note", "NOTE")}
    loaded = runs(replication)
    for number in range(2, 5):
        source.execute(f"INSERT INTO hda.notes VALUES ({number}, 'b')")
        replication.run()
    assert runs(replication) == loaded + 1, "the first changes after the load are new, and the others are not"
    source.execute("ALTER TABLE hda.notes ADD extra text", "INSERT INTO hda.notes VALUES (9, 'c', 'd')")
    replication.run()
    assert (expected, "extra", "EXTRA") in {
        (e.input, e.input_field, e.output_field) for e in graph_of(replication).edges
    }


def test_nothing_of_a_connection_but_host_port_and_database_is_kept(replication: Replication) -> None:
    conninfo = "host=db.test,other port=6432 dbname=hospital user=reader password=hunter2 sslmode=require"
    assert replicate.source_dataset(conninfo, "hda", "t") == Dataset("postgres://db.test:6432", "hospital.hda.t")
    socket = replicate.source_dataset("host=/run/postgresql user=reader", "hda", "t")
    assert socket == Dataset("postgres://localhost:5432", "reader.hda.t")
    assert replicate.source_dataset("hostaddr=::1 dbname=x", "a", "b").namespace == "postgres://[::1]:5432"
