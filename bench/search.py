"""How quickly is something found in a large catalog, against plain PostgreSQL full-text search with the same data?

Each request gives what a person sees on one screen: the first 20 hits in order, the total, and the counts of all ten
facets, each as if nothing of itself were selected; only of what the caller may see, about 30 % of the assets.

Contenders: `ours` (the index, as every search uses it; also highlights, slips and prefixes) and `PostgreSQL` (a table
with tsvector and GIN, `ts_rank`, GROUP BY per facet; words as they stand and the last as a prefix: it has no slips, for
`pg_trgm` is not in the wheel).

Data: BENCH_ASSETS (100,000) assets, seed 1: 40 projects, 160 domain units, 300 terms, 400 tags, about 14,000 words, 6
to 25 columns. BENCH_QUERIES (500) requests, seed 2: empty, one to three words, some with a slip, some a beginning, half
with one or two facets selected. Checked: requests without words have the same totals and counts in both; with words
ours finds at least what PostgreSQL finds. Command: `python -m bench search`, or, with fewer requests for PostgreSQL,
which takes seconds for one, `BENCH_ASSETS=1000000 BENCH_BASELINE_QUERIES=50 python -m bench search`.
"""

import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench.installation import platform_database, scratch
from bench.measure import Steps, measure_once, measure_warm, report, rows_wanted
from pergamon.catalog import SearchDocument
from pergamon.search import Facet, SearchRequest, Seer
from pergamon.search.index import SearchIndex
from pergamon.search.model import FRESH_WITHIN
from pergamon.search.schema import facet_values, word_texts
from pergamon.search.search import answer
from pergamon.search.words import indexed_words, words_of
from pergamon.store import FeedPosition

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CALLER = Seer(frozenset({"everyone", *(f"project:p{number}/consumer" for number in range(11))}))
BATCH = 1_000

SUBJECTS = [
    "patient",
    "encounter",
    "observation",
    "vital",
    "blood",
    "pressure",
    "heart",
    "rate",
    "oxygen",
    "temperature",
    "weight",
    "height",
    "glucose",
    "insulin",
    "hemoglobin",
    "creatinine",
    "sodium",
    "potassium",
    "cholesterol",
    "diagnosis",
    "procedure",
    "medication",
    "prescription",
    "dose",
    "allergy",
    "immunization",
    "laboratory",
    "sample",
    "specimen",
    "pathology",
    "biopsy",
    "tumor",
    "stage",
    "therapy",
    "radiation",
    "chemotherapy",
    "surgery",
    "ward",
    "admission",
    "discharge",
    "emergency",
    "intensive",
    "care",
    "ventilation",
    "imaging",
    "radiology",
    "tomography",
    "ultrasound",
    "registry",
    "cohort",
    "survey",
    "questionnaire",
    "consent",
    "birth",
    "death",
    "mortality",
    "cause",
    "claim",
    "cost",
    "provider",
    "hospital",
    "clinic",
    "practitioner",
    "device",
    "sensor",
    "wearable",
    "sleep",
    "activity",
    "nutrition",
    "smoking",
    "alcohol",
    "diabetes",
    "hypertension",
    "asthma",
    "copd",
    "stroke",
    "dementia",
    "depression",
    "anxiety",
    "cancer",
    "breast",
    "lung",
    "colon",
    "kidney",
    "liver",
    "cardiac",
    "rhythm",
    "ecg",
    "genome",
    "variant",
    "expression",
    "protein",
]
PLACES = ("cardiology", "oncology", "neurology", "pediatrics", "surgery", "radiology", "laboratory", "emergency")
COLUMN_ENDS = ("id", "code", "value", "unit", "date", "time", "status", "type", "name", "source", "version", "flag")


