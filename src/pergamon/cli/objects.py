"""`pergamon put`, `get`, `rm`, and `pergamon object …`: files into buckets, out of them, and what is said of them."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pergamon.cli.client import client_at
from pergamon.cli.context import CliContext, counted, echo_json, json_option
from pergamon.cli.object_bucket import telling_of_buckets
from pergamon.cli.object_client import ServerPlace
from pergamon.cli.object_place import Json, LocalPlace, ObjectName, ObjectPlace, PutWish, every_object
from pergamon.cli.object_transfer import (
    Sent,
    Source,
    Sources,
    fetch,
    fetch_to_stdout,
    kept_input,
    send,
    sources_of,
    without_unchanged,
)
from pergamon.cli.one_line import one_line
from pergamon.cli.query import server_option, token_file_option
from pergamon.kernel import Conflict, Invalid, Kind, PergamonError, require
from pergamon.policy import Action, Resource

STOPPING = frozenset({Kind.DENIED, Kind.NOT_FOUND, Kind.UNAVAILABLE})
"""What ends a run of many files at once: the next file would meet the same."""


class SomeNotDone(Conflict):
    """Of many files some were not put, got or removed; each was named with its reason."""

    code = "client.some_not_done"


@click.group("object")
def object_group() -> None:
    """Files in buckets: put, get, list, remove, tag, see their versions."""


@contextmanager
def _place(
    context: CliContext, server: str | None, token_file: Path | None, *names: ObjectName
) -> Iterator[ObjectPlace]:
    """Where to act on these names: at the server, or here as a person."""
    with _somewhere(context, server, token_file) as place, telling_of_buckets(place, {name.bucket for name in names}):
        yield place


@contextmanager
def _somewhere(context: CliContext, server: str | None, token_file: Path | None) -> Iterator[ObjectPlace]:
    if server is not None:
        if context.as_person is not None:
            raise click.UsageError("--as belongs to operator mode: with --server you are who your token says")
        client = client_at(server, token_file)
        with client.connection() as http:
            yield ServerPlace(client, http)
        return
    if context.as_person is None:
        raise click.UsageError(
            "the operator reads and writes no data: say --server URL to act with your token, "
            "or `pergamon --as PERSON …` to act for a person"
        )
    with context.open() as runtime:
        yield LocalPlace(runtime, context.actor(runtime))


@click.command("put")
@click.argument(
    "sources",
    metavar="FILE|FOLDER…|-",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, allow_dash=True),
)
@click.argument("target", metavar="BUCKET[/PREFIX]")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="NAME=VALUE",
    help="A tag for each object; may stand often. Left out: a replaced object keeps its tags.",
)
@click.option("--no-tags", is_flag=True, help="A replaced object loses its tags.")
@click.option("--content-type", help="What to say of the content [by the file's suffix].")
@click.option("--if-none-match", metavar="*", type=click.Choice(["*"]), help="`*`: only where nothing stands yet.")
@click.option("--skip-unchanged", is_flag=True, help="Leave out files whose content is there already.")
@server_option
@token_file_option
@json_option
@click.pass_obj
def put_command(
    context: CliContext,
    *,
    sources: tuple[Path, ...],
    target: str,
    tags: tuple[str, ...],
    no_tags: bool,
    content_type: str | None,
    if_none_match: str | None,
    skip_unchanged: bool,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Upload files, and folders with all that is in them, to BUCKET/PREFIX.

    What is in a FOLDER goes below PREFIX; a FILE keeps its name there, unless PREFIX ends with the file's own suffix:
    then that is its name. `-` reads standard input to its end, and BUCKET/KEY is the object's whole name. Links and
    hidden files are left out, and counted. A broken upload of a large file goes on where it stopped; after an
    interruption, run it again with --skip-unchanged.
    """
    if tags and no_tags:
        raise click.UsageError("--tag and --no-tags do not go together")
    wish = PutWish(content_type, _pairs(tags) if tags or no_tags else None, if_none_match)
    below = ObjectName.parse(target)
    with _found(sources, below) as found, _place(context, server, token_file, below) as place:
        if found.left_out:
            click.echo(f"note: {counted(found.left_out, 'link or hidden file')} left out", err=True)
        wanted = without_unchanged(place, found.sources) if skip_unchanged else found.sources
        _put_all(place, wanted, wish, skipped=len(found.sources) - len(wanted), as_json=as_json)


