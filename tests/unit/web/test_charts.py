"""Pictures of numbers: what is drawn where, of much, of little, of nothing, and of what no picture was made for."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pergamon.web.pages.charts import HEIGHT, MARGIN, MOST_BARS, MOST_DOTS, MOST_LINES, WIDTH, bars, lines
from pergamon.web.pages.charts_of_results import chart_of, number_in
from pergamon.web.pages.language import language

ENGLISH = language("en")
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def test_a_line_goes_from_its_least_to_its_most() -> None:
    picture = lines(["a"], [0, 1, 2], [[1.0, 3.0, 2.0]])
    assert picture is not None
    top, floor, middle = float(MARGIN), float(HEIGHT - MARGIN), HEIGHT / 2
    assert picture.lines[0].path == f"M{MARGIN}.0 {floor} L{WIDTH / 2} {top} L{WIDTH - MARGIN}.0 {middle}"
    assert (picture.least, picture.most, picture.zero) == (1.0, 3.0, None)


def test_a_gap_is_a_gap() -> None:
    missing = lines(["a"], [0, 1, 2, 3], [[1.0, None, 2.0, 3.0]])
    far = lines(["a"], [0, 1, 60, 61], [[1.0, 1.0, 1.0, 1.0]], longest_gap=5)
    assert missing is not None
    assert far is not None
    assert missing.lines[0].path.count("M") == 2
    assert far.lines[0].path.count("M") == 2


def test_of_little_and_of_nothing() -> None:
    assert lines(["a"], [1], [[1.0]]) is None
    assert lines(["a"], [1, 2], [[None, 1.0]]) is None
    assert bars(["a"], [None]) is None
    assert bars([], []) is None
    flat = bars(["a", "b"], [0.0, 0.0])
    assert flat is not None
    assert [bar.width for bar in flat.bars] == [0.0, 0.0]


def test_bars_below_nothing_lie_on_its_other_side() -> None:
    picture = bars(["loss", "gain", None], [-5.0, 15.0, None])
    assert picture is not None
    assert picture.zero == 25.0
    assert [(bar.x, bar.width) for bar in picture.bars] == [(0.0, 25.0), (25.0, 75.0), (25.0, 0.0)]


@given(st.lists(st.tuples(NUMBERS, NUMBERS | st.none()), min_size=2, max_size=30))
@settings(max_examples=50)
def test_everything_is_inside_whatever_the_numbers_are(points: list[tuple[float, float | None]]) -> None:
    """Also where their distance is beyond every number."""
    in_order = sorted(points, key=lambda point: point[0])
    values = [value for _, value in in_order]
    picture = lines(["a"], [place for place, _ in in_order], [values])
    for text in re.findall(r"[-\w.]+ [-\w.]+", picture.lines[0].path if picture else ""):
        x, y = (float(part.lstrip("ML")) for part in text.split())
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    lying = bars([""] * len(values), values)
    for bar in lying.bars if lying else ():
        assert 0 <= bar.x <= 100
        assert bar.x + bar.width <= 100.02


def rows_of(*columns: tuple[str, str], count: int = 3) -> tuple[list[dict[str, str]], list[list[object]]]:
    made = {"string": "s", "int64": 1, "date32[day]": "2026-01-0"}
    told = [{"name": name, "type": kind} for name, kind in columns]
    rows: list[list[object]] = [
        [n if kind == "int64" else f"{made[kind]}{n % 9 + 1}" for _, kind in columns] for n in range(count)
    ]
    return told, rows


def test_what_was_not_chosen_is_chosen_and_what_is_not_there_too() -> None:
    columns, rows = rows_of(("ward", "string"), ("stays", "int64"), ("days", "int64"))
    chart = chart_of("bar", columns, rows, ENGLISH)
    assert chart is not None
    assert (chart.along, chart.measured) == (0, (1,))
    strange = chart_of("line", columns, rows, ENGLISH, along=99, measured=[99, 0, 2, 2])
    assert strange is not None
    assert (strange.along, strange.measured) == (0, (2,))
    texts, of_texts = rows_of(("ward", "string"))
    assert chart_of("bar", texts, of_texts, ENGLISH) is None


def test_moments_stand_where_they_are_and_in_order() -> None:
    columns = [{"name": "day", "type": "date32[day]"}, {"name": "n", "type": "int64"}]
    chart = chart_of("line", columns, [["2026-01-31", 3], ["2026-01-01", 1], ["2026-01-16", 2], [None, 9]], ENGLISH)
    assert chart is not None
    assert chart.lines is not None
    assert (chart.first, chart.last) == ("2026-01-01", "2026-01-31")
    assert [dot.x for dot in chart.lines.lines[0].dots] == [MARGIN, WIDTH / 2, WIDTH - MARGIN]


def test_no_picture_grows_with_the_result() -> None:
    columns, rows = rows_of(("ward", "string"), *((f"c{n}", "int64") for n in range(9)), count=500)
    line = chart_of("line", columns, rows, ENGLISH, measured=list(range(10)))
    bar = chart_of("bar", columns, rows, ENGLISH)
    assert line is not None
    assert bar is not None
    assert line.lines is not None
    assert bar.bars is not None
    assert len(line.lines.lines) == MOST_LINES
    assert len({one.style for one in line.lines.lines}) == MOST_LINES, "each is broken in its own way"
    assert all(len(one.dots) <= MOST_DOTS for one in line.lines.lines)
    assert len(bar.bars.bars) == MOST_BARS


@pytest.mark.parametrize(
    ("value", "number"),
    [("12.50", 12.5), (3, 3.0), (True, None), (None, None), ("inf", None), ("nan", None), ("x", None), ([1], None)],
)
def test_what_json_could_not_say_is_a_number_all_the_same(value: object, number: float | None) -> None:
    found = number_in(value)
    assert found == number
    assert found is None or math.isfinite(found)
