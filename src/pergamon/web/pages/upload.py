"""`/publish`: a file goes up, by a form or piece by piece; then what the crawlers understood of it, and the assets."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Path, Query, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from pergamon import catalog as assets_room
from pergamon import crawl, objects
from pergamon.catalog import AssetView, UnknownAsset, draft_resource
from pergamon.crawl import FileOutcome, FileState
from pergamon.lake import TableId
from pergamon.policy import Action, Resource
from pergamon.store import UnitOfWork
from pergamon.web.api import uploads as tus_routes
from pergamon.web.body_limit import claimed_size
from pergamon.web.errors import NEVER_STORED
from pergamon.web.object_path import BucketName
from pergamon.web.pages.file_form import form_with_file
from pergamon.web.pages.forms import parsed
from pergamon.web.pages.genuine import PIECES, FormNotReadable, genuine_fields, page_router
from pergamon.web.pages.lake import KeyDep, file_address
from pergamon.web.pages.live import told_as_it_changes
from pergamon.web.pages.page import Form, Page, PageDep
from pergamon.web.transfer import TransfersDep, body_with_room
from pergamon.web.tus import VERSION, TusDep

router = page_router()

UploadId = Annotated[str, Path(pattern=r"^upl_[0-9a-f]{32}$")]
Folder = Annotated[str, Field(max_length=900, pattern=r"^[^\x00]*$")]
Wanted = Annotated[str, Query(max_length=1_100, pattern=r"^[^\x00]*$")]
UNDER_WAY = (FileState.PENDING, FileState.INSPECTED)
ASIDE = (FileState.QUARANTINED, FileState.BLOCKED)
COLUMNS_SHOWN = 200


class PlaceForm(Form):
    """Where a file goes: one of the places offered, as `bucket/prefix`, and a folder below it."""

    place: Annotated[str, Field(min_length=3, max_length=1_100, pattern=r"^[a-z0-9-]+/[^\x00]*$")]
    folder: Folder = ""

    def key_of(self, name: str) -> tuple[str, str]:
        """Bucket and key of a file of that name."""
        bucket, _, prefix = self.place.partition("/")
        folder = self.folder.strip().strip("/")
        return bucket, f"{prefix}{folder}/{name}" if folder else f"{prefix}{name}"


class AgainForm(Form):
    """The crawler that is to read a file anew."""

    crawler: Annotated[str, Field(min_length=1, max_length=200)]


class Nothing(Form):
    """A button alone."""


@dataclass(frozen=True)
class Understood:
    """What a crawler made of a file. assets: those of its tables' that one may find, and whether one may describe them.

    hidden: how many others there are. may_run: may one have this crawler read it anew?
    """

    outcome: FileOutcome
    assets: tuple[tuple[dict[str, Any], bool], ...]  # Any: JSON of `AssetView`
    hidden: int
    may_run: bool


@router.get("/publish")
def choose(page: PageDep, place: Wanted = "", folder: Wanted = "") -> Response:
    """Which file, and where to."""
    with page.begin() as uow:
        places = objects.writable_folders(uow)
    return page.show("upload/choose.html", places=places, place=place, folder=folder, pieces=PIECES)


@router.post("/publish")
def send(request: Request, page: PageDep, transfers: TransfersDep) -> Response:
    """A file with the fields of its form, as a browser without scripts sends it."""
    if request.state.fields:
        page.form(PlaceForm)
    with transfers.of(page.actor.id):
        body = body_with_room(request, page.rt.settings.lake, claimed_size(request.scope))
        form = form_with_file(body, request.headers.get("content-type", ""))
        asked = parsed(PlaceForm, genuine_fields(request, form.fields))
        if not form.file_name:
            raise FormNotReadable("no file was chosen", hint="choose a file, then send it again")
        bucket, key = asked.key_of(form.file_name)
        objects.upload(page.begin, page.rt.settings.lake, bucket, key, form.pieces)
    return page.go(outcome_address(bucket, key), said="file-came")


@router.post(PIECES)
def begin(request: Request, tus: TusDep, page: PageDep, transfers: TransfersDep) -> Response:
    """Announce a file that comes in pieces: the API's own route (tus), for a script of ours."""
    answer = tus_routes.create(request, tus, page.rt, page.actor, transfers)
    upload_id = answer.headers["Location"].rpartition("/")[2]
    answer.headers["Location"] = f"{PIECES}/{upload_id}"
    return _spoken(answer)


@router.head(f"{PIECES}/{{upload_id}}")
def state(upload_id: UploadId, tus: TusDep, page: PageDep) -> Response:
    """How much of one's own upload has arrived; after a cut it goes on there."""
    return _spoken(tus_routes.state(upload_id, tus, page.rt, page.actor))


