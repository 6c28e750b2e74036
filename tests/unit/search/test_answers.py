"""Ranking, highlights, suggestions, orders and pages, by example, on an index of a few assets."""

import base64
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pergamon.catalog import SearchDocument
from pergamon.search import Facet, SearchBehind, SearchPage, SearchRequest, Seer, Sort, WrongCursor, WrongSearch
from pergamon.search import model as limits
from pergamon.search.index import SearchIndex, remove_other_indexes
from pergamon.search.schema import SHAPE
from pergamon.search.search import answer
from pergamon.store import FeedPosition
from tests.reference.found_assets import NOW, RUN

EVERYONE = Seer(frozenset({"everyone"}))
PLAIN = SearchDocument(
    id="asset_0",
    kind="table",
    name="heart_db.t0",
    title="Something",
    description="",
    readme="",
    columns=(),
    terms=(),
    tags=(),
    asset_type="table",
    project="heart",
    node="hospital",
    account="local",
    unit="clinic/cardiology",
    classification="",
    format="csv",
    updated_at=NOW,
    rows=1,
    quality_score=None,
    is_published=True,
    readers=frozenset({"everyone"}),
    version=1,
)


def filled(root: Path, documents: Iterable[SearchDocument]) -> SearchIndex:
    index = SearchIndex(root, "test")
    with index.writing() as writer:
        assert writer is not None
        given = list(documents)
        writer.put([document.id for document in given], given)
        writer.commit(FeedPosition(1, 1))
    return index


Ask = Callable[..., SearchPage]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    def of(documents: Iterable[SearchDocument], text: str = "", **more: object) -> SearchPage:
        view = filled(tmp_path / os.urandom(4).hex(), documents).view()
        return answer(view, EVERYONE, SearchRequest(text, **more), now=NOW, run=RUN)  # type: ignore[arg-type]

    return of


def ids(page: SearchPage) -> list[str]:
    return [str(hit.document["id"]) for hit in page.hits]


def test_better_places_come_first_and_what_is_written_right_before_slips(ask: Ask) -> None:
    word = "pressure"
    ranked = [
        replace(PLAIN, title="pressure"),
        replace(PLAIN, title="blood pressure"),
        replace(PLAIN, name="heart_db.pressure_values"),
        replace(PLAIN, terms=("Blood pressure",)),
        replace(PLAIN, columns=(("systolic_pressure", ""),)),
        replace(PLAIN, description="Values of pressure"),
        replace(PLAIN, title="presure"),
        replace(PLAIN, description="Values of presure"),
    ]
    documents = [replace(document, id=f"asset_{place}") for place, document in enumerate(ranked)]
    assert ids(ask(documents[::-1], word)) == [document.id for document in documents]


def test_the_younger_of_two_equals_comes_first_and_a_better_place_before_a_younger_one(ask: Ask) -> None:
    old = replace(PLAIN, id="old", title="vitals", updated_at=NOW - timedelta(days=700))
    new = replace(PLAIN, id="new", title="vitals")
    elsewhere = replace(PLAIN, id="elsewhere", description="vitals")
    assert ids(ask([old, elsewhere, new], "vitals")) == ["new", "old", "elsewhere"]


def test_rare_words_weigh_no_more_than_frequent_ones(ask: Ask) -> None:
    """Else the order would tell how often a word stands in hidden assets."""
    rare = replace(PLAIN, id="rare", title="sepsis")
    often = [replace(PLAIN, id=f"often_{number}", title="patients") for number in range(5)]
    [one, *_] = ask([rare, *often], "sepsis").hits
    [other, *_] = ask([rare, *often], "patients").hits
    assert one.score == pytest.approx(other.score, rel=1e-3)


def test_highlights_say_where_the_words_stand(ask: Ask) -> None:
    described = replace(
        PLAIN,
        title="Blutdrücke (PatientVitals)",
        name="heart_db.patient_vitals",
        columns=(("id", ""), ("patient_id", ""), ("bp", "")),
        terms=("Patient",),
    )
    [hit] = ask([described], "patientvitals blutdrucke pat").hits
    told = hit.document
    marked = {
        name: [(told[name] if name in told else told[name.split(".")[0]][int(name.split(".")[1])])[m.start : m.end]
               for m in marks]
        for name, marks in hit.highlights.items()
    }  # fmt: skip
    assert marked == {
        "title": ["Blutdrücke", "PatientVitals"],
        "name": ["patient_vitals"],
        "columns.0": ["patient"],
        "terms.0": ["Patient"],
    }
    assert told["columns"] == ["patient_id"], "of the columns those that were met"


