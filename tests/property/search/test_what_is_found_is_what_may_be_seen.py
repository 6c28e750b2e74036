"""The index answers what looking at every asset would, and hidden assets leave no trace in any answer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import Phase, given, settings

from pergamon.catalog import SearchDocument
from pergamon.kernel import Actor, ActorKind
from pergamon.policy import Action, Resource, visible
from pergamon.search import Facet, SearchPage, SearchRequest, Seer, Sort
from pergamon.search.index import SearchIndex
from pergamon.search.search import answer
from pergamon.search.words import whole
from pergamon.store import FeedPosition
from tests.reference.found_assets import NOW, RUN, catalogs, counts, found, requests, score, seen_by, seers

QUICK = settings(max_examples=25, deadline=None, phases=[Phase.generate])


def ask(documents: Sequence[SearchDocument], *asked: tuple[Seer, SearchRequest]) -> list[list[SearchPage]]:
    """For each request all its pages, on an index of these documents in two segments."""
    with TemporaryDirectory() as directory:
        index = SearchIndex(Path(directory), "test")
        with index.writing() as writer:
            assert writer is not None
            half = len(documents) // 2
            for number, part in enumerate((documents[:half], documents[half:]), 1):
                writer.put([document.id for document in part], part)
                writer.commit(FeedPosition(number, 1))
        view = index.view()
        answers = []
        for seer, request in asked:
            pages = [answer(view, seer, request, now=NOW, run=RUN)]
            while pages[-1].after is not None:
                pages.append(answer(view, seer, replace(request, after=pages[-1].after), now=NOW, run=RUN))
            answers.append(pages)
        return answers


def ids(pages: list[SearchPage]) -> list[str]:
    return [hit.document["id"] for page in pages for hit in page.hits]


@QUICK
@given(catalogs(), seers(), requests())
def test_results_and_counts_are_those_of_looking_at_every_asset(
    documents: list[SearchDocument], seer: Seer, request: SearchRequest
) -> None:
    [pages] = ask(documents, (seer, request))
    expected = {document.id for document in found(documents, seer, request)}
    assert sorted(ids(pages)) == sorted(expected), "each once, over all pages"
    assert {page.total for page in pages} == {len(expected)}
    for facet in Facet:
        told = {one.value: one.count for one in pages[0].facets[facet].values if one.count}
        assert told == dict(counts(documents, seer, request, facet)), facet


@QUICK
@given(catalogs(), seers(), requests())
def test_the_order_is_the_one_asked_for(documents: list[SearchDocument], seer: Seer, request: SearchRequest) -> None:
    [pages] = ask(documents, (seer, request))
    by_id = {document.id: document for document in documents}
    hits = [by_id[one] for one in ids(pages)]
    keys: list[object]
    match request.sort:
        case Sort.NAME:
            keys = [whole(one.title or one.name) for one in hits]
        case Sort.QUALITY:
            keys = [-1.0 if one.quality_score is None else one.quality_score for one in hits][::-1]
        case Sort.RELEVANCE if request.text.strip():
            keys = [round(-hit.score, 2) for page in pages for hit in page.hits if hit.score is not None]
            assert len(keys) == len(hits)
            for one, other in pairwise(hits):
                if one.updated_at == other.updated_at:  # then it is the words alone that decide
                    assert best(one, request) >= best(other, request)
        case _:
            keys = [one.updated_at for one in hits][::-1]
    assert keys == sorted(keys)  # type: ignore[type-var]


def best(document: SearchDocument, request: SearchRequest) -> int:
    extra = [
        50 * (whole(document.title) == whole(request.text)),
        40 * (whole(document.name.rpartition(".")[2]) == whole(request.text)),
    ]
    return (score(document, request.text) or 0) + sum(extra)


@QUICK
@given(catalogs(), seers(), requests())
def test_hidden_assets_leave_no_trace(documents: list[SearchDocument], seer: Seer, request: SearchRequest) -> None:
    """The answer is the same, to the byte, on a catalog that never had them."""
    [with_hidden] = ask(documents, (seer, request))
    [without] = ask([document for document in documents if seen_by(seer, document)], (seer, request))
    assert [page.as_json() for page in with_hidden] == [page.as_json() for page in without]


@QUICK
@given(catalogs(most=8), seers())
def test_search_shows_what_the_policy_lets_find(documents: list[SearchDocument], seer: Seer) -> None:
    actor = Actor(id="person:a", kind=ActorKind.PERSON, roles=seer.roles)
    held = frozenset({Action.CATALOG_MANAGE.value} if seer.sees_all else set())
    resources = [Resource("asset", document.id, readers=document.readers) for document in documents]
    allowed = {resource.id for resource in visible(actor, Action.ASSET_FIND, resources, actions=held)}
    [pages] = ask(documents, (seer, SearchRequest(limit=100)))
    assert set(ids(pages)) == allowed


@QUICK
@given(catalogs(), seers(), requests())
def test_the_order_in_which_assets_came_does_not_matter(
    documents: list[SearchDocument], seer: Seer, request: SearchRequest
) -> None:
    [one_way] = ask(documents, (seer, request))
    [other_way] = ask(documents[::-1], (seer, request))
    assert [page.as_json() for page in one_way] == [page.as_json() for page in other_way]


def test_the_random_requests_reach_every_way_of_meeting_a_word() -> None:
    """A meta-test: what the strategies can draw meets words exactly, by beginning, by slips, and not at all."""
    from pergamon.search.words import Match, match

    reached = {match("patinet", "patient", is_last=True), match("pat", "patient", is_last=True)}
    reached |= {match("patient", "patient", is_last=True), match("lab", "heart", is_last=True)}
    assert reached == set(Match)
    assert NOW - timedelta(0) == NOW
