"""Objects: files as people see them. Put, versioned, tagged, listed, read; each accepted one is a durable event.

A writer's way: `may_put` (short transaction), `receive_content` (no transaction), `put_object` (one unit of work). A
reader's way: `list_objects`, `read_object`, then the file at `path`. A follower's way: `read_events`.
"""

from pergamon.objects.access import bucket_rules
from pergamon.objects.buckets import visible_buckets, writable_folders, writes_somewhere
from pergamon.objects.conditions import BadCondition, ConditionFailed, matches
from pergamon.objects.content import adopt_content, content_path, discard_content, receive_content
from pergamon.objects.drop_directories import (
    drop_directory_status,
    drop_drop_directory,
    put_drop_directory,
    read_drop_directories,
)
from pergamon.objects.drop_model import DropDirectorySpec, DropProblem, DropStatus, UnknownDropDirectory
from pergamon.objects.drop_watch import LONGEST_STEP_S, DropPlace, drop_step
from pergamon.objects.expire import expire_versions
from pergamon.objects.feed import read_events
from pergamon.objects.governed import govern_prefixes, release_prefixes
from pergamon.objects.kept import Kept, kept_for_databases
from pergamon.objects.keys import (
    BadContentType,
    BadKey,
    BadTags,
    guessed_content_type,
    require_content_type,
    require_key,
    require_tags,
)
from pergamon.objects.model import (
    CONTENT_FOLDER,
    ContentGone,
    ContentMismatch,
    ContentTooLarge,
    ObjectEvent,
    ObjectEventKind,
    ObjectListing,
    ObjectVersion,
    RawClosed,
    ReceivedContent,
    StillReferred,
    StorageFull,
    UnknownObject,
)
from pergamon.objects.put import may_put, put_object, put_tags
from pergamon.objects.read import (
    BadPage,
    current_objects,
    describe_object,
    list_objects,
    object_versions,
    objects_of_keys,
    read_object,
)
from pergamon.objects.references import refer, referring_tables, unrefer
from pergamon.objects.remove import BadRemoval, forget_bucket, remove_object
from pergamon.objects.sweep import free_contents, sweep_contents
from pergamon.objects.upload import ExpectedContent, PutOptions, UploadOptions, finish_upload, upload
from pergamon.objects.upload_model import (
    PieceChecksum,
    PieceMismatch,
    UnknownUpload,
    Upload,
    UploadLimitReached,
    UploadLimits,
    UploadLocked,
    UploadLost,
    WrongOffset,
)
from pergamon.objects.uploads import append_to_upload, begin_upload, end_upload, read_upload, sweep_uploads

__all__ = [
    "CONTENT_FOLDER",
    "LONGEST_STEP_S",
    "BadCondition",
    "BadContentType",
    "BadKey",
    "BadPage",
    "BadRemoval",
    "BadTags",
    "ConditionFailed",
    "ContentGone",
    "ContentMismatch",
    "ContentTooLarge",
    "DropDirectorySpec",
    "DropPlace",
    "DropProblem",
    "DropStatus",
    "ExpectedContent",
    "Kept",
    "ObjectEvent",
    "ObjectEventKind",
    "ObjectListing",
    "ObjectVersion",
    "PieceChecksum",
    "PieceMismatch",
    "PutOptions",
    "RawClosed",
    "ReceivedContent",
    "StillReferred",
    "StorageFull",
    "UnknownDropDirectory",
    "UnknownObject",
    "UnknownUpload",
    "Upload",
    "UploadLimitReached",
    "UploadLimits",
    "UploadLocked",
    "UploadLost",
    "UploadOptions",
    "WrongOffset",
    "adopt_content",
    "append_to_upload",
    "begin_upload",
    "bucket_rules",
    "content_path",
    "current_objects",
    "describe_object",
    "discard_content",
    "drop_directory_status",
    "drop_drop_directory",
    "drop_step",
    "end_upload",
    "expire_versions",
    "finish_upload",
    "forget_bucket",
    "free_contents",
    "govern_prefixes",
    "guessed_content_type",
    "kept_for_databases",
    "list_objects",
    "matches",
    "may_put",
    "object_versions",
    "objects_of_keys",
    "put_drop_directory",
    "put_object",
    "put_tags",
    "read_drop_directories",
    "read_events",
    "read_object",
    "read_upload",
    "receive_content",
    "refer",
    "referring_tables",
    "release_prefixes",
    "remove_object",
    "require_content_type",
    "require_key",
    "require_tags",
    "sweep_contents",
    "sweep_uploads",
    "unrefer",
    "upload",
    "visible_buckets",
    "writable_folders",
    "writes_somewhere",
]
