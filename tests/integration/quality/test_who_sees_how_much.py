"""Truth tables: who sees counts, who sees values, who may set rules and have a table measured."""

import json

import pyarrow as pa
import pytest

from pergamon import quality
from pergamon.kernel import Decision, PergamonError
from pergamon.quality.sight import values_allowed
from tests.integration.quality.conftest import TABLE, World

ROWS = 37
STAYS = pa.table({"id": list(range(ROWS)), "ward": ["Ward A"] * 30 + [None] * 7})
SIGHTS = [
    ("olga", "values"),  # owner of the project, and reads by the bucket's rule
    ("rita", "values"),  # reads, finds nothing: no role of hers finds the unit's assets
    ("carl", "counts"),  # contributor: describes, reads no data
    ("bea", "counts"),  # researcher: finds what is published
    (None, "counts"),  # the operator reads no data
    ("nora", "nothing"),
]


@pytest.fixture
def measured(world: World) -> World:
    world.table("heart_db.stays", STAYS)
    world.measure()
    return world


@pytest.mark.parametrize(("name", "sight"), SIGHTS)
def test_who_sees_counts_and_who_sees_values(measured: World, name: str | None, sight: str) -> None:
    if sight == "nothing":
        with pytest.raises(quality.NoProfile):
            measured.seen(name)
        return
    told = measured.seen(name)
    ward = next(column for column in told["columns"] if column["name"] == "ward")
    assert told["rows"] == ROWS
    if sight == "values":
        assert (ward["nulls"], ward["values"]["codes"]) == (7, [{"value": "Ward A", "rows": 30}])
    else:
        assert (ward["nulls"], ward["values"], told["counts_rounded_to"]) == (10, {}, 10)
        assert told["zero_is_below"] == 5
        assert "Ward A" not in json.dumps(told)


@pytest.mark.parametrize(("name", "sight"), SIGHTS)
def test_history_and_rules_are_for_whom_the_profile_is(measured: World, name: str | None, sight: str) -> None:
    for ask in (quality.profile_history, quality.visible_rules):
        with measured.by(name) as uow:
            if sight != "nothing":
                assert ask(uow, TABLE)
                continue
        with pytest.raises(quality.NoProfile) as refused, measured.by(name) as uow:
            ask(uow, TABLE)
        assert refused.value.decision is not None


def test_a_table_that_is_not_there_is_answered_as_one_that_may_not_be_found(measured: World) -> None:
    messages = []
    for name in ("heart_db.stays", "heart_db.other"):
        with pytest.raises(quality.NoProfile) as refused, measured.by("nora") as uow:
            quality.visible_profile(uow, quality.table_named(uow, name))
        messages.append((refused.value.message.replace(name, ""), refused.value.hint, refused.value.kind))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    ("name", "may"), [("olga", True), ("carl", True), (None, True), ("rita", False), ("bea", False), ("nora", False)]
)
def test_who_may_have_it_measured(measured: World, name: str | None, may: bool) -> None:
    if may:
        with measured.by(name) as uow:
            quality.run_profile(uow, TABLE)
        assert measured.measure() == 1
        return
    with pytest.raises(PergamonError) as refused, measured.by(name) as uow:
        quality.run_profile(uow, TABLE)
    assert refused.value.decision is not None
    assert measured.measure() == 0


COUNTING = {"name": "all-there", "check": "not-null", "columns": ["ward"]}
SUMMING = {"name": "both-there", "check": "not-null", "columns": ["ward", "id"]}
TELLING = {"name": "guess", "check": "condition", "condition": "id = 17 and ward = 'Ward A'"}


@pytest.mark.parametrize(
    ("name", "rule", "may"),
    [
        ("olga", COUNTING, True),
        ("olga", TELLING, True),
        ("carl", COUNTING, True),
        ("carl", TELLING, False),
        ("carl", SUMMING, False),
        ("olga", SUMMING, True),
        (None, COUNTING, True),
        (None, TELLING, False),
        ("rita", COUNTING, False),
        ("bea", COUNTING, False),
        ("nora", COUNTING, False),
    ],
)
def test_a_rule_that_tells_of_values_is_written_by_who_may_read_them(
    measured: World, name: str | None, rule: dict[str, object], may: bool
) -> None:
    rules = quality.RuleSet.model_validate({"rules": [rule]})
    if may:
        with measured.by(name) as uow:
            assert quality.set_rules(uow, TABLE, rules, expected_version=0) == 1
        assert measured.measure() == 1
        assert measured.profile().results[0].rule == f"own/{rule['name']}"
        return
    with pytest.raises(PergamonError) as refused, measured.by(name) as uow:
        quality.set_rules(uow, TABLE, rules, expected_version=0)
    assert refused.value.decision is not None


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"check": "not-null", "columns": ["nobody"]}, "no column"),
        ({"check": "pattern", "column": "id", "pattern": "x"}, "a pattern is for text"),
        ({"check": "length", "column": "id", "maximum": 3}, "a length is for text"),
        ({"check": "range", "column": "ward", "minimum": 1}, "does not fit the column"),
        ({"check": "in-set", "column": "id", "values": ["a"]}, "does not fit the column"),
        ({"check": "fresh", "column": "id", "within_hours": 1}, "no date"),
        ({"check": "condition", "condition": "ward > 3"}, "rule wrong"),
        (
            {"check": "code-list", "column": "id", "table": "heart_db.stays", "table_column": "ward"},
            "cannot be compared",
        ),
    ],
)
def test_a_rule_that_does_not_fit_the_table_is_refused_where_it_is_set(
    measured: World, wrong: dict[str, object], why: str
) -> None:
    rules = quality.RuleSet.model_validate({"rules": [COUNTING, {"name": "wrong", **wrong}]})
    with pytest.raises(quality.BadRule, match=why) as refused, measured.by("olga") as uow:
        quality.set_rules(uow, TABLE, rules, expected_version=0)
    assert "rule wrong: " in str(refused.value)
    with measured.by("olga") as uow:
        assert quality.visible_rules(uow, TABLE)["rules"] == []


