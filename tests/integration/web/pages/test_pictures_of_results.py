"""A result as a picture, and the workgroup that a query runs in, as its page lets one choose."""

import re

from pergamon import query
from tests.reference.portal import Portal

from .conftest import Visit
from .test_texts_that_would_be_scripts import EVIL, harmless
from .test_the_way_to_rows import run

BY_MONTH = (
    "SELECT * FROM (VALUES ('2026-01-01'::DATE, 3, 1.5), ('2026-02-01'::DATE, 5, 2.25), ('2026-03-01'::DATE, 4, -1)) "
    "t(month, stays, change) ORDER BY month"
)


def address(text: str) -> str:
    return re.findall(r"(/query/query_\w+)/download", text)[0]


def test_a_result_is_drawn_as_bars_and_lines_and_still_exported(visit: Visit) -> None:
    rena = visit("rena")
    page = address(run(rena, BY_MONTH).text)
    bars = rena.get(f"{page}?chart=bar").text
    assert bars.count('<rect class="bar-fill"') == 3
    assert "2026-02-01" in bars
    assert f"{page}/download?form=csv" in bars
    lines = rena.get(f"{page}?chart=line&x=0&y=1&y=2").text
    assert {"s-0", "s-1"} == set(re.findall(r'class="chart-line (s-\d)" d="M\d+\.', lines))
    assert "stays, change along month, from -1 to 5" in lines
    german = visit("rena", "de").get(f"{page}?chart=line&y=2").text
    assert "2,25" in german, "numbers as the reader writes them"
    assert rena.get(f"{page}?chart=pie").status_code == 422
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", bars + lines)


def test_a_number_stands_below_the_name_of_its_column(visit: Visit) -> None:
    page = run(
        visit("rena"), "SELECT sum(x) AS whole, 1.5::DECIMAL(9, 2) AS exact, 'a' AS word FROM (VALUES (6), (7)) t(x)"
    )
    cells = re.findall(r'<t[hd](?: scope="col")?( class="num")? title="[^"]*">(whole|13|exact|1.50|word|a)<', page.text)
    assert cells == [
        (' class="num"' * (one not in ("word", "a")), one) for one in ("whole", "exact", "word", "13", "1.50", "a")
    ]


def test_what_cannot_be_drawn_says_so(visit: Visit) -> None:
    rena = visit("rena")
    texts = address(run(rena, "SELECT 'a' AS b").text)
    assert "There is no column of numbers to draw" in rena.get(f"{texts}?chart=bar").text
    one = address(run(rena, "SELECT 1 AS b").text)
    assert "Too few numbers to draw" in rena.get(f"{one}?chart=line").text
    many = address(run(rena, "SELECT range AS a, range AS b FROM range(3000)").text)
    assert "Drawn from the first 500 of 3,000 rows" in rena.get(f"{many}?chart=line").text
    assert "Drawn from the first 100 of 3,000 rows" in rena.get(f"{many}?chart=bar").text


def test_nobody_elses_result_is_drawn(visit: Visit) -> None:
    page = address(run(visit("rena"), "SELECT 1 AS a").text)
    assert visit("remy").get(f"{page}?chart=bar").status_code == 404


def test_names_and_values_in_a_picture_are_text(visit: Visit) -> None:
    rena = visit("rena")
    sql = f'SELECT * FROM (VALUES (\'{EVIL}\', 1), (\'"><img src=x onerror=alert(1)>\', 2)) t("{EVIL}", "n{EVIL}")'
    page = address(run(rena, sql).text)
    for kind in ("bar", "line"):
        assert harmless(rena.get(f"{page}?chart={kind}").text), kind


def test_a_workgroup_is_chosen_where_there_are_several(portal: Portal, visit: Visit) -> None:
    rena = visit("rena")
    assert 'name="workgroup"' not in rena.get("/query").text, "with one there is nothing to choose"
    assert "A query may take 60 s and return 10,000 rows" in rena.get("/query").text
    with portal.by() as uow:
        limits = query.QueryLimits(timeout_s=600, max_scanned_mb=1000)
        slow = query.WorkgroupSpec(users=frozenset({"researcher"}), limits=limits, description=f"Slow {EVIL}")
        query.put_workgroup(uow, "slow", slow, {})
        query.put_workgroup(uow, "others", query.WorkgroupSpec(users=frozenset({"auditor"})), {})
    page = rena.get("/query").text
    chosen = page[page.index('name="workgroup"') : page.index("</select>")]
    assert re.findall(r'<option value="(\w+)"( selected)?', chosen) == [("default", " selected"), ("slow", "")]
    assert harmless(page)
    assert "A query may take 600 s" in page
    result = rena.follow(rena.send("/query", "/query", sql="SELECT 1 AS a", workgroup="slow"))
    assert '<option value="slow" selected' in result.text, "it stays what was chosen"
    with portal.by("rena") as uow:
        assert query.own_queries(uow, limit=1)[0].workgroup == "slow"
    refused = rena.send("/query", "/query", sql="SELECT 1 AS a", workgroup="others")
    assert (refused.status_code, "query.no_such_workgroup" in refused.text) == (422, True)
    nobodys = visit("olga").get("/query").text
    assert "You may not run queries yet." in nobodys
