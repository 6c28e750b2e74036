"""How an asset stands in the index: fields for words, for facets, for orders, and what is told of it.

Whatever changes here, in `words` or in the index engine changes `SHAPE`, and an index of another shape is not read but
made anew (ADR 0017).
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import tantivy

from pergamon.catalog import SearchDocument
from pergamon.kernel import canonical_bytes, sha256_hex
from pergamon.search.model import Facet
from pergamon.search.words import indexed_words, whole
from pergamon.store import FeedPosition

VERSION = 1
SHAPE = sha256_hex(canonical_bytes({"version": VERSION, "engine": str(tantivy.__version__)}))[:16]

WORD_FIELDS = ("title", "name", "terms", "columns", "description")
"""The better place to meet a word first."""
ANYWHERE = "anywhere"
"""Every word of an asset, once: whether a word is met at all is asked here."""
WHOLE_FIELDS = ("whole_title", "whole_name")
FACET_FIELDS: dict[Facet, str] = {facet: f"facet_{facet.value}" for facet in Facet if facet is not Facet.FRESHNESS}

ASSET, POSITION = "asset", "position"
POSITION_ID = "@position"

MOST_WORDS_OF_A_FIELD = 50_000
MOST_COLUMNS_TOLD = 1_000
LONGEST_DESCRIPTION_TOLD = 2_000
LONGEST_VALUE_BYTES = 1_000

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_S = 365.25 * 86_400
FRESHER_BY_A_YEAR = 1.02
"""How much more a year younger asset weighs. A power, so that the order of two assets never changes by waiting."""
TIE_SHARE = 2**-11


def make_schema() -> Any:
    """The fields of the index."""
    builder = tantivy.SchemaBuilder()
    for name in (*WORD_FIELDS, ANYWHERE):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="basic")
    for name in (*WHOLE_FIELDS, "id", "is", "readers"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in FACET_FIELDS.values():
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_text_field("by_name", tokenizer_name="raw", index_option="basic", fast=True)
    for name in ("name_begins", "by_updated", "by_quality", "tie"):
        builder.add_unsigned_field(name, indexed=name != "tie", fast=True)
    builder.add_integer_field("updated_s", indexed=True, fast=True)
    builder.add_float_field("freshness", fast=True)
    builder.add_bytes_field("told", stored=True)
    return builder.build()


def index_entry(document: SearchDocument) -> Any:
    """An asset as the index holds it."""
    entry = tantivy.Document()
    anywhere: set[str] = set()
    for name, texts in word_texts(document).items():
        words = list(islice((word for text in texts for word in indexed_words(text)), MOST_WORDS_OF_A_FIELD))
        entry.add_text(name, " ".join(words))
        anywhere.update(words)
    entry.add_text(ANYWHERE, " ".join(sorted(anywhere)))
    entry.add_text("whole_title", cut(whole(document.title)))
    entry.add_text("whole_name", cut(whole(document.name.rpartition(".")[2])))
    entry.add_text("id", document.id)
    entry.add_text("is", ASSET)
    for role in document.readers:
        entry.add_text("readers", role)
    for facet, values in facet_values(document).items():
        for value in values:
            entry.add_text(FACET_FIELDS[facet], value)
    _add_orders(entry, document)
    entry.add_bytes("told", json.dumps(told_of(document), ensure_ascii=False).encode())
    return entry


def position_entry(position: FeedPosition) -> Any:
    """How far the index has come, as an entry that no search meets: it changes in the same commit as the assets."""
    entry = tantivy.Document()
    entry.add_text("id", POSITION_ID)
    entry.add_text("is", POSITION)
    entry.add_bytes("told", str(position).encode())
    return entry


def word_texts(document: SearchDocument) -> dict[str, list[str]]:
    """The texts in which words are met, by field."""
    return {
        "title": [document.title],
        "name": [document.name],
        "terms": [*document.terms, *document.term_words, *document.tags],
        "columns": [name for name, _ in document.columns],
        "description": [
            document.description,
            document.readme,
            document.project,
            document.unit,
            *(said for _, said in document.columns),
        ],
    }


def facet_values(document: SearchDocument) -> dict[Facet, list[str]]:
    """The values of an asset by facet; a domain unit stands under itself and under each unit that holds it."""
    levels = document.unit.split("/")
    values: dict[Facet, Iterable[str]] = {
        Facet.TYPE: [document.asset_type],
        Facet.PROJECT: [document.project],
        Facet.NODE: [document.node],
        Facet.ACCOUNT: [document.account],
        Facet.UNIT: ["/".join(levels[: depth + 1]) for depth in range(len(levels))],
        Facet.TERM: document.terms,
        Facet.TAG: document.tags,
        Facet.CLASSIFICATION: [document.classification],
        Facet.FORMAT: [document.format],
    }
    return {facet: sorted({cut(one) for one in several if one}) for facet, several in values.items()}


def told_of(document: SearchDocument) -> dict[str, Any]:  # Any: JSON
    """What a hit tells of an asset: no more than what those who find it may see (the reading roles stay inside)."""
    return {
        "id": document.id,
        "kind": document.kind,
        "name": document.name,
        "title": document.title,
        "description": document.description[:LONGEST_DESCRIPTION_TOLD],
        "columns": [name for name, _ in document.columns[:MOST_COLUMNS_TOLD]],
        "column_count": len(document.columns),
        "terms": list(document.terms),
        "tags": list(document.tags),
        "type": document.asset_type,
        "project": document.project,
        "node": document.node,
        "account": document.account,
        "unit": document.unit,
        "classification": document.classification,
        "format": document.format,
        "updated_at": document.updated_at.astimezone(UTC).isoformat(),
        "rows": document.rows,
        "quality_score": document.quality_score,
        "is_published": document.is_published,
        "version": document.version,
    }


# --- orders ---


def seconds_of(moment: datetime) -> int:
    """Whole seconds since 1970, rounded down."""
    return (moment.astimezone(UTC) - EPOCH) // (datetime.resolution * 1_000_000)


def tie_of(asset_id: str) -> int:
    """Which of two equals comes first: the smaller. Drawn from the id, so it is the same in every index."""
    return int(sha256_hex(asset_id.encode())[:16], 16)


def name_begins(key: str) -> int:
    """The first eight bytes of a name's key as a number in the same order: pages by name begin there."""
    return int.from_bytes(key.encode()[:8].ljust(8, b"\0"), "big")