@router.patch(f"{PIECES}/{{upload_id}}")
def piece(upload_id: UploadId, request: Request, tus: TusDep, page: PageDep, transfers: TransfersDep) -> Response:
    """The next piece of one's own upload; with the last one it is a file of the lake."""
    return _spoken(tus_routes.append(upload_id, request, tus, page.rt, page.actor, transfers=transfers))


@router.delete(f"{PIECES}/{{upload_id}}")
def end(upload_id: UploadId, tus: TusDep, page: PageDep) -> Response:
    """Give one's own upload up."""
    return _spoken(tus_routes.terminate(upload_id, tus, page.rt, page.actor))


@router.get("/publish/{bucket}/file/{key:path}")
def outcome(bucket: BucketName, key: KeyDep, page: PageDep) -> Response:
    """What the crawlers understood of a file, and the assets that it became."""
    with page.begin() as uow:
        version = objects.describe_object(uow, bucket, key)
        found = [_understood(uow, page, one) for one in crawl.what_became_of(uow, bucket, key)]
        place = _place_of(objects.writable_folders(uow), bucket, key)
    return page.show(
        "upload/outcome.html",
        fragment="upload/_outcome.html",
        version=version,
        name=key.rpartition("/")[2],
        found=found,
        under_way=any(one.outcome.state in UNDER_WAY for one in found),
        place=place,
        addresses={
            "events": outcome_address(bucket, key, "events"),
            "again": outcome_address(bucket, key, "again"),
            "remove": outcome_address(bucket, key, "remove"),
            "lake": file_address(bucket, key),
        },
        columns_shown=COLUMNS_SHOWN,
    )


@router.get("/publish/{bucket}/events/{key:path}")
def events(bucket: BucketName, key: KeyDep, page: PageDep) -> Response:
    """Tells of each state that a file comes to, until the crawlers are through with it."""

    def look() -> tuple[str, bool]:
        with page.begin() as uow:
            states = [one.state for one in crawl.what_became_of(uow, bucket, key)]
        return " ".join(states) or "none", not any(one in UNDER_WAY for one in states)

    look()
    return StreamingResponse(told_as_it_changes(look), media_type="text/event-stream", headers=NEVER_STORED)


@router.post("/publish/{bucket}/again/{key:path}")
def again(bucket: BucketName, key: KeyDep, page: PageDep) -> Response:
    """Have a crawler read a file anew: one that was set aside, or with all files of its folder, so that they say the
    types of their tables again."""
    asked = page.form(AgainForm)
    with page.begin() as uow:
        made = {one.crawler: one for one in crawl.what_became_of(uow, bucket, key)}.get(asked.crawler)
        if made is None or made.state in ASIDE:
            crawl.replay_files(uow, asked.crawler, key)
        else:
            for table in made.tables:
                crawl.rebuild_table(uow, TableId.parse(table))
    return page.go(outcome_address(bucket, key), said="file-replayed")


@router.post("/publish/{bucket}/remove/{key:path}")
def remove(bucket: BucketName, key: KeyDep, page: PageDep) -> Response:
    """Take a file back that should not have come: its rows leave their tables; the version is kept."""
    page.form(Nothing)
    with page.begin() as uow:
        objects.remove_object(uow, bucket, key)
    return page.go("/publish", said="file-removed")


def outcome_address(bucket: str, key: str, what: str = "file") -> str:
    """Where it is told what became of a file."""
    return f"/publish/{bucket}/{what}/{quote(key, safe='/')}"


def _understood(uow: UnitOfWork, page: Page, one: FileOutcome) -> Understood:
    views = [view for table in one.tables if (view := _asset_of(uow, table)) is not None]
    seen = [(view.as_json(), page.may(Action.ASSET_CURATE, draft_resource(view.asset))) for view in views]
    may_run = page.may(Action.CRAWLER_RUN, Resource("crawler", one.crawler))
    return Understood(one, tuple(seen), len(one.tables) - len(seen), may_run)


def _asset_of(uow: UnitOfWork, table: str) -> AssetView | None:
    try:
        return assets_room.read_asset(uow, table)
    except UnknownAsset:
        return None


def _place_of(places: list[tuple[str, str]], bucket: str, key: str) -> tuple[str, str] | None:
    """Of the places that one may write to the innermost in which a file lies, and the folder below it."""
    around = [prefix for place, prefix in places if place == bucket and key.startswith(prefix)]
    if not around:
        return None
    prefix = max(around, key=len)
    return f"{bucket}/{prefix}", key.removeprefix(prefix).rpartition("/")[0]


def _spoken(answer: Response) -> Response:
    """Every answer about pieces says the version of the protocol."""
    answer.headers["Tus-Resumable"] = VERSION
    return answer
