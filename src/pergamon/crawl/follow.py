"""What is new? Object events, listings, schedules: each tells which keys to look at, none says what they hold.

What counts is which version is the newest now, read in the same transaction: so it does not matter whether an event, a
listing, or both tell of a key, nor in which order; and a change after that has an event of its own.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from croniter import croniter  # type: ignore[import-untyped]

from pergamon import objects
from pergamon.crawl import tables
from pergamon.crawl.configuration import read_crawlers
from pergamon.crawl.model import CrawlerSpec, CrawlRequested
from pergamon.crawl.names import placement
from pergamon.crawl.ports import Place
from pergamon.crawl.tables import Found
from pergamon.store import UnitOfWork, move_position, read_position

FOLLOWER = "crawl"


def follow(place: Place) -> bool:
    """Take in the next events, the next page of a listing, and what the clock says. False: there was nothing."""
    with place.begin() as uow:
        moved = follow_events(uow, place.limits.page)
    with place.begin() as uow:
        listed = list_next_page(uow, place.limits.page)
    return moved or listed


def follow_events(uow: UnitOfWork, limit: int) -> bool:
    """Note the keys that the next events tell of; the position moves in the same transaction (none is lost)."""
    if not objects.read_events(uow, read_position(uow, FOLLOWER), 1):
        return False  # looked at many times a second: nothing is written, and nobody is locked out
    position = read_position(uow, FOLLOWER, lock=True)
    events = objects.read_events(uow, position, limit)
    if not events:
        return False
    # After the events: a crawler that is not seen here was deployed later than all of them, and lists them.
    for name, spec in read_crawlers(uow).items():
        if spec.on_event:
            told = {event.key for event in events if event.bucket == spec.bucket and event.kind != "tagged"}
            note_keys(uow, name, spec, told)
    move_position(uow, FOLLOWER, events[-1].position)
    return True


def note_keys(uow: UnitOfWork, name: str, spec: CrawlerSpec, keys: Iterable[str]) -> int:
    """Look up which version of these keys is the newest now, and remember it. Returns: how many changed."""
    wanted = sorted(key for key in keys if spec.prefix_of(key) is not None)
    newest = {version.key: version for version in objects.objects_of_keys(uow, spec.bucket, wanted)}
    return tables.note_files(uow, name, [_found(spec, key, newest.get(key)) for key in wanted])


def list_next_page(uow: UnitOfWork, limit: int) -> bool:
    """One page of a listing under way: what is there is noted, what was there and is not is gone."""
    listing = tables.next_listing(uow)
    if listing is None:
        return False
    name, spec = listing["crawler"], CrawlerSpec.model_validate(listing["spec"])
    if listing["prefix"] == 0 and not listing["after"]:
        gone = [_found(spec, key, None) for key in tables.strangers(uow, name, spec.prefixes)]
        tables.note_files(uow, name, gone)
    if listing["prefix"] >= len(spec.prefixes):
        tables.end_listing(uow, name)
        return True
    prefix, after = spec.prefixes[listing["prefix"]], listing["after"]
    page = objects.current_objects(uow, spec.bucket, prefix, after=after, limit=limit)
    last = page[-1].key if len(page) == limit else None
    there = {version.key: version for version in page if spec.prefix_of(version.key) is not None}
    gone_keys = set(tables.known_keys(uow, name, prefix, after, last)) - set(there)
    tables.note_files(uow, name, [_found(spec, key, version) for key, version in there.items()])
    tables.note_files(uow, name, [_found(spec, key, None) for key in sorted(gone_keys)])
    if last is None:
        tables.move_listing(uow, name, listing["prefix"] + 1, "")
    else:
        tables.move_listing(uow, name, listing["prefix"], last)
    return True


def begin_due_listings(uow: UnitOfWork) -> list[str]:
    """Begin a listing for each crawler whose newest tick has none yet; a tick before it was deployed is not due."""
    begun = []
    for row in tables.crawlers(uow):
        spec = CrawlerSpec.model_validate(row["spec"])
        if spec.schedule is None or tables.is_listing(uow, row["name"]):
            continue
        done = max(filter(None, (row["changed_at"], row["last_listed_at"])))
        if newest_tick(spec.schedule, uow.now) > done:
            tables.begin_listing(uow, row["name"], "schedule")
            uow.record(CrawlRequested(subject=f"crawler:{row['name']}", cause="schedule"))
            begun.append(row["name"])
    return begun


def newest_tick(schedule: str, now: datetime) -> datetime:
    """The last moment at or before `now` that a cron schedule names, in UTC."""
    tick: datetime = croniter(schedule, now.astimezone(UTC) + timedelta(microseconds=1)).get_prev(datetime)
    return tick


def _newest(uow: UnitOfWork, bucket: str, key: str) -> objects.ObjectVersion | None:
    found = objects.current_objects(uow, bucket, key, limit=1)
    return found[0] if found and found[0].key == key else None


def _found(spec: CrawlerSpec, key: str, version: objects.ObjectVersion | None) -> Found:
    place = placement(key, spec.prefix_of(key) or _nearest(spec, key), spec)
    if version is None:
        return Found(key, place)
    return Found(key, place, version.id, str(version.path), version.size_bytes)


def _nearest(spec: CrawlerSpec, key: str) -> str:
    """The prefix of a key that the crawler does not want any more; its file keeps the folder it had."""
    return next((prefix for prefix in spec.prefixes if key.startswith(prefix)), "")