def freshness(document: SearchDocument) -> float:
    """What a score is multiplied by: 1 for the year 2000 and before, more when younger; the tie tells equals apart."""
    years = max(0.0, (seconds_of(document.updated_at) - 946_684_800) / YEAR_S)
    return float(FRESHER_BY_A_YEAR**years) * (1 + TIE_SHARE * (1 - tie_of(document.id) / 2**64))


def _add_orders(entry: Any, document: SearchDocument) -> None:
    tie = tie_of(document.id)
    last_bits = (2**64 - 1 - tie) >> 34  # the smaller tie first, where the greater key is first
    key = cut(whole(document.title or document.name))
    entry.add_text("by_name", key)
    entry.add_unsigned("name_begins", name_begins(key))
    entry.add_unsigned("by_updated", min(max(seconds_of(document.updated_at), 0), 2**34 - 1) << 30 | last_bits)
    entry.add_unsigned("by_quality", _quality_grade(document.quality_score) << 30 | last_bits)
    entry.add_unsigned("tie", tie)
    entry.add_integer("updated_s", seconds_of(document.updated_at))
    entry.add_float("freshness", 2 ** freshness(document) - 2)  # the engine multiplies a score by log2(2 + this)


def _quality_grade(score: float | None) -> int:
    """A score between 0 and 100,000 in steps of 0.0001; 0 is for no score."""
    return 0 if score is None else 1 + round(min(max(score, 0.0), 100_000.0) * 10_000)


def cut(value: str) -> str:
    """No more than the index takes of one value."""
    return value.encode()[:LONGEST_VALUE_BYTES].decode(errors="ignore")
