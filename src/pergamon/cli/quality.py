"""`pergamon quality`: what a table's columns hold, how well it keeps its rules, and to have it measured now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pergamon.cli.catalog import Door, Json, answering, asking, echo_table, in_path, limit_option, note_if_more, plain
from pergamon.cli.context import echo_json, json_option
from pergamon.kernel import Invalid

if TYPE_CHECKING:
    from pergamon.store import UnitOfWork

LARGEST_FILE_BYTES = 1_000_000
BAR = "▁▂▃▄▅▆▇█"


@click.group("quality")
def quality_group() -> None:
    """Quality: profiles of tables, and the rules that they keep."""


@quality_group.command("show")
@click.argument("table", metavar="TABLE|ASSET")
@click.option("--history", is_flag=True, help="Every profile with its rows, missing values and score, newest first.")
@limit_option
@asking
@json_option
def show_command(door: Door, *, table: str, history: bool, limit: int, as_json: bool) -> None:
    """Show the newest profile of a table, as far as you may see it."""
    if history:
        _show_history(door, table, limit, as_json=as_json)
        return
    told = door.get(f"/api/v1/quality/{in_path(table)}", lambda uow: _profile(uow, table))
    if as_json:
        echo_json(told)
    else:
        _echo_profile(told)


@quality_group.command("run")
@click.argument("table", metavar="TABLE|ASSET")
@answering(lambda told: click.echo(_will_be_measured(plain(told["table"]))))
def run_command(door: Door, *, table: str) -> Any:
    """Have a table measured now, and its rules applied; a worker does it."""
    return door.post(f"/api/v1/quality/{in_path(table)}/run", {}, lambda uow: _run(uow, table))


def _will_be_measured(table: str) -> str:
    return f"{table} is going to be measured; see `pergamon quality show {table}`"


def _echo_rules(told: Json) -> None:
    columns = ("name", "dimension", "check", "threshold", "severity", "description")
    echo_table(("rule", *columns[1:]), ([rule[column] for column in columns] for rule in told["rules"]))


@quality_group.command("rules")
@click.argument("table", metavar="TABLE|ASSET")
@click.option("--set", "file", type=click.Path(path_type=Path, dir_okay=False), help="A YAML or JSON list of rules.")
@click.option("--expected-version", type=click.IntRange(0), help="Refuse when the rules are at another one by now.")
@answering(_echo_rules)
def rules_command(door: Door, *, table: str, file: Path | None, expected_version: int | None) -> Any:
    """List the rules of a table; or set those that people have for it, all of them, with --set."""
    path = f"/api/v1/quality/{in_path(table)}/rules"
    told = door.get(path, lambda uow: _rules(uow, table))
    if file is None:
        return told
    version = told["version"] if expected_version is None else expected_version
    wanted = _rules_in(file)
    body = {"expected_version": version, "rules": wanted}
    door.post(path, body, lambda uow: _set_rules(uow, table, wanted, version))
    return door.get(path, lambda uow: _rules(uow, table))


def _profile(uow: UnitOfWork, table: str) -> Json:
    from pergamon import quality

    return quality.visible_profile(uow, quality.table_named(uow, table)).as_json()


def _run(uow: UnitOfWork, table: str) -> Json:
    from pergamon import quality

    named = quality.table_named(uow, table)
    quality.run_profile(uow, named)
    return {"table": str(named)}


def _rules(uow: UnitOfWork, table: str) -> Json:
    from pergamon import quality

    return quality.visible_rules(uow, quality.table_named(uow, table))


def _set_rules(uow: UnitOfWork, table: str, wanted: list[Any], version: int) -> Json:
    from pydantic import ValidationError

    from pergamon import quality

    try:
        rules = quality.RuleSet.model_validate({"rules": wanted})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:100]
        raise quality.BadRule(f"{where}: {first['msg']}", hint="docs/how-to/measure-quality.md shows rules") from None
    return {"version": quality.set_rules(uow, quality.table_named(uow, table), rules, expected_version=version)}


def _rules_in(file: Path) -> list[Any]:
    """The list of rules in a file: YAML, of which JSON is a part."""
    import yaml

    try:
        if file.stat().st_size > LARGEST_FILE_BYTES:
            raise Invalid(
                f"{file} is larger than {LARGEST_FILE_BYTES} bytes", hint="docs/how-to/measure-quality.md shows one"
            )
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        found = json.loads(json.dumps(found, default=str))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise Invalid(
            f"{file} cannot be read as YAML ({type(error).__name__})", hint="docs/how-to/measure-quality.md shows one"
        ) from None
    found = found.get("rules") if isinstance(found, dict) else found
    if not isinstance(found, list):
        raise Invalid(f"{file} holds no list of rules", hint="docs/how-to/measure-quality.md shows one")
    return found


def _show_history(door: Door, table: str, limit: int, *, as_json: bool) -> None:
    def here(uow: UnitOfWork) -> list[Json]:
        from pergamon import quality

        return quality.profile_history(uow, quality.table_named(uow, table), limit=limit)

    found = door.pages(f"/api/v1/quality/{in_path(table)}/history", "profiles", limit, here)
    if as_json:
        echo_json(found)
        return
    echo_table(
        ("measured", "snapshot", "rows", "missing", "score", "state"),
        (
            (p["at"][:19], p["snapshot_id"], p["rows"], _percent(p["null_rate"]), p["score"], p["reason"] or p["state"])
            for p in found
        ),
    )
    note_if_more(found, limit)


def _echo_profile(told: Json) -> None:
    click.echo(f"{plain(told['table'])} at {told['at'][:19]}, snapshot {told['snapshot_id']}")
    if told["state"] != "done":
        click.echo(f"could not be measured: {plain(told['reason'])}")
        return
    rows = f"{told['rows']:,} rows"
    if told["sampled_rows"] is not None:
        rows += f"; the columns' figures are of a sample of {told['sampled_rows']:,}"
    if told["counts_rounded_to"] > 1:
        rows += f"; counts to the nearest {told['counts_rounded_to']}"
    click.echo(rows)
    if told["score"] is not None:
        parts = ", ".join(f"{name} {score:.2f}" for name, score in told["dimensions"].items())
        click.echo(f"score {told['score']:.2f}: {parts}")
    click.echo()
    echo_table(
        ("column", "type", "nulls", "empty", "distinct", "what is known"),
        (
            (
                *(c["name"], c["type"], _count(told, c["nulls"]), _count(told, c["empty"])),
                *(_distinct(told, c), _known(c["values"]) or c["withheld"]),
            )
            for c in told["columns"]
        ),
    )
    if told["columns_left_out"]:
        click.echo(f"{told['columns_left_out']:,} more columns are not measured")
    if told["rules"]:
        click.echo()
        echo_table(
            ("rule", "dimension", "outcome", "judged", "failed", "why"),
            (
                (
                    *(r["name"], r["dimension"], r["outcome"]),
                    *(_count(told, r["judged"]), _count(told, r["failed"]), r["reason"] or r["description"]),
                )
                for r in told["rules"]
            ),
        )
    if told["pending"]:
        click.echo("a newer profile is being made", err=True)


def _count(told: Json, count: int | None) -> str | None:
    """A count of a profile; one that is rounded to nothing says below what it is."""
    if count == 0 and told["zero_is_below"] > 1:
        return f"< {told['zero_is_below']}"
    return None if count is None else f"{count:,}"


def _distinct(told: Json, column: Json) -> str | None:
    count = _count(told, column["distinct"])
    return count if not column["distinct"] or column["distinct_is_exact"] else f"about {count}"


def _known(values: Json) -> str:
    """What may be said of a column's values, in a line."""
    parts = []
    if "codes" in values:
        codes = values["codes"]
        shown = ", ".join(f"{code['value']} ({code['rows']:,})" for code in codes[:5])
        parts.append(shown + (f", … {len(codes)} values" if len(codes) > 5 else ""))
    if "quantiles" in values:
        parts.append(f"median {values['quantiles'].get('0.5')}")
    if "mean" in values:
        parts.append(f"mean {values['mean']}")
    if "histogram" in values:
        buckets = values["histogram"]
        most = max(bucket["rows"] for bucket in buckets) or 1
        bars = "".join(BAR[(len(BAR) - 1) * bucket["rows"] // most] for bucket in buckets)
        parts.append(f"{buckets[0]['to']} {bars} {buckets[-1]['from']}")
    if "length" in values and "codes" not in values:
        parts.append(f"{values['length']['at_least']} to {values['length']['at_most']} characters")
    return "; ".join(parts)


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"
