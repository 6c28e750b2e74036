"""The index on disk: a cache of the catalog in one directory, made anew whenever it cannot be trusted (ADR 0017).

How far it has followed the catalog stands in the index itself, as an entry that changes in the same commit as the
assets: after a kill at any point the two agree. One process writes, by a lock of the kernel; every process reads.
"""

import fcntl
import logging
import shutil
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import tantivy

from pergamon.catalog import SearchDocument
from pergamon.kernel import make_durable_directory, new_id
from pergamon.search.model import SearchBehind
from pergamon.search.schema import POSITION_ID, SHAPE, index_entry, make_schema, position_entry
from pergamon.store import FeedPosition

WRITER_MEMORY_BYTES = 64_000_000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """One committed state of the index, and how far it had followed the catalog."""

    searcher: Any
    schema: Any
    position: FeedPosition


class SearchIndex:
    """The index of one installation. Reading is thread-safe.

    root: the directory that holds it, `<home>/search`; origin: which catalog it is a cache of.
    """

    def __init__(self, root: Path, origin: str) -> None:
        self._directory = root / f"{SHAPE}-{origin}"
        self._lock = threading.Lock()
        self._index: Any = None
        self._view: View | None = None
        self._seen: tuple[int, int] | None = None

    def view(self) -> View:
        """The newest committed state.

        Raises: SearchBehind: there is no index yet that could be read; whoever writes it makes one.
        """
        with self._lock:
            stamp = self._stamp()
            if stamp is None:
                raise SearchBehind("the search index is being made", hint="try again in a moment")
            if self._view is None or stamp != self._seen:
                self._view, self._seen = self._read(), stamp
            return self._view

    @contextmanager
    def writing(self) -> Iterator["Writer | None"]:
        """The writer, while this process is the one that writes; None when another is."""
        make_durable_directory(self._directory.parent)
        with self._directory.with_suffix(".lock").open("a") as lock:
            if not _has_locked(lock):
                yield None
                return
            with self._lock:
                self._make_when_needed()
                index = self._index
            writer = Writer(index, self)
            try:
                yield writer
            finally:
                writer.close()

    def discard(self) -> None:
        """Take a damaged index away, under the writer's lock; the next `writing` makes a new one."""
        with self._lock:
            self._index = self._view = self._seen = None
            _remove(self._directory)

    def _make_when_needed(self) -> None:
        """Open what is there; what cannot be opened is made anew."""
        if self._index is None and self._stamp() is not None:
            try:
                self._view = self._read()
            except SearchBehind:
                log.warning("the search index is damaged, and is made anew")
        if self._view is not None:
            return
        _remove(self._directory)
        self._directory.mkdir(mode=0o700)
        self._index = tantivy.Index(make_schema(), str(self._directory))
        self._index.config_reader("manual")
        self._seen = None

    def _read(self) -> View:
        """Raises: SearchBehind: it is damaged."""
        try:
            if self._index is None:
                self._index = tantivy.Index.open(str(self._directory))
                self._index.config_reader("manual")
            self._index.reload()
            searcher = self._index.searcher()
            return View(searcher, self._index.schema, _position(searcher, self._index.schema))
        except BaseException as error:  # a panic of the engine is no Exception
            if not is_damage(error):
                raise
            self._index = None
            raise SearchBehind("the search index cannot be read", hint="it is made anew; try again soon") from None

    def _stamp(self) -> tuple[int, int] | None:
        """What changes with every commit; None when there is no index."""
        try:
            found = (self._directory / "meta.json").stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


class Writer:
    """Writes the index; nothing is seen before `commit`."""

    def __init__(self, index: Any, owner: SearchIndex) -> None:
        self._index = index
        self._writer = index.writer(WRITER_MEMORY_BYTES, 1)
        self.position = owner.view().position

    def put(self, ids: Collection[str], documents: Iterable[SearchDocument]) -> None:
        """Replace these assets by their documents; one without a document is gone."""
        for asset_id in ids:
            self._writer.delete_documents_by_term("id", asset_id)
        for document in documents:
            self._writer.add_document(index_entry(document))

    def commit(self, position: FeedPosition) -> None:
        """Everything put since the last commit is there, durably, together with the position."""
        self._writer.delete_documents_by_term("id", POSITION_ID)
        self._writer.add_document(position_entry(position))
        self._writer.commit()
        self.position = position

    def close(self) -> None:
        """Leave what was not committed; let merges end."""
        with suppress(ValueError):
            self._writer.rollback()
            self._writer.wait_merging_threads()


def is_damage(error: BaseException) -> bool:
    """Does an error of the engine mean that its files are not what they should be?"""
    return isinstance(error, ValueError | OSError | KeyError) or type(error).__name__ == "PanicException"


def remove_other_indexes(root: Path, origin: str) -> None:
    """Take away indexes of other versions and catalogs that no process writes."""
    for lock_file in sorted(root.glob("*.lock")):
        name = lock_file.stem
        if name == f"{SHAPE}-{origin}":
            continue
        with lock_file.open("a") as lock:
            if _has_locked(lock):
                _remove(root / name)


def _position(searcher: Any, schema: Any) -> FeedPosition:
    """How far the index has come; the beginning when nothing was committed yet."""
    query = tantivy.Query.term_query(schema, "id", POSITION_ID)
    hits = searcher.search(query, 1, False).hits
    return FeedPosition.parse(searcher.doc(hits[0][1])["told"][0].decode()) if hits else FeedPosition()


def _has_locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(directory: Path) -> None:
    """Out of the way in one step, then gone: whoever dies in between leaves rubbish, never half an index."""
    rubbish = directory.with_name(new_id("rubbish"))
    with suppress(FileNotFoundError):
        directory.rename(rubbish)
    for left in directory.parent.glob("rubbish_*"):
        shutil.rmtree(left, ignore_errors=True)
