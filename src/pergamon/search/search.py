"""Searching: one page of what an actor may see, with counts, highlights and a suggestion."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

from pergamon.search.ask import Asked, Found, Run, Seer, check_cursor
from pergamon.search.cursor import Cursor, cursor_of, cursor_text
from pergamon.search.follow import Follower
from pergamon.search.highlight import Highlights, PageWords, with_met_columns
from pergamon.search.index import View
from pergamon.search.model import MOST_RELEVANT, Hit, SearchPage, SearchRequest, Sort
from pergamon.search.near import notices
from pergamon.search.ports import Feed


class Search:
    """Search over one installation's catalog. Thread-safe; many processes may have one each."""

    def __init__(self, root: Path, feed: Feed) -> None:
        """root: where the index is kept, `<home>/search`: a cache that may be removed at any time."""
        self.follower = Follower(root, feed)
        self._threads = ThreadPoolExecutor(thread_name_prefix="search")

    def following(self) -> AbstractContextManager[None]:
        """This process keeps the index up to date while the block runs, unless another does."""
        return self.follower.following()

    def catch_up(self, patience_s: float = 3600) -> None:
        """Bring the index up to what is committed now, however long it takes; raises SearchBehind."""
        self.follower.current_view(patience_s)

    def search(self, seer: Seer, request: SearchRequest, *, now: datetime) -> SearchPage:
        """What somebody looks for, as far as they may see it; everything committed before the call counts.

        Raises:
            SearchBehind: the index is being made, or is far behind the catalog.
            WrongSearch, WrongCursor: see there.
        """
        view, left_out = self.follower.current_view()
        return answer(view, seer, request, now=now, left_out=left_out, run=self._threads.submit)


def answer(
    view: View, seer: Seer, request: SearchRequest, *, now: datetime, run: Run, left_out: tuple[str, ...] = ()
) -> SearchPage:
    """The page of a request on one state of the index; raises WrongSearch, WrongCursor.

    run: what runs the counting beside the ordering; the engine computes without Python's lock.
    """
    asked = Asked(view.searcher, view.schema, seer, request, now, left_out)
    cursor = cursor_of(request)
    check_cursor(asked.sort, cursor)
    counts = asked.counts(run)
    page = asked.page(cursor)
    told = [json.loads(view.searcher.doc(one.address)["told"][0]) for one in page.found]
    words = PageWords(told, asked.words())
    counted = counts()
    return SearchPage(
        hits=tuple(_hit(asked, one, told[place], words.highlights(place)) for place, one in enumerate(page.found)),
        total=page.total,
        facets=counted,
        suggestion=words.suggestion(),
        after=_next_cursor(asked, page.found, cursor) if page.has_more else None,
        notices=notices(asked, counted),
    )


def _hit(asked: Asked, found: Found, told: dict[str, Any], marked: Highlights) -> Hit:
    shown, moved = with_met_columns(told, marked)
    score = found.key if asked.sort is Sort.RELEVANCE and isinstance(found.key, float) else None
    return Hit(document=shown, score=score, highlights=moved)


def _next_cursor(asked: Asked, found: list[Found], cursor: Cursor | None) -> str | None:
    """Where the next page begins; None where relevance ends."""
    seen = (cursor.seen if cursor else 0) + len(found)
    if asked.sort is Sort.RELEVANCE and seen >= MOST_RELEVANT:
        return None
    return cursor_text(Cursor(found[-1].key, found[-1].tie, seen), asked.request)