def test_a_text_that_meets_a_word_a_thousand_times_takes_no_time(ask: Ask) -> None:
    documents = [replace(PLAIN, id=f"asset_{number}", description="a " * 1_000) for number in range(60)]
    started = time.process_time()
    page = ask(documents, "a", limit=100)
    assert time.process_time() - started < 1.2
    assert all(len(hit.highlights["description"]) == 1_000 for hit in page.hits)


def test_a_suggestion_mends_what_was_met_by_slips_only(ask: Ask) -> None:
    documents = [replace(PLAIN, id="a", title="Patient vitals"), replace(PLAIN, id="b", title="Patient")]
    assert ask(documents, "patinet vitals").suggestion == "patient vitals"
    assert ask(documents, "patient vit").suggestion is None
    assert ask([*documents, replace(PLAIN, id="c", title="patinet vitals")], "patinet").suggestion is None


def test_a_suggestion_never_comes_from_a_hidden_asset(ask: Ask) -> None:
    hidden = replace(PLAIN, id="h", title="Leukaemia trial", readers=frozenset({"auditor"}))
    page = ask([PLAIN, hidden], "leukaemja")
    assert (page.total, page.suggestion, page.hits) == (0, None, ())


def test_facets_count_as_if_nothing_of_themselves_were_selected(ask: Ask) -> None:
    documents = [
        replace(PLAIN, id="1", format="csv", project="heart"),
        replace(PLAIN, id="2", format="parquet", project="heart"),
        replace(PLAIN, id="3", format="parquet", project="lung"),
    ]
    page = ask(documents, facets={Facet.FORMAT: frozenset({"csv"}), Facet.PROJECT: frozenset({"heart", "none"})})
    assert ids(page) == ["1"]
    told = {facet: [(one.value, one.count, one.is_selected) for one in page.facets[facet].values] for facet in Facet}
    assert told[Facet.FORMAT] == [("csv", 1, True), ("parquet", 1, False)]
    assert told[Facet.PROJECT] == [("heart", 1, True), ("none", 0, True)]
    assert told[Facet.UNIT] == [("clinic", 1, False), ("clinic/cardiology", 1, False)]


def notices(page: SearchPage) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.facet.value, one.value, one.near) for one in page.notices]


def test_a_value_that_nothing_has_is_told_with_the_nearest_ones(ask: Ask) -> None:
    documents = [
        replace(PLAIN, id="1", unit="clinic/cardiology", tags=("ward=heart",)),
        replace(PLAIN, id="2", unit="clinic/oncology", format="parquet"),
    ]
    wrong = {Facet.UNIT: frozenset({"cardio"}), Facet.TAG: frozenset({"heart"}), Facet.FORMAT: frozenset({"xyz"})}
    assert notices(ask(documents, facets=wrong)) == [
        ("unit", "cardio", ("clinic/cardiology",)),
        ("tag", "heart", ("ward=heart",)),
        ("format", "xyz", ()),
    ]


def test_a_value_that_only_other_choices_leave_out_is_no_wrong_one(ask: Ask) -> None:
    documents = [replace(PLAIN, id="1", format="csv"), replace(PLAIN, id="2", format="parquet", project="lung")]
    page = ask(documents, "nowhere", facets={Facet.FORMAT: frozenset({"csv"}), Facet.PROJECT: frozenset({"lung"})})
    assert (page.total, page.notices) == (0, ())


def test_a_value_that_only_hidden_assets_have_is_neither_there_nor_near(ask: Ask) -> None:
    hidden = replace(PLAIN, id="h", unit="oncology", tags=("trial=secret",), readers=frozenset({"auditor"}))
    for unit in ("oncology", "oncolgy"):
        assert notices(ask([PLAIN, hidden], facets={Facet.UNIT: frozenset({unit})})) == [("unit", unit, ())]


