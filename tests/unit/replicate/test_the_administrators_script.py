"""A superuser of the source runs this script: whoever may name a table there must not get to write a line of it."""

import pytest

from pergamon.replicate.model import ReplicationTask, ReplicationTaskSpec, SourceSpec
from pergamon.replicate.ports import ServerFacts, SourceColumn, SourceTable
from pergamon.replicate.source_script import administrator_script, remark

HOSTILE = ["x\nALTER ROLE eve SUPERUSER; --", "x\r\n\\! id", "x\u2028y", "x\x0b\x0cDROP", "x\x85y"]
RULE = {
    "rule-type": "selection",
    "rule-id": "1",
    "rule-action": "include",
    "object-locator": {"schema-name": "%", "table-name": "%"},
}


def script(table: str) -> str:
    spec = ReplicationTaskSpec(source=SourceSpec(conninfo="{{secret:source}}"), rules=(RULE,))
    facts = ServerFacts(180000, "logical", True, True, 5, 5, "replicator", table, False)
    columns = (SourceColumn(name="note", type_oid=25, typmod=-1, type_name="text", not_null=False),)
    keyless = SourceTable("public", table, columns, (), "d", (), 0, False, False, True)
    return administrator_script(ReplicationTask("hospital", spec), facts, [keyless])


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_the_source_begins_a_line_that_a_superuser_runs(name: str) -> None:
    quoted_away = script(name).replace('"' + name + '"', '"t"')
    assert all(line.startswith(("-- ", "ALTER ROLE", "GRANT", "CREATE")) for line in quoted_away.splitlines())
    assert "SUPERUSER" not in "".join(line for line in quoted_away.splitlines() if not line.startswith("-- "))


def test_an_ordinary_name_is_told_as_it_is() -> None:
    assert remark("hda.Patienten-Größe") == "-- hda.Patienten-Größe"
