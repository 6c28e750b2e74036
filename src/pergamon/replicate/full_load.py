"""The full load of one table: read under a snapshot in one thread, written in another, memory bounded."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from datetime import datetime
from typing import TypeVar

from pergamon.kernel import new_id
from pergamon.replicate.landing import LandingFile, Manifest, TableFolder, tell
from pergamon.replicate.layout import layout_of_table, loaded_batch, selected_columns
from pergamon.replicate.mapping_rules import TablePlan
from pergamon.replicate.model import Position
from pergamon.replicate.ports import Snapshot, SourceTable

BATCHES_AHEAD = 2

Item = TypeVar("Item")


def load_table(
    folder: TableFolder,
    snapshot: Snapshot,
    table: SourceTable,
    plan: TablePlan,
    *,
    quote: Callable[[str], str],
    loaded_at: datetime,
    landed: Callable[[Manifest], None],
    max_file_bytes: int,
) -> Manifest:
    """Land a whole table as of the snapshot, in one or more LOAD files.

    landed: called for each file once its manifest is durable.
    Returns: the last file's manifest, with `full_load_complete`.
    Raises: SourceUnavailable, SourceRefused, ValueNotRepresentable, LandingNotWritable. Files told of before the error
        stay, as parts of a load that never became complete.
    """
    layout = layout_of_table(plan, table)
    chosen = selected_columns(layout, [quote(column.source) for column in layout.columns])
    load_id, position = new_id("load"), Position(snapshot.lsn, 0)
    number = first_number = folder.next_load_number()
    file = LandingFile(folder.load_path(number), layout.schema)

    def done(*, complete: bool) -> Manifest:
        manifest = tell(
            folder,
            file,
            layout,
            kind="full_load",
            load_id=load_id,
            first=position,
            last=position,
            complete=complete,
            load_files=number - first_number + 1,
        )
        landed(manifest)
        return manifest

    finished = False
    try:
        with closing(read_ahead(snapshot.read(table, chosen), BATCHES_AHEAD)) as batches:
            for batch in batches:
                if file.size_bytes >= max_file_bytes:
                    done(complete=False)
                    number += 1
                    file = LandingFile(folder.load_path(number), layout.schema)
                file.write(loaded_batch(layout, batch, position, loaded_at))
        finished = True
        return done(complete=True)
    finally:
        if not finished:
            file.abandon()


def read_ahead(source: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """Iterate in a thread of its own, at most `depth` items ahead; its error is raised here.

    Closing the iterator ends the thread.
    """
    ahead: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(entry: tuple[Item | None, BaseException | None]) -> bool:
        while not stopped.is_set():
            try:
                ahead.put(entry, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            for item in source:
                if not put((item, None)):
                    break
            else:
                put((None, None))
        except BaseException as error:  # carried to the reader's thread, whatever it is
            put((None, error))
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=read, name="full-load-reader", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ahead.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        stopped.set()
        thread.join()