def test_very_many_wrong_values_are_told_with_an_end_and_a_rare_one_is_right(ask: Ask) -> None:
    documents = [replace(PLAIN, id=f"{n:04d}", tags=("all=yes", f"n={n}")) for n in range(1200)]
    page = ask(documents, facets={Facet.TAG: frozenset({f"no={n}" for n in range(98)} | {"n=1", "n=1199"})})
    assert len(page.notices) == 10
    assert not {one.value for one in page.notices} & {"n=1", "n=1199"}


def test_a_facet_of_very_many_values_tells_the_most_frequent(ask: Ask) -> None:
    documents = [replace(PLAIN, id=f"{n:04d}", tags=(f"n={n}", "all=yes")) for n in range(1200)]
    tags = ask(documents).facets[Facet.TAG]
    assert (tags.values[0].value, tags.values[0].count, len(tags.values), tags.has_more) == ("all=yes", 1200, 50, True)


def test_text_without_a_word_finds_nothing_and_no_text_everything(ask: Ask) -> None:
    assert ask([PLAIN], "?!").total == 0
    assert ask([PLAIN], "  ").total == 1


@pytest.mark.parametrize("sort", Sort)
def test_pages_lose_and_repeat_nothing_though_all_are_equal(ask: Ask, tmp_path: Path, sort: Sort) -> None:
    view = filled(tmp_path, [replace(PLAIN, id=f"asset_{n:03d}") for n in range(300)]).view()
    request = SearchRequest("something", sort=sort, limit=7)
    pages = [answer(view, EVERYONE, request, now=NOW, run=RUN)]
    while pages[-1].after:
        pages.append(answer(view, EVERYONE, replace(request, after=pages[-1].after), now=NOW, run=RUN))
    found = [one for page in pages for one in ids(page)]
    assert len(found) == len(set(found)) == 300


@pytest.mark.parametrize("sort", Sort)
def test_the_next_page_goes_on_where_the_last_ended_whatever_came_and_went(tmp_path: Path, sort: Sort) -> None:
    documents = [replace(PLAIN, id=f"{n:03d}", title=f"vitals {n:03d}", quality_score=n / 10) for n in range(60)]
    index = filled(tmp_path, documents)
    request = SearchRequest("vitals", sort=sort, limit=20)
    first = answer(index.view(), EVERYONE, request, now=NOW, run=RUN)
    rest = answer(index.view(), EVERYONE, replace(request, limit=100), now=NOW, run=RUN)
    gone, come = (
        ids(first)[:3],
        [replace(PLAIN, id=f"new_{n}", title="vitals 0000", quality_score=99.0) for n in (1, 2)],
    )
    with index.writing() as writer:
        assert writer is not None
        writer.put([*gone, *(one.id for one in come)], come)
        writer.commit(FeedPosition(2, 1))
    second = answer(index.view(), EVERYONE, replace(request, after=first.after), now=NOW, run=RUN)
    stayed = [one for one in ids(second) if not one.startswith("new")]
    assert len(stayed) >= 18
    assert stayed == ids(rest)[20 : 20 + len(stayed)]


@pytest.mark.parametrize("after", ["", "x", "!!!", "bnVsbA", "W10", "WzEsMiwzLDRd", "é", "A" * 4000, "[" * 3000])
def test_a_strange_cursor_is_refused(ask: Ask, after: str) -> None:
    with pytest.raises(WrongCursor):
        ask([PLAIN], "something", after=after)


def test_a_cursor_with_half_a_character_is_refused(ask: Ask) -> None:
    documents = [replace(PLAIN, id=f"asset_{n}") for n in range(3)]
    after = ask(documents, sort=Sort.NAME, limit=1).after
    assert after is not None
    search, _, tie, seen = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    forged = base64.urlsafe_b64encode(json.dumps([search, "\ud800", tie, seen]).encode()).decode().rstrip("=")
    with pytest.raises(WrongCursor):
        ask(documents, sort=Sort.NAME, limit=1, after=forged)