@contextmanager
def _found(given: tuple[Path, ...], target: ObjectName) -> Iterator[Sources]:
    """What is to be put; standard input lies on the disk while this block lasts, for its checksum goes ahead of it."""
    if Path("-") not in given:
        yield sources_of(given, target)
        return
    if len(given) > 1 or not target.key or target.key.endswith("/"):
        raise click.UsageError("`-` stands alone, and the object is named whole: put - BUCKET/KEY")
    with kept_input(sys.stdin.buffer) as file:
        yield Sources([Source(file, target, file.stat().st_size)], 0)


def _put_all(place: ObjectPlace, wanted: list[Source], wish: PutWish, *, skipped: int, as_json: bool) -> None:
    sent: list[Sent] = []
    failed = 0
    with _progress(sum(source.size_bytes for source in wanted), quiet=as_json) as bar:
        for source in wanted:
            try:
                with telling_of_buckets(place, [source.target.bucket]):
                    sent.append(send(place, source, wish, bar.advance))
            except PergamonError as error:
                if len(wanted) == 1 or error.kind in STOPPING:
                    raise
                failed += 1
                bar.say(f"error: {source.target}: {error}")
    if as_json:
        echo_json({"objects": [one.told for one in sent], "skipped": skipped, "failed": failed})
    else:
        for one in sent:
            click.echo(one_line(f"{one.source.target}  {_bytes(one.source.size_bytes)}"))
        unchanged = f", {skipped} unchanged" if skipped else ""
        size = _bytes(sum(one.source.size_bytes for one in sent))
        click.echo(f"{counted(len(sent), 'object')} put, {size}{unchanged}")
    if failed:
        raise SomeNotDone(f"{failed} of {counted(len(wanted), 'file')} were not put", hint="the reasons stand above")


