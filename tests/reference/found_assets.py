"""Search, slow and obvious: every asset is looked at for every request. And random catalogs to search.

Only words and their comparison are shared with the index (they have tests of their own).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from pergamon.catalog import SearchDocument
from pergamon.search import Facet, SearchRequest, Seer, Sort
from pergamon.search.model import FRESH_WITHIN
from pergamon.search.words import Match, indexed_words, match, words_of

RUN = ThreadPoolExecutor(2).submit
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

WORDS = [
    *("patient", "patients", "vitals", "vital", "Müller", "straße", "heart", "heath", "health", "hear", "lab", "labs"),
    *("patient_vitals", "PatientVitals", "HbA1c", "año", "diagnosis", "diagnoses", "hypertension", "id", "x", "δοκιμή"),
]
ROLES = ["everyone", "project:heart/owner", "project:lung/consumer", "data-user", "auditor"]
UNITS = ["", "clinic", "clinic/cardiology", "clinic/cardiology/echo", "lab"]


def seen_by(seer: Seer, document: SearchDocument) -> bool:
    return seer.sees_all or bool(document.readers & seer.roles)


def score(document: SearchDocument, text: str) -> int | None:
    """The sum over the words of each one's best place; None when a word is nowhere."""
    points = {
        Match.EXACT: (100, 80, 60, 40, 30),
        Match.PREFIX: (60, 48, 36, 24, 18),
        Match.FUZZY: (10, 3, 3, 3, 3),
    }
    fields = [
        [document.title],
        [document.name],
        [*document.terms, *document.term_words, *document.tags],
        [name for name, _ in document.columns],
        [document.description, document.readme, document.project, document.unit, *(d for _, d in document.columns)],
    ]
    typed = list(dict.fromkeys(word.folded for word in words_of(text)))
    total = 0
    for index, word in enumerate(typed):
        best = 0
        for place, texts in enumerate(fields):
            for standing in (one for several in texts for one in indexed_words(several)):
                how = match(word, standing, is_last=index == len(typed) - 1)
                best = max(best, points[how][place] if how else 0)
        if not best:
            return None
        total += best
    return total if typed or not text.strip() else None


def values_of(document: SearchDocument, facet: Facet, now: datetime) -> set[str]:
    age = now - document.updated_at
    levels = document.unit.split("/")
    values = {
        Facet.TYPE: {document.asset_type},
        Facet.PROJECT: {document.project},
        Facet.NODE: {document.node},
        Facet.ACCOUNT: {document.account},
        Facet.UNIT: {"/".join(levels[:depth]) for depth in range(1, len(levels) + 1)},
        Facet.TERM: set(document.terms),
        Facet.TAG: set(document.tags),
        Facet.CLASSIFICATION: {document.classification},
        Facet.FORMAT: {document.format},
        Facet.FRESHNESS: {name for name, within in FRESH_WITHIN.items() if age <= within} or {"older"},
    }
    return values[facet] - {""}


def found(
    documents: Iterable[SearchDocument], seer: Seer, request: SearchRequest, *, without: Facet | None = None
) -> list[SearchDocument]:
    """What meets a request, in no order; `without`: as if nothing of this facet were selected."""
    return [
        document
        for document in documents
        if seen_by(seer, document)
        and score(document, request.text) is not None
        and all(
            values_of(document, facet, NOW) & selected
            for facet, selected in request.facets.items()
            if selected and facet is not without
        )
    ]


def counts(documents: Sequence[SearchDocument], seer: Seer, request: SearchRequest, facet: Facet) -> Counter[str]:
    met = found(documents, seer, request, without=facet)
    return Counter(value for document in met for value in values_of(document, facet, NOW))


# --- random catalogs ---


def texts(least: int = 0, most: int = 4) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(WORDS), min_size=least, max_size=most).map(" ".join)


@st.composite
def documents(draw: st.DrawFn, number: int) -> SearchDocument:
    return SearchDocument(
        id=f"ast_{number:04d}",
        kind="table",
        name=draw(st.sampled_from(WORDS)),
        title=draw(texts(0, 3)),
        description=draw(texts()),
        readme=draw(texts(0, 2)),
        columns=tuple(draw(st.lists(st.tuples(st.sampled_from(WORDS), texts(0, 2)), max_size=3))),
        terms=tuple(draw(st.lists(st.sampled_from(["Blood pressure", "Diagnosis"]), max_size=2, unique=True))),
        tags=tuple(draw(st.lists(st.sampled_from(["country=de", "country=es", "gdpr=art9"]), max_size=2, unique=True))),
        asset_type=draw(st.sampled_from(["table", "data-product"])),
        project=draw(st.sampled_from(["heart", "lung", ""])),
        node="hospital",
        account="local",
        unit=draw(st.sampled_from(UNITS)),
        classification=draw(st.sampled_from(["", "confidential", "open"])),
        format=draw(st.sampled_from(["", "csv", "parquet"])),
        updated_at=NOW - draw(st.sampled_from([*map(timedelta, (0, 1, 6, 7, 8, 29, 30, 364, 365, 366, 9000)), ONE_S])),
        rows=draw(st.none() | st.integers(0, 10**9)),
        quality_score=draw(st.none() | st.sampled_from([0.0, 0.5, 98.25, 100.0])),
        is_published=draw(st.booleans()),
        readers=frozenset(draw(st.lists(st.sampled_from(ROLES), max_size=3))),
        version=draw(st.integers(1, 9)),
    )


ONE_S = timedelta(days=1, seconds=1)


@st.composite
def catalogs(draw: st.DrawFn, most: int = 25) -> list[SearchDocument]:
    return [draw(documents(number)) for number in range(draw(st.integers(0, most)))]


@st.composite
def seers(draw: st.DrawFn) -> Seer:
    return Seer(frozenset(draw(st.lists(st.sampled_from(ROLES), max_size=3))), sees_all=draw(st.booleans()))


@st.composite
def requests(draw: st.DrawFn) -> SearchRequest:
    typed = st.sampled_from([*WORDS, "patinet", "pat", "hart", "mueller", "diagnosos", "hypertenshun", "cardio", "?"])
    values = {
        Facet.TYPE: ["table", "data-product"],
        Facet.PROJECT: ["heart", "lung", "nowhere"],
        Facet.UNIT: ["clinic", "clinic/cardiology", "lab"],
        Facet.TERM: ["Diagnosis"],
        Facet.TAG: ["country=de", "country=es"],
        Facet.FRESHNESS: [*FRESH_WITHIN, "older"],
    }
    selected = st.fixed_dictionaries({}, optional={f: st.frozensets(st.sampled_from(v)) for f, v in values.items()})
    return SearchRequest(
        text=" ".join(draw(st.lists(typed, max_size=3))),
        facets=draw(selected),
        sort=draw(st.sampled_from(Sort)),
        limit=draw(st.sampled_from([1, 3, 100])),
    )