def main() -> None:
    assets, queries = rows_wanted("BENCH_ASSETS", 100_000), rows_wanted("BENCH_QUERIES", 500)
    asked = list(islice(requests(), queries))
    of_both = asked[: rows_wanted("BENCH_BASELINE_QUERIES", queries)]
    with scratch() as directory, platform_database(directory) as settings:
        database = str(settings.database_url)
        builds = [
            measure_once("build: ours", lambda: _once(lambda: build_index(directory, assets))),
            measure_once("build: PostgreSQL", lambda: _once(lambda: build_tables(database, assets))),
        ]
        report("search-build", builds, builds[1].name, {"assets": assets}, things=(assets, "assets"))
        ours = measure_warm("ours", lambda: searching(directory, asked))
        theirs = measure_warm("PostgreSQL", lambda: selecting(database, of_both))
        _check(of_both, json.loads(ours[0].result)[: len(of_both)], json.loads(theirs[0].result))
        shown = [replace(found, result=None) for found in (*ours, *theirs)]
        size = sum(file.stat().st_size for file in directory.rglob("index/**/*") if file.is_file()) / 2**20
        facts = {"assets": assets, "queries": queries, "baseline_queries": len(of_both), "index_mib": round(size)}
        report("search", shown, theirs[0].name, facts)


@contextmanager
def _once(work: Callable[[], Any]) -> Iterator[Steps]:
    yield Steps(work)


def _timed(asked: list[SearchRequest], find: Callable[[SearchRequest], Any]) -> Steps:
    """All requests, one after the other; the median and the 95th percentile as parts."""
    parts: dict[str, list[float]] = {"a request, median": [], "a request, p95": [], "a request, slowest": []}

    def timed() -> str:
        seconds, told = [], []
        for request in asked:
            started = time.perf_counter()
            told.append(find(request))
            seconds.append(time.perf_counter() - started)
        seconds.sort()
        parts["a request, median"].append(statistics.median(seconds))
        parts["a request, p95"].append(seconds[int(len(seconds) * 0.95)])
        parts["a request, slowest"].append(seconds[-1])
        return json.dumps(told)

    return Steps(timed, parts=parts)


def _check(asked: list[SearchRequest], ours: list[Any], theirs: list[Any]) -> None:
    for request, (total, counts), (their_total, their_counts) in zip(asked, ours, theirs, strict=True):
        if request.text:
            assert total >= their_total, request
        else:
            assert (total, counts) == (their_total, their_counts), request


def _most(counts: dict[str, dict[str, int]]) -> dict[str, list[list[Any]]]:
    """The most frequent values of each facet, in one order."""
    return {
        facet: [
            [value, count] for value, count in sorted(told.items(), key=lambda one: (-one[1], one[0]))[:20] if count
        ]
        for facet, told in sorted(counts.items())
    }


# --- ours ---


