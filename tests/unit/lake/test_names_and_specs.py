"""Names, specs and the words of a lease."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from pergamon import lake
from pergamon.lake.model import require_name


@pytest.mark.parametrize(
    ("name", "is_good"),
    [
        ("patients", True),
        ("vital_sign_2", True),
        ("", False),
        ("Patients", False),
        ("2nd", False),
        ("a-b", False),
        ("a.b", False),
        ("a b", False),
        ("ä", False),
        ("lease_x", False),
        ("a" * 63, True),
        ("a" * 64, False),
        ("a\n", False),
    ],
)
def test_a_name_is_one_that_every_engine_spells_alike(name: str, is_good: bool) -> None:
    if is_good:
        assert require_name("table", name) == name
    else:
        with pytest.raises(lake.BadName):
            require_name("table", name)


def test_a_full_name_is_read_and_written_the_same() -> None:
    assert str(lake.TableId.parse("raw_db.patients")) == "raw_db.patients"
    with pytest.raises(lake.BadName):
        lake.TableId.parse("patients")
    with pytest.raises(lake.BadName):
        lake.TableId.parse("a.b.c")


def test_an_access_rule_is_written_in_the_words_of_the_accelerator() -> None:
    spec = lake.BucketSpec.model_validate(
        {"access_rules": [{"prefix": "/data/", "ReadRoles": ["data-user"], "ReadWriteSuperRoles": ["data-admin"]}]}
    )
    rule = spec.access_rules[0]
    assert (rule.prefix, rule.read_roles, rule.read_write_super_roles) == ("data", ("data-user",), ("data-admin",))
    assert lake.BucketSpec.model_validate(spec.model_dump(mode="json", by_alias=True)) == spec


@pytest.mark.parametrize("prefix", ["../x", "a/../b", "a//b", "a b", "%2e", "*"])
def test_a_prefix_that_could_lead_elsewhere_is_refused(prefix: str) -> None:
    with pytest.raises(ValidationError):
        lake.AccessRuleSpec(prefix=prefix)
    with pytest.raises(ValidationError):
        lake.DatabaseSpec(bucket="raw", prefix=prefix)


def test_an_unknown_key_and_a_doubled_prefix_are_refused_without_showing_the_input() -> None:
    with pytest.raises(ValidationError) as caught:
        lake.BucketSpec.model_validate({"colour": "of-a-secret"})
    assert "of-a-secret" not in str(caught.value)
    with pytest.raises(ValidationError):
        lake.BucketSpec.model_validate({"access_rules": [{"prefix": "a"}, {"prefix": "a/"}]})


def test_a_leases_summary_holds_single_facts_and_never_lists() -> None:
    lease = lake.Lease(
        id="lease_1",
        table=lake.TableId("raw_db", "patients"),
        table_key="table_1",
        purpose="merge",
        facts={"position": "00.01", "rows": 3, "files": ["a", "b"], "lease": "forged", "yes": True},
        parent_snapshot_id=None,
        opened_at=datetime(2026, 2, 28, tzinfo=UTC),
        opened_by="service:worker",
    )
    assert lease.alias == "lease_1.patients"
    assert lease.summary() == {
        "pergamon.position": "00.01",
        "pergamon.rows": "3",
        "pergamon.lease": "lease_1",
        "pergamon.purpose": "merge",
        "pergamon.table": "raw_db.patients",
    }
