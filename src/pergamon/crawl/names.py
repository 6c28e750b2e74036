"""Which table does a file belong to, and how is that called? Folders give names, Hive folders give columns.

The rule for names: letters lose their accents and become small; everything that is not a letter, a digit or `_`
becomes one `_`; a name begins with a letter (`t_` is put before another), and has at most 63 characters.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from pergamon.crawl.model import CrawlerSpec
from pergamon.formats import safe_names
from pergamon.lake import LEASE_PREFIX

LONGEST_NAME = 63
HIVE_NULL: Final = "__HIVE_DEFAULT_PARTITION__"
SUFFIXES: Final = frozenset({"parquet", "pq", "csv", "tsv", "tab", "txt", "json", "ndjson", "jsonl", "geojson"}) | {
    *("avro", "orc", "xlsx", "xls", "xlsm", "xlsb", "ods", "gz", "gzip", "zst", "zstd", "bz2")
}
"""What is taken off a file's name, as often as it stands there: `visits.csv.gz` is `visits`."""

Partition = tuple[tuple[str, str | None], ...]
"""Columns that the folders' names give, in their order, with the value as it is written; None is Hive's null."""


@dataclass(frozen=True)
class Placement:
    """Where a file belongs: files with the same `folder` are planned together.

    base: the name of the folder's table, before names are made safe for several.
    """

    folder: str
    base: str
    partition: Partition = ()


def placement(key: str, prefix: str, spec: CrawlerSpec) -> Placement:
    """Where a key below a prefix of its crawler belongs.

    A folder is a table, `name=value` folders folded into columns; a file directly at the prefix is a table of its own.
    """
    *folders, file = key[len(prefix) :].split("/")
    plain = [name for name in folders if hive_column(name) is None]
    partition = _each_once(found for name in folders if (found := hive_column(name)) is not None)
    if spec.one_table:
        return Placement(prefix, safe_name(_last(prefix)), partition)
    if plain:
        folder = prefix + "/".join(plain) + "/"
        return Placement(folder, safe_name(plain[-1]), partition)
    if partition:
        return Placement(prefix, safe_name(_last(prefix) or spec.bucket), partition)
    return Placement(key, safe_name(stem(file)))


def hive_column(folder: str) -> tuple[str, str | None] | None:
    """The column and the value of a folder that is called `name=value`; None for any other folder."""
    name, equals, value = folder.partition("=")
    if not equals or not name:
        return None
    (column,) = safe_names([re.sub(r"[^\w -]", "_", unquote(name)).strip() or "partition"])
    plain = unquote(value)
    if any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in plain):
        plain = value  # `%00`: no database keeps it, and no terminal should show it
    return column, None if value == HIVE_NULL else plain


def _each_once(columns: Iterable[tuple[str, str | None]]) -> Partition:
    """`a=1/A=2` gives the columns `a` and `A_2`: no value is lost, and no column stands twice."""
    found: dict[str, tuple[str, str | None]] = {}
    for name, value in columns:
        unique, number = name, 1
        while unique.casefold() in found:
            number += 1
            unique = f"{name}_{number}"
        found[unique.casefold()] = (unique, value)
    return tuple(found.values())


def stem(file: str) -> str:
    """A file's name without what only tells its format."""
    name = file
    while "." in name.lstrip("."):
        before, _, suffix = name.rpartition(".")
        if suffix.lower() not in SUFFIXES:
            break
        name = before
    return name


def safe_name(written: str) -> str:
    """A table's name that every engine spells the same without quotes."""
    letters = unicodedata.normalize("NFKD", written.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")
    if not name or not name[0].isalpha() or name.startswith(LEASE_PREFIX):
        name = f"t_{name}" if name else "t"
    return name[:LONGEST_NAME].rstrip("_")


def numbered(name: str, number: int) -> str:
    """`name`, `name_2`, `name_3`, …, never longer than a name may be."""
    if number == 1:
        return name
    ending = f"_{number}"
    return name[: LONGEST_NAME - len(ending)] + ending


def joined(*words: str) -> str:
    """One safe name of several words."""
    return safe_name("_".join(words))


def _last(prefix: str) -> str:
    return prefix.rstrip("/").rpartition("/")[2]
