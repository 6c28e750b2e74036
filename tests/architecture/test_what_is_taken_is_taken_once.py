"""Who takes a few rows, locked, takes just those, however PostgreSQL plans it."""

import re
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).parents[2] / "src").rglob("*.py"))
TAKEN_IN_A_SUBQUERY = re.compile(r"\bIN\s*\(\s*SELECT[^()]*(?:\([^()]*\)[^()]*)*\bLIMIT\b[^()]*\bFOR UPDATE\b")


@pytest.mark.parametrize(("sql", "is_wrong"), [
    ("UPDATE t SET a = 1 WHERE id IN (SELECT id FROM t WHERE (b OR c) LIMIT 1 FOR UPDATE SKIP LOCKED)", True),
    ("DELETE FROM t WHERE (a, b) IN (SELECT a, b FROM t ORDER BY c LIMIT %s FOR UPDATE)", True),
    ("UPDATE t SET a = 1 WHERE id = (SELECT id FROM t LIMIT 1 FOR UPDATE SKIP LOCKED)", False),
    ("DELETE FROM t WHERE id = ANY (ARRAY(SELECT id FROM t LIMIT 9 FOR UPDATE SKIP LOCKED))", False),
    ("UPDATE t SET a = 1 WHERE id IN (SELECT id FROM t ORDER BY id FOR UPDATE SKIP LOCKED)", False),
])  # fmt: skip
def test_the_rule_knows_what_it_forbids(sql: str, is_wrong: bool) -> None:
    assert bool(TAKEN_IN_A_SUBQUERY.search(sql)) is is_wrong


def test_no_bounded_taking_stands_where_it_may_be_done_again_for_each_row() -> None:
    """PostgreSQL may run what stands in `IN (SELECT … LIMIT n FOR UPDATE SKIP LOCKED)` once for each row of the table,
    and each run takes others. `=` a SELECT, `= ANY (ARRAY(SELECT …))` and WITH are run once."""
    wrong = [path.name for path in SOURCES if TAKEN_IN_A_SUBQUERY.search(_joined(path.read_text(encoding="utf-8")))]
    assert not wrong


def _joined(source: str) -> str:
    """Texts that stand beside each other as one, as Python reads them."""
    return re.sub(r'"\s*\n\s*f?"', "", source)
