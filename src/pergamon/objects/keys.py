"""Which names may an object, a tag and a content type have?

A key is the name that people use. It never becomes a path on this host: only its plain suffixes do. So it may hold
blanks, quotes and emoji, but nothing that another program would read as a way out of a folder.
"""

import mimetypes
import re
import unicodedata
from collections.abc import Mapping
from pathlib import PurePosixPath

from pergamon.kernel import Invalid

LONGEST_KEY_BYTES = 1024
MOST_TAGS = 50
LONGEST_TAG_NAME = 128
LONGEST_TAG_VALUE = 256
UNKNOWN_CONTENT_TYPE = "application/octet-stream"

_CONTENT_TYPE = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(; ?[A-Za-z0-9-]+=[\x20-\x7e]*[\x21-\x7e])?"
)
_SUFFIXES = re.compile(r"(\.[a-z0-9]+){1,2}")
_TAG_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:/=+@-]*")
_OWN_TYPES = {
    ".avro": "application/vnd.apache.avro",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".orc": "application/vnd.apache.orc",
    ".parquet": "application/vnd.apache.parquet",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class BadKey(Invalid):
    """A key that could be read as a way out of its folder, or that no program could show."""

    code = "objects.bad_key"


class BadTags(Invalid):
    code = "objects.bad_tags"
    usual_hint = "tags are pairs of a name and a value, each once"


class BadContentType(Invalid):
    code = "objects.bad_content_type"


def require_key(key: str) -> str:
    """Return a key that can be used.

    Raises:
        BadKey: empty, over 1024 bytes, a slash at an end or two together, a `.` or `..` segment, a backslash, a
            control character, or text that is not Unicode.
    """
    problem = _problem_of_key(key)
    if problem:
        raise BadKey(f"an object's key {problem}", hint="write for example medical_assets/patients.parquet")
    return key


def require_prefix(prefix: str) -> str:
    """Return a prefix that keys can begin with; `""` and a half segment are fine.

    Raises:
        BadKey: no key can begin so.
    """
    if prefix:
        require_key((prefix + "x").replace("/.x", "/x").replace("/..x", "/x") if prefix.endswith(".") else prefix + "x")
    return prefix


def plain_suffix(key: str) -> str:
    """The key's last one or two suffixes, when they are plain: `.csv.gz`, `.parquet`, else `""`.

    The content file carries it, so that readers that go by names know the format; nothing else of the key does.
    """
    parts = key.rpartition("/")[2].lower().split(".")[1:][-2:]
    while parts:
        suffix = "." + ".".join(parts)
        if len(suffix) <= 17 and _SUFFIXES.fullmatch(suffix):
            return suffix
        parts = parts[1:]
    return ""


def guessed_content_type(key: str) -> str:
    """What the key's suffix says; a label for browsers, on which nothing here relies."""
    name = key.rpartition("/")[2]
    suffix = PurePosixPath(name.lower()).suffix
    guessed, encoding = _TYPES.guess_type(name)
    if encoding == "gzip":
        return "application/gzip"
    if encoding:
        return UNKNOWN_CONTENT_TYPE
    return _OWN_TYPES.get(suffix) or guessed or UNKNOWN_CONTENT_TYPE


def require_content_type(content_type: str) -> str:
    """Return a content type that can stand in a header.

    Raises:
        BadContentType: it cannot.
    """
    if len(content_type) > 255 or not _CONTENT_TYPE.fullmatch(content_type) or not content_type.isascii():
        raise BadContentType("the content type is not of the form type/subtype", hint="for example text/csv")
    return content_type


def require_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags that can be kept, by name.

    Raises:
        BadTags: over 50, a name or value too long, a name with characters outside letters, digits and
            blank _ . : / = + @ -, a value with control characters.
    """
    if len(tags) > MOST_TAGS:
        raise BadTags(f"an object has {len(tags)} tags; the most is {MOST_TAGS}")
    for name, value in tags.items():
        if len(name) > LONGEST_TAG_NAME or not _TAG_NAME.fullmatch(name):
            raise BadTags(
                "a tag's name cannot be used", hint=f"up to {LONGEST_TAG_NAME} of letters, digits, _ . : / = + @ -"
            )
        if len(value) > LONGEST_TAG_VALUE or not _is_printable_unicode(value):
            raise BadTags(
                f"the value of tag {name} cannot be used", hint=f"up to {LONGEST_TAG_VALUE} characters of text"
            )
    return dict(sorted(tags.items()))


def _problem_of_key(key: str) -> str | None:  # noqa: PLR0911 - a list of questions
    if not key:
        return "is empty"
    if not _is_printable_unicode(key):
        return "holds a control character, or is not Unicode text"
    if len(key.encode()) > LONGEST_KEY_BYTES:
        return f"is longer than {LONGEST_KEY_BYTES} bytes"
    if "\\" in key:
        return "holds a backslash"
    segments = key.split("/")
    if "" in segments:
        return "begins or ends with a slash, or holds two together"
    if "." in segments or ".." in segments:
        return "holds a `.` or `..` segment"
    return None


def _is_printable_unicode(text: str) -> bool:
    """No control characters, line separators, halves of surrogate pairs, or code points that are no characters."""
    return not any(
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or ord(character) & 0xFFFE == 0xFFFE
        for character in text
    )


def _types() -> mimetypes.MimeTypes:
    """The standard library's own list: the same on every host, whatever stands in its /etc/mime.types."""
    known = mimetypes.MimeTypes()
    known.encodings_map = {**known.encodings_map, ".zst": "zstd"}
    return known


_TYPES = _types()