def test_the_share_of_missing_cells_is_rounded_once(world: World) -> None:
    """Six rows of a hundred without a value in two of four columns: 3 %, which a sum of tens would call 5 %."""
    four = pa.table(
        {name: [None] * missing + [1] * (100 - missing) for name, missing in zip("abcd", (6, 6, 0, 0), strict=True)}
    )
    world.table("heart_db.stays", four)
    world.measure()
    assert (world.seen("carl")["null_rate"], world.seen("olga")["null_rate"]) == (0.0, 0.03)


def test_who_describes_keeps_the_rules_of_who_reads_and_sees_no_values_in_them(measured: World) -> None:
    with measured.by("olga") as uow:
        quality.set_rules(uow, TABLE, quality.RuleSet.model_validate({"rules": [TELLING]}), expected_version=0)
    for name in ("bea", "carl", None):
        with measured.by(name) as uow:
            assert "17" not in json.dumps(quality.visible_rules(uow, TABLE)["rules"])
    mine = quality.RuleSet.model_validate({"rules": [COUNTING]})
    with measured.by("carl") as uow:
        assert quality.set_rules(uow, TABLE, mine, expected_version=1) == 2
        assert "all-there" in json.dumps([rule.get("rule") for rule in quality.visible_rules(uow, TABLE)["rules"]])
    with pytest.raises(quality.RulesMovedOn), measured.by("carl") as uow:
        quality.set_rules(uow, TABLE, mine, expected_version=1)
    with measured.by("olga") as uow:
        shown = quality.visible_rules(uow, TABLE)["rules"]
        assert [rule["rule"]["name"] for rule in shown] == ["guess", "all-there"]
        assert quality.set_rules(uow, TABLE, mine, expected_version=2) == 3, (
            "who sees a rule takes it away by leaving it"
        )
        assert len(quality.visible_rules(uow, TABLE)["rules"]) == 1


@pytest.mark.parametrize("rows", [1, 5, 9])
def test_no_value_of_a_row_stands_in_what_is_kept_of_a_few_rows(world: World, rows: int) -> None:
    secret = pa.table(
        {
            "who": [f"Agatha-{n}" for n in range(rows)],
            "nr": [9_182_736_455 + n for n in range(rows)],
            "dose": [3.14159 + n for n in range(rows)],
        }
    )
    world.rules({"name": "sane", "check": "range", "column": "nr", "minimum": 0, "maximum": 1})
    world.table("heart_db.stays", secret)
    world.measure()
    with world.by() as uow:
        kept = uow.rows("SELECT * FROM quality_profile")
        trail = uow.rows("SELECT * FROM audit_event")
    text = json.dumps([kept, trail], default=str) + json.dumps(world.seen("olga")) + json.dumps(world.seen("bea"))
    for told in ("Agatha", "91827364", "3.14159", "4.14159"):
        assert told not in text
    assert world.score_of_asset() is None


@pytest.mark.parametrize(
    ("allowed", "obligations", "values", "masked"),
    [
        (False, {}, False, set()),
        (True, {}, True, set()),
        (True, {"mask:Name": "hash"}, True, {"name"}),
        (True, {"mask:name": "null", "mask:born": "year"}, True, {"name", "born"}),
        (True, {"rows": "ward = 'A'"}, False, set()),
        (True, {"mask:name": "hash", "rows": "x"}, False, set()),
        (True, {"mask:": "hash"}, False, set()),
        (True, {"something-new": "x"}, False, set()),
    ],
)
def test_an_obligation_takes_values_away_and_an_unknown_one_all_of_them(
    allowed: bool, obligations: dict[str, str], values: bool, masked: set[str]
) -> None:
    decision = Decision(allowed, "table.read", "table:a.b", "", obligations=obligations)
    assert values_allowed(decision) == (values, frozenset(masked))