@click.command("get")
@click.argument("name", metavar="BUCKET/KEY")
@click.argument("target", metavar="[FILE|FOLDER|-]", required=False)
@click.option("--version", metavar="VERSION", help="This version; see `pergamon object versions`.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@server_option
@token_file_option
@json_option
@click.pass_obj
def get_command(
    context: CliContext,
    *,
    name: str,
    target: str | None,
    version: str | None,
    force: bool,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Download an object to a FILE; or all below BUCKET/PREFIX/ (with the slash) to a FOLDER. `-` is standard output.

    The checksum is verified before the file gets its name. A download that broke off goes on where it stopped.
    """
    wanted = ObjectName.parse(name)
    with _place(context, server, token_file, wanted) as place:
        if wanted.key == "" or wanted.key.endswith("/"):
            if version is not None or target == "-":
                raise click.UsageError("a folder has no version, and cannot go to standard output")
            _get_all(place, wanted, Path(target or "."), force=force, as_json=as_json)
        elif target == "-":
            if as_json:
                raise click.UsageError("standard output takes the object, or JSON")
            fetch_to_stdout(place, wanted, version, sys.stdout.buffer)
        else:
            file = _target_file(wanted, target)
            _get_one(place, wanted, version, file, force=force, quiet=as_json)
            got = _got(wanted, file, file.stat().st_size, as_json=as_json)
            if as_json:
                echo_json({"objects": [got], "failed": 0})


def _get_one(
    place: ObjectPlace, wanted: ObjectName, version: str | None, file: Path, *, force: bool, quiet: bool
) -> None:
    with _progress(int(place.describe(wanted, version)["size_bytes"]), quiet=quiet) as bar:
        fetch(place, wanted, version, file, force=force, advance=bar.advance)


def _got(wanted: ObjectName, file: Path, size_bytes: int, *, as_json: bool) -> Json:
    """One object that was downloaded, told at once to a person."""
    if not as_json:
        click.echo(one_line(f"{file}  {_bytes(size_bytes)}"), err=True)
    return {"bucket": wanted.bucket, "key": wanted.key, "file": str(file), "size_bytes": size_bytes}


def _get_all(place: ObjectPlace, wanted: ObjectName, folder: Path, *, force: bool, as_json: bool) -> None:
    got: list[Json] = []
    failed = 0
    for told in every_object(place, wanted.bucket, wanted.key):
        one = ObjectName(wanted.bucket, told["key"])
        file = folder / told["key"].removeprefix(wanted.key)
        try:
            fetch(place, one, None, file, force=force, advance=lambda _: None)
            got.append(_got(one, file, int(told["size_bytes"]), as_json=as_json))
        except PergamonError as error:
            if error.kind is Kind.UNAVAILABLE:
                raise
            failed += 1
            click.echo(one_line(f"error: {one}: {error}"), err=True)
    if as_json:
        echo_json({"objects": got, "failed": failed})
    else:
        click.echo(f"{counted(len(got), 'object')} downloaded", err=True)
    if failed:
        raise SomeNotDone(f"{counted(failed, 'object')} not downloaded", hint="the reasons stand above")


def _target_file(wanted: ObjectName, target: str | None) -> Path:
    """Into a folder that is there by its own name; else to the file that was named."""
    own = wanted.key.rpartition("/")[2]
    if target is None:
        return Path(own)
    return Path(target) / own if target.endswith(os.sep) or Path(target).is_dir() else Path(target)


@click.command("rm")
@click.argument("names", metavar="BUCKET/KEY…", nargs=-1, required=True)
@click.option("--version", metavar="VERSION", help="With --for-good: this version alone.")
@click.option("--for-good", is_flag=True, help="All versions and their contents; there is no way back.")
@click.option("--recursive", is_flag=True, help="Everything below BUCKET/PREFIX/ (with the slash).")
@click.option("--yes", is_flag=True, help="Do not ask.")
@server_option
@token_file_option
@json_option
@click.pass_obj
def rm_command(
    context: CliContext,
    *,
    names: tuple[str, ...],
    version: str | None,
    for_good: bool,
    recursive: bool,
    yes: bool,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Remove objects. Their versions stay, and can be got, unless it is for good."""
    wanted = [ObjectName.parse(name) for name in names]
    for name in wanted:
        if (name.key == "" or name.key.endswith("/")) is not recursive:
            raise click.UsageError("with --recursive name BUCKET/PREFIX/, without it BUCKET/KEY")
    if version is not None and (len(wanted) > 1 or not for_good):
        raise click.UsageError("--version goes with one object and --for-good")
    with _place(context, server, token_file, *wanted) as place:
        if recursive:
            wanted = [ObjectName(name.bucket, o["key"]) for name in wanted for o in every_object(place, *_parts(name))]
        if (for_good or recursive) and not yes:
            how = "for good; there is no way back" if for_good else "their versions stay"
            click.confirm(f"remove {counted(len(wanted), 'object')} ({how})?", abort=True, err=True)
        for name in wanted:
            place.remove(name, version, for_good=for_good)
            if not as_json:
                click.echo(one_line(f"{name}  removed{' for good' if for_good else ''}"))
    if as_json:
        echo_json({"removed": [{"bucket": name.bucket, "key": name.key} for name in wanted]})


@object_group.command("ls")
@click.argument("name", metavar="[BUCKET[/PREFIX]]", required=False)
@click.option("--recursive", is_flag=True, help="Through all folders.")
@server_option
@token_file_option
@json_option
@click.pass_obj
def object_ls_command(
    context: CliContext,
    name: str | None,
    *,
    recursive: bool,
    server: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """List the objects that you may read, folder by folder; without a bucket, the buckets."""
    wanted = None if name is None else ObjectName.parse(name)
    with _place(context, server, token_file, *([wanted] if wanted else [])) as place:
        if wanted is None:
            _print_buckets(place.buckets(), as_json=as_json)
            return
        delimiter = None if recursive else "/"
        count = 0
        listed: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = place.page(wanted.bucket, wanted.key, delimiter, after)
            after = page["next"]
            count += len(page["objects"])
            if as_json:
                listed += [{"folder": folder} for folder in page["prefixes"]] + page["objects"]
            else:
                _print_page(page)
            if after is None:
                break
    if as_json:
        echo_json({"objects": listed})
    else:
        click.echo(counted(count, "object"), err=True)


def _print_buckets(buckets: list[str], *, as_json: bool) -> None:
    if as_json:
        echo_json({"buckets": buckets})
        return
    for bucket in buckets:
        click.echo(f"{bucket}/")


def _print_page(page: Mapping[str, Any]) -> None:
    lines = [(folder, f"{'':>10}  {'':19}  {folder}") for folder in page["prefixes"]]
    for told in page["objects"]:
        tags = "".join(f"  [{name}={value}]" for name, value in sorted(told["tags"].items()))
        at = told["created_at"][:19].replace("T", " ")
        lines.append((told["key"], f"{_bytes(told['size_bytes']):>10}  {at}  {told['key']}{tags}"))
    for _, line in sorted(lines):
        click.echo(one_line(line))


@object_group.command("tag")
@click.argument("name", metavar="BUCKET/KEY")
@click.argument("tags", metavar="[NAME=VALUE…]", nargs=-1)
@click.option("--remove", "removed", multiple=True, metavar="NAME", help="Take this tag away; may stand often.")
@server_option
@token_file_option
@json_option
@click.pass_obj
def tag_command(
    context: CliContext,
    name: str,
    tags: tuple[str, ...],
    *,
    removed: tuple[str, ...],
    server: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Show the tags of an object; or set some, and take some away. Access rules may ask for tags."""
    wanted = ObjectName.parse(name)
    with _place(context, server, token_file, wanted) as place:
        current = place.tags(wanted)
        if tags or removed:
            kept = {tag: value for tag, value in current.items() if tag not in removed}
            current = place.put_tags(wanted, kept | _pairs(tags))
    if as_json:
        echo_json({"tags": current})
        return
    for tag, value in sorted(current.items()):
        click.echo(one_line(f"{tag}={value}"))


@object_group.command("versions")
@click.argument("name", metavar="BUCKET/KEY")
@server_option
@token_file_option
@json_option
@click.pass_obj
def versions_command(
    context: CliContext, name: str, server: str | None, token_file: Path | None, as_json: bool
) -> None:
    """List the versions of an object, newest first."""
    wanted = ObjectName.parse(name)
    with _place(context, server, token_file, wanted) as place:
        versions = place.versions(wanted)
    if as_json:
        echo_json({"versions": versions})
        return
    for told in versions:
        what = "removed" if told["is_deletion"] else f"{_bytes(told['size_bytes'])}  sha256:{told['sha256'][:12]}"
        state = "current" if told["is_current"] else ""
        click.echo(one_line(f"{told['version']}  {told['created_at'][:19]}  {told['owner']}  {what}  {state}".rstrip()))


@object_group.command("drops")
@json_option
@click.pass_obj
def drops_command(context: CliContext, as_json: bool) -> None:
    """How the drop directories of this host stand: what was copied, what was not taken, and why. For the operator."""
    from pergamon import objects

    with context.open() as runtime, runtime.begin(context.actor(runtime)) as uow:
        require(runtime.decide(uow, Action.PLATFORM_OPERATE, Resource("platform", "main")))
        found = objects.drop_directory_status(uow)
    if as_json:
        echo_json({"drop_directories": [one.facts() for one in found]})
        return
    for one in found:
        looked = f"last looked at {one.looked_at:%Y-%m-%d %H:%M:%S}" if one.looked_at else "not looked at yet"
        target = f"{one.spec.bucket}/{one.spec.prefix}".rstrip("/")
        click.echo(one_line(f"{one.spec.path} -> {target}: {counted(one.copied, 'file')} copied, {looked}"))
        if one.problem:
            click.echo(one_line(f"  ! {one.problem}"))
        for problem in one.problems:
            click.echo(one_line(f"  not taken: {problem.path}: {problem.problem}"))
        if one.not_taken > len(one.problems):
            click.echo(f"  … and {one.not_taken - len(one.problems)} more")


for _command in (put_command, get_command, rm_command):
    object_group.add_command(_command)


@dataclass
class _Bar:
    """How far a transfer has come; shown at a terminal only."""

    shown: Any | None = None  # Any: rich is loaded only where somebody looks
    task: Any | None = None

    def advance(self, size_bytes: int) -> None:
        if self.shown is not None:
            self.shown.advance(self.task, size_bytes)

    def say(self, text: str) -> None:
        click.echo(one_line(text), err=True)


@contextmanager
def _progress(total_bytes: int, *, quiet: bool) -> Iterator[_Bar]:
    if quiet or not sys.stderr.isatty():
        yield _Bar()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        yield _Bar(shown, shown.add_task("", total=total_bytes))


def _pairs(written: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in written:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise Invalid("a tag is written NAME=VALUE", hint="as --tag ward=icu")
        pairs[name] = value
    return pairs


def _parts(name: ObjectName) -> tuple[str, str]:
    return name.bucket, name.key


def _bytes(size_bytes: int) -> str:
    """`0 B`, `1.4 MB`: decimal, as disks are sold."""
    size, unit = float(size_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size_bytes} B" if unit == "B" else f"{size:.1f} {unit}"