def test_a_cursor_belongs_to_its_search(ask: Ask) -> None:
    documents = [replace(PLAIN, id=f"asset_{n}") for n in range(3)]
    after = ask(documents, "something", limit=1).after
    assert after is not None
    for other in ("else", "Something"):
        with pytest.raises(WrongCursor):
            ask(documents, other, limit=1, after=after)


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": "a" * 501},
        {"text": " ".join("abcdefghijklm")},
        {"limit": 0},
        {"limit": 101},
        {"facets": {Facet.TAG: frozenset(map(str, range(101)))}},
        {"facets": {Facet.FRESHNESS: frozenset({"decade"})}},
    ],
)
def test_a_search_beyond_the_limits_is_refused(ask: Ask, wrong: dict[str, object]) -> None:
    with pytest.raises(WrongSearch):
        ask([PLAIN], **wrong)


def test_relevance_ends_somewhere(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view = filled(tmp_path, [replace(PLAIN, id=f"asset_{n:03d}") for n in range(30)]).view()
    monkeypatch.setattr("pergamon.search.search.MOST_RELEVANT", 20)
    first = answer(view, EVERYONE, SearchRequest("something", limit=10), now=NOW, run=RUN)
    second = answer(view, EVERYONE, SearchRequest("something", limit=10, after=first.after), now=NOW, run=RUN)
    assert second.after is None
    assert second.total == 30
    assert limits.MOST_RELEVANT == 10_000


# --- the index as a cache ---


def emptied(directory: Path) -> None:
    for file in directory.iterdir():
        file.unlink()


def halved(directory: Path, pattern: str) -> None:
    for file in directory.glob(pattern):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


DAMAGE: dict[str, Callable[[Path], object]] = {
    "emptied": emptied,
    "no meta": lambda directory: (directory / "meta.json").unlink(),
    "half a meta": lambda directory: halved(directory, "meta.json"),
    "another meta": lambda directory: (directory / "meta.json").write_text("{}"),
    "meta of rubbish": lambda directory: (directory / "meta.json").write_bytes(b"\xff\x00rubbish"),
    "no terms": lambda directory: [file.unlink() for file in directory.glob("*.term")],
    "half the terms": lambda directory: halved(directory, "*.term"),
    "half the fast fields": lambda directory: halved(directory, "*.fast"),
    "half the store": lambda directory: halved(directory, "*.store"),
    "half the postings": lambda directory: halved(directory, "*.idx"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_index_is_made_anew(tmp_path: Path, damage: str) -> None:
    filled(tmp_path, [PLAIN])
    DAMAGE[damage](tmp_path / f"{SHAPE}-test")
    index = SearchIndex(tmp_path, "test")
    with pytest.raises(SearchBehind):
        index.view()
    with index.writing() as writer:
        assert writer is not None
        assert writer.position == FeedPosition(), "so that everything is followed again"
        writer.put([PLAIN.id], [PLAIN])
        writer.commit(FeedPosition(1, 1))
    assert ids(answer(index.view(), EVERYONE, SearchRequest(), now=NOW, run=RUN)) == [PLAIN.id]


def test_only_one_writes_and_others_read_what_it_commits(tmp_path: Path) -> None:
    index, other = filled(tmp_path, [PLAIN]), SearchIndex(tmp_path, "test")
    with index.writing() as writer, other.writing() as second:
        assert writer is not None
        assert second is None
        writer.put(["b"], [replace(PLAIN, id="b")])
        assert answer(other.view(), EVERYONE, SearchRequest(), now=NOW, run=RUN).total == 1
        writer.commit(FeedPosition(3, 4))
        assert answer(other.view(), EVERYONE, SearchRequest(), now=NOW, run=RUN).total == 2
        assert other.view().position == FeedPosition(3, 4)


def test_what_was_not_committed_is_not_there(tmp_path: Path) -> None:
    index = filled(tmp_path, [PLAIN])
    with index.writing() as writer:
        assert writer is not None
        writer.put(["b"], [replace(PLAIN, id="b")])
    with index.writing() as writer:
        assert writer is not None
        writer.commit(FeedPosition(2, 2))
    assert answer(index.view(), EVERYONE, SearchRequest(), now=NOW, run=RUN).total == 1


def test_indexes_of_other_shapes_are_taken_away_unless_somebody_writes_them(tmp_path: Path) -> None:
    filled(tmp_path, [PLAIN])
    for origin in ("busy", "idle"):
        with SearchIndex(tmp_path, origin).writing():
            pass
    with SearchIndex(tmp_path, "busy").writing():
        remove_other_indexes(tmp_path, "test")
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {f"{SHAPE}-test", f"{SHAPE}-busy"}