def build_index(directory: Path, assets: int) -> int:
    """The whole index, as a follower makes it."""
    with SearchIndex(directory / "index", "bench").writing() as writer:
        assert writer is not None
        made = documents(assets)
        for number in range(1, assets // BATCH + 2):
            batch = list(islice(made, BATCH))
            writer.put([document.id for document in batch], batch)
            if number % 20 == 0 or len(batch) < BATCH:
                writer.commit(FeedPosition(number, 0))
    return assets


@contextmanager
def searching(directory: Path, asked: list[SearchRequest]) -> Iterator[Steps]:
    view = SearchIndex(directory / "index", "bench").view()

    threads = ThreadPoolExecutor()

    def find(request: SearchRequest) -> Any:
        page = answer(view, CALLER, request, now=NOW, run=threads.submit)
        json.dumps(page.as_json())
        counts = {facet.value: {one.value: one.count for one in told.values} for facet, told in page.facets.items()}
        return [page.total, _most(counts)]

    yield _timed(asked, find)


# --- PostgreSQL ---

SINGLE = [Facet.TYPE, Facet.PROJECT, Facet.NODE, Facet.ACCOUNT, Facet.CLASSIFICATION, Facet.FORMAT]
SEVERAL = [Facet.UNIT, Facet.TERM, Facet.TAG]


def build_tables(database: str, assets: int) -> int:
    columns = [f"{facet.value} text" for facet in SINGLE] + [f"{facet.value} text[]" for facet in SEVERAL]
    with psycopg.connect(database) as connection:
        connection.execute(
            f"CREATE TABLE asset (id text, readers text[], updated_at timestamptz, words tsvector, told text, "
            f"{', '.join(columns)})"
        )
        with connection.cursor().copy("COPY asset FROM STDIN") as copy:
            for document in documents(assets):
                values = facet_values(document)
                singles = [next(iter(values[facet]), None) for facet in SINGLE]
                told = json.dumps([document.title, document.name, document.description])
                lists = [values[facet] for facet in SEVERAL]
                copy.write_row(
                    [
                        document.id,
                        sorted(document.readers),
                        document.updated_at,
                        _vector(document),
                        told,
                        *singles,
                        *lists,
                    ]
                )
        connection.execute("CREATE INDEX ON asset USING gin (words)")
        connection.execute("CREATE INDEX ON asset USING gin (readers)")
        connection.execute("ANALYZE asset")
    return assets


def _vector(document: SearchDocument) -> str:
    """Our own words, weighted by field, so that both search the same."""
    weights: dict[str, str] = {}
    for weight, (_, texts) in zip("ABBCD", word_texts(document).items(), strict=True):
        for text in texts:
            for word in indexed_words(text):
                weights.setdefault(word, weight)
    return " ".join(f"{word}:{place}{weight}" for place, (word, weight) in enumerate(weights.items(), 1))


@contextmanager
def selecting(database: str, asked: list[SearchRequest]) -> Iterator[Steps]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET jit = off")  # compiling costs more than it gives here
        yield _timed(asked, lambda request: _select(connection, request))


def _select(connection: psycopg.Connection[Any], request: SearchRequest) -> Any:
    selected = [facet for facet, values in request.facets.items() if values]
    rank = "ts_rank(words, query)" if request.text else "updated_at"
    connection.execute(
        f"SELECT told FROM asset, to_tsquery('simple', %(query)s) AS query WHERE {_where(request)} "
        f"ORDER BY {rank} DESC, id LIMIT 20",
        _values(request),
    ).fetchall()
    shared = [facet for facet in Facet if facet not in selected]
    counts, total = _counts(connection, request, shared, None)
    for facet in selected:
        more, _ = _counts(connection, request, [facet], facet)
        counts |= more
    return [total, _most(counts)]


def _counts(
    connection: psycopg.Connection[Any], request: SearchRequest, facets: list[Facet], without: Facet | None
) -> tuple[dict[str, dict[str, int]], int]:
    """One pass over what is met, then a GROUP BY for each facet."""
    ways = ["SELECT '' AS facet, '' AS value, count(*) FROM met"]
    ways += [f"SELECT '{facet.value}', value, count(*) FROM ({_value(facet)}) AS v GROUP BY value" for facet in facets]
    found = connection.execute(
        f"WITH met AS MATERIALIZED (SELECT * FROM asset, to_tsquery('simple', %(query)s) AS query "
        f"WHERE {_where(request, without)}) {' UNION ALL '.join(ways)}",
        _values(request),
    ).fetchall()
    counts: dict[str, dict[str, int]] = {facet.value: {} for facet in facets}
    total = 0
    for facet, value, count in found:
        if not facet:
            total = count
        elif value is not None:
            counts[facet][value] = count
    if Facet.FRESHNESS.value in counts:
        counts[Facet.FRESHNESS.value] = _cumulated(counts[Facet.FRESHNESS.value])
    return counts, total


def _value(facet: Facet) -> str:
    if facet is Facet.FRESHNESS:
        cases = " ".join(f"WHEN updated_at >= {_since(name)} THEN '{name}'" for name in FRESH_WITHIN)
        return f"SELECT CASE {cases} ELSE 'older' END AS value FROM met"
    if facet in SEVERAL:
        return f"SELECT unnest({facet.value}) AS value FROM met"
    return f"SELECT {facet.value} AS value FROM met"


def _cumulated(counts: dict[str, int]) -> dict[str, int]:
    names = list(FRESH_WITHIN)
    within = {name: sum(counts.get(one, 0) for one in names[: place + 1]) for place, name in enumerate(names)}
    return within | {"older": counts.get("older", 0)}


def _since(name: str) -> str:
    return sql.Literal(NOW - FRESH_WITHIN[name]).as_string()


def _where(request: SearchRequest, without: Facet | None = None) -> str:
    parts = ["readers && %(roles)s"]
    if request.text:
        parts.append("words @@ query")
    for facet, values in request.facets.items():
        if not values or facet is without:
            continue
        if facet is Facet.FRESHNESS:
            parts.append("(" + " OR ".join(f"updated_at >= {_since(value)}" for value in sorted(values)) + ")")
        else:
            parts.append(f"{facet.value} {'&&' if facet in SEVERAL else '= ANY'} (%({facet.value})s)")
    return " AND ".join(parts)


def _values(request: SearchRequest) -> dict[str, Any]:
    words = [word.folded for word in words_of(request.text)]
    query = " & ".join([*words[:-1], *(f"{word}:*" for word in words[-1:])])
    facets = {facet.value: sorted(values) for facet, values in request.facets.items()}
    return {"query": query, "roles": sorted(CALLER.roles), **facets}


# --- data ---


def vocabulary() -> list[str]:
    """Subjects, then names as of substances, the frequent ones first."""
    dice = random.Random(0)
    made = ["".join(dice.choice("bcdfglmnprstvz") + dice.choice("aeiouy") for _ in range(dice.randint(2, 5)))
            for _ in range(15_000)]  # fmt: skip
    return list(dict.fromkeys([*SUBJECTS, *made]))


def documents(assets: int) -> Iterator[SearchDocument]:
    """The assets of the synthetic catalog, the same for the same number."""
    dice, words = random.Random(1), vocabulary()

    def word() -> str:
        if dice.random() < 0.7:
            return dice.choice(SUBJECTS)
        return words[min(int(dice.paretovariate(0.35)), len(words) - 1)]

    for number in range(assets):
        project = dice.randrange(40)
        title = [word() for _ in range(dice.randint(2, 4))]
        columns = [f"{word()}_{dice.choice(COLUMN_ENDS)}" for _ in range(dice.randint(6, 25))]
        place = PLACES[project % len(PLACES)]
        yield SearchDocument(
            id=f"asset_{number:08d}",
            kind="table",
            name=f"db_{project}.{'_'.join(title)}_{number % 100}",
            title=" ".join(title).capitalize(),
            description=" ".join(word() for _ in range(dice.randint(8, 30))),
            readme="",
            columns=tuple((column, "") for column in columns),
            terms=tuple({f"term {words[dice.randrange(300)]}" for _ in range(2)}),
            tags=tuple({f"{PLACES[dice.randrange(8)]}={dice.randrange(50)}" for _ in range(2)}),
            asset_type="table" if dice.random() < 0.9 else "data-product",
            project=f"p{project}",
            node=f"node {project % 5}",
            account=f"account {project % 10}",
            unit=f"{place}/group {project % 5}/team {dice.randrange(4)}",
            classification=dice.choice(("open", "internal", "confidential", "secret")),
            format=dice.choice(("csv", "parquet", "json", "avro", "excel")),
            updated_at=NOW - timedelta(minutes=int(dice.paretovariate(0.3) * 60) % 3_000_000),
            rows=dice.randrange(10**7),
            quality_score=round(dice.random() * 100, 2),
            is_published=True,
            readers=frozenset(
                {f"project:p{project}/{role}" for role in ("owner", "contributor", "consumer", "steward")}
                | ({"everyone"} if dice.random() < 0.05 else set())
            ),
            version=1,
        )


def requests() -> Iterator[SearchRequest]:
    """What people ask, the same for every size of the catalog."""
    dice, words = random.Random(2), vocabulary()
    choices: dict[Facet, list[str]] = {
        Facet.PROJECT: [f"p{number}" for number in range(11)],
        Facet.FORMAT: ["csv", "parquet", "json"],
        Facet.UNIT: list(PLACES),
        Facet.CLASSIFICATION: ["open", "internal"],
        Facet.FRESHNESS: ["week", "month"],
    }
    while True:
        typed = [dice.choice(SUBJECTS) if dice.random() < 0.7 else words[dice.randrange(3000)]
                 for _ in range(dice.choice((0, 1, 1, 2, 2, 2, 3)))]  # fmt: skip
        typed = [_slip(dice, word) if len(word) > 5 and dice.random() < 0.15 else word for word in typed]
        if typed and len(typed[-1]) > 4 and dice.random() < 0.3:
            typed[-1] = typed[-1][: dice.randint(3, len(typed[-1]))]
        chosen = dice.sample(list(choices), dice.choice((0, 0, 1, 2)))
        selected = {facet: frozenset(dice.sample(choices[facet], dice.randint(1, 2))) for facet in chosen}
        yield SearchRequest(text=" ".join(typed), facets=selected)


def _slip(dice: random.Random, word: str) -> str:
    """One letter left out, doubled, or swapped with the next."""
    place = dice.randrange(1, len(word) - 1)
    ways = [word[:place] + word[place + 1 :], word[:place] + word[place] + word[place:]]
    ways.append(word[:place] + word[place + 1] + word[place] + word[place + 2 :])
    return dice.choice(ways)


if __name__ == "__main__":
    main()
