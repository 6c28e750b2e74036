"""Random SELECT statements over the tables of `granted_world`: every construct that governed SQL has, one answer each.

An answer must not depend on chance: rows are compared as bags, a window that looks at neighbours and a LIMIT stand over
an order of all columns, aggregates that depend on the order of rows are given one, sums are of fractions of 4, which a
double holds exactly. Expressions of hidden columns' values that fail are there on purpose (`granted_world`): in what is
given they never do, so an error tells of a hidden row. `BROKEN` fails in what is given too, and must on both sides.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.reference.granted_world import COLUMNS, SCHEMA

KINDS = {"long": "n", "int": "n", "string": "s", "date": "d", "timestamp": "t", "boolean": "b", "double": "f"} | {
    "decimal(9,2)": "m",
    "list<string>": "l",
}
"""n whole number, s text, d date, t timestamp, b boolean, f fraction, m decimal, l list of texts, x anything shown."""


@dataclass(frozen=True)
class Source:
    """What stands in FROM, and the columns that it offers: written name -> kind."""

    sql: str
    columns: Mapping[str, str]
    raw: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The alias of a governed table -> its columns: what `FRAGILE` may be asked of."""


FRAGILE: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "visits": (
        ("n", "CAST({a}.code AS INTEGER)", "cast"),
        ("n", "CAST({a}.code AS BIGINT) * 7", "cast"),
        ("n", "CAST({a}.amount AS TINYINT)", "cast"),
        ("n", "CAST({a}.weight AS SMALLINT)", "cast"),
        ("m", "CAST({a}.cost AS DECIMAL(5,2))", "cast"),
        ("s", "CAST(CAST({a}.hexes AS BLOB) AS VARCHAR)", "cast"),
        ("d", "CAST({a}.day_text AS DATE)", "cast"),
        ("s", "CAST(CAST({a}.document AS JSON) AS VARCHAR)", "cast"),
        ("n", "{a}.amount * 1000000000000000", "overflow"),
        ("n", "{a}.small + CAST(2147483600 AS INTEGER)", "overflow"),
        ("n", "-{a}.amount", "overflow"),
        ("n", "abs({a}.amount)", "overflow"),
        ("n", "{a}.small * {a}.small", "overflow"),
        ("n", "{a}.amount << 40", "overflow"),
        ("n", "gcd({a}.amount, 12)", "overflow"),
        ("n", "lcm({a}.amount, {a}.small)", "overflow"),
        ("n", "CAST(factorial({a}.small) AS BIGINT)", "overflow"),
        ("n", "100 // ({a}.amount + 1)", "division"),
        ("x", "100 / ({a}.amount + 1)", "division"),
        ("n", "{a}.small % ({a}.amount + 1)", "division"),
        ("x", "ln({a}.amount)", "domain"),
        ("x", "sqrt({a}.weight)", "domain"),
        ("x", "log10({a}.small)", "domain"),
        ("x", "exp({a}.small)", "domain"),
        ("x", "acos(1 / {a}.amount)", "domain"),
        ("s", "chr({a}.small + 64)", "text"),
        ("s", "left({a}.code, {a}.amount)", "text"),
        ("s", "substr({a}.code, {a}.amount, 2)", "text"),
        ("s", "repeat('x', {a}.amount)", "text"),
        ("s", "to_base({a}.amount, 2)", "text"),
        ("s", "{a}.code[{a}.amount]", "text"),
        ("n", "hamming({a}.code, '0000')", "text"),
        ("x", "jaccard({a}.code, '12')", "text"),
        ("s", "decode(unhex({a}.hexes))", "text"),
        ("s", "format('{{:.3s}}', {a}.code)", "text"),
        ("s", "printf('%d', {a}.amount)", "text"),
        ("b", "regexp_matches('a11', {a}.pattern)", "regex"),
        ("b", "'12' SIMILAR TO {a}.pattern", "regex"),
        ("b", "regexp_full_match({a}.code, {a}.pattern)", "regex"),
        ("s", "regexp_replace({a}.code, {a}.pattern, '_')", "regex"),
        ("s", "regexp_extract({a}.code, {a}.pattern)", "regex"),
        ("l", "string_split_regex({a}.code, {a}.pattern)", "regex"),
        ("s", "json_extract_string({a}.document, '$.a')", "json"),
        ("s", "CAST({a}.document -> '$.b' AS VARCHAR)", "json"),
        ("s", "json_type({a}.document)", "json"),
        ("n", "CAST(json_array_length({a}.document) AS BIGINT)", "json"),
        ("d", "make_date(2020, {a}.small, 1)", "date"),
        ("d", "{a}.day + {a}.small", "date"),
        ("t", "{a}.at + INTERVAL 300000 DAY", "date"),
        ("n", "epoch_ns({a}.at)", "date"),
        ("t", "CAST(to_timestamp({a}.amount * 1000) AS TIMESTAMP)", "date"),
        ("t", "make_timestamp_ms({a}.amount)", "date"),
        ("t", "epoch_ms({a}.amount)", "date"),
        ("t", "strptime({a}.day_text, '%Y-%m-%d')", "date"),
        ("t", "CAST(make_timestamp({a}.amount) AS TIMESTAMP)", "date"),
        ("n", "date_diff('day', DATE '2020-01-01', {a}.day)", "date"),
        ("l", "list_resize({a}.tags, {a}.small)", "list"),
        ("s", "{a}.tags[{a}.small]", "list"),
        ("l", "CAST(CAST({a}.tags AS INTEGER[]) AS VARCHAR[])", "list"),
        ("s", "chr(CASE WHEN {a}.small BETWEEN 1 AND 12 OR {a}.small IS NULL THEN 65 ELSE -1 END)", "case"),
        ("n", "CASE WHEN {a}.amount > 20 THEN CAST('no number' AS INTEGER) ELSE 1 END", "case"),
    ),
    "patients": (
        ("n", "CAST({a}.site = 'north' AS INTEGER)", "cast"),
        ("s", "chr(CASE WHEN {a}.site = 'north' THEN 65 ELSE -1 END)", "case"),
        ("s", "left({a}.name, 3 - length({a}.site))", "text"),
        ("n", "{a}.age * 20000000", "overflow"),
        ("t", "{a}.seen + INTERVAL 1 MONTH", "date"),
        ("n", "epoch_ns(CAST({a}.born AS TIMESTAMP))", "date"),
        ("b", "{a}.nothing SIMILAR TO '(['", "regex"),
    ),
    "labs": (
        ("n", "CAST({a}.code AS SMALLINT)", "cast"),
        ("n", "{a}.amount * 1000000000000000", "overflow"),
        ("x", "sqrt({a}.value)", "domain"),
        ("s", "chr(CAST({a}.amount AS INTEGER) + 65)", "text"),
        ("t", "epoch_ms({a}.amount)", "date"),
    ),
}
"""Kind, expression, family. Without an error in what is given; with one in what is hidden."""

BROKEN = (
    "CAST({a}.document AS INTEGER)", "CAST('x' || {a}.code AS DATE)", "{a}.amount * 9223372036854775807",
    "chr(-{a}.small)", "make_date({a}.small, 13, 1)", "ln(-{a}.amount)", "regexp_matches({a}.code, '([')",
    "error_of_no_function({a}.code)", "{a}.no_such_column", "{a}.code + {a}.tags", "{a}.ok", "{a}.mark", "{a}.filename",
    "{a}.file_row_number", "{a}.rowid", "raw.ok",
)  # fmt: skip
"""Wrong in what is given too, or for columns that are not given."""


class Statements:
    """Draws statements; `reached` counts the constructs that were written."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)  # noqa: S311 - to be drawn again
        self.reached: dict[str, int] = {}
        self._names = 0

    def statement(self) -> str:
        """One SELECT."""
        self._names = 0
        shape = self.draw.choices(SHAPES, weights=WEIGHTS)[0]
        self._note(shape.__name__.removeprefix("_"))
        return shape(self)

    # --- small words ---

    def _note(self, what: str) -> None:
        self.reached[what] = self.reached.get(what, 0) + 1

    def _one(self, *options: str) -> str:
        return self.draw.choice(options)

    def _one_of(self, *options: Source) -> Source:
        return self.draw.choice(options)

    def _name(self, stem: str = "t") -> str:
        self._names += 1
        return f"{stem}{self._names}"

    def _often(self, share: float) -> bool:
        return self.draw.random() < share

    # --- FROM ---

    def _table(self, name: str | None = None) -> Source:
        table, alias = name or self._one("patients", "visits", "visits", "labs"), self._name()
        columns = {f"{alias}.{column}": KINDS[kind] for column, kind, _ in COLUMNS[table]}
        return Source(f"{SCHEMA}.{table} {alias}", columns, {alias: (table,)})

    def _source(self, depth: int = 2) -> Source:
        if depth and self._often(0.35):
            return self._joined(depth)
        if depth and self._often(0.15):
            return self._derived(depth)
        return self._table()

    def _derived(self, depth: int) -> Source:
        inner, alias = self._source(depth - 1), self._name("q")
        shown = self._shown(inner, 4)
        columns = {f"{alias}.c{n}": kind for n, (kind, _) in enumerate(shown)}
        text = ", ".join(f"{sql} AS c{n}" for n, (_, sql) in enumerate(shown))
        materialized = self._one("", "", " OFFSET 0")
        self._note("derived table")
        return Source(f"(SELECT {text} FROM {inner.sql}{self._where(inner)}{materialized}) {alias}", columns)

    def _joined(self, depth: int) -> Source:
        left, right = self._table(), self._source(depth - 1)
        kind = self._one("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", "SEMI JOIN", "ANTI JOIN")
        kind = "JOIN" if kind == "CROSS JOIN" and self._often(0.6) else kind
        self._note(kind.lower())
        columns, raw = {**left.columns, **right.columns}, {**left.raw, **right.raw}
        if kind in {"SEMI JOIN", "ANTI JOIN"}:
            columns, raw = dict(left.columns), dict(left.raw)
        if kind == "CROSS JOIN":
            return Source(f"{left.sql} CROSS JOIN {self._table('patients').sql}", dict(left.columns), dict(left.raw))
        if kind == "JOIN" and self._often(0.3):
            self._note("join using")
            left, right = self._table("visits"), self._table("labs")
            joined = f"{left.sql} JOIN {right.sql} USING ({self._one('patient', 'patient, amount', 'code')})"
            return Source(joined, {**left.columns, **right.columns}, {**left.raw, **right.raw})
        on = f"{self._column(left, 'n')} = {self._column(right, 'n')}"
        if self._often(0.2):
            self._note("join with what is looked for")
            on += f" AND {self._sought(self._one_of(left, right))}"
        if kind == "JOIN" and self._often(0.3):
            self._note("condition that fails on")
            on += f" AND {self._fragile_test(left)}"
        if self._often(0.2):
            self._note("join on inequality")
            on += f" AND {self._column(left, 'n')} {self._one('<', '<>', '>=')} {self._column(right, 'n')}"
        return Source(f"{left.sql} {kind} {right.sql} ON {on}", columns, raw)

    # --- expressions ---

    def _column(self, source: Source, kind: str) -> str:
        found = [name for name, its in source.columns.items() if its == kind]
        return self.draw.choice(found) if found else CONSTANTS[kind]

    def _fragile(self, source: Source, kind: str | None = None) -> tuple[str, str] | None:
        every = [
            (its, text.format(a=alias), family)
            for alias, (table,) in source.raw.items()
            for its, text, family in FRAGILE[table]
            if kind in {None, its}
        ]
        if not every:
            return None
        its, text, family = self.draw.choice(every)
        self._note(f"fragile {family}")
        return its, text

    def _fragile_test(self, source: Source) -> str:
        found = self._fragile(source)
        if found is None:
            return self._condition(source, 0)
        kind, text = found
        match kind:
            case "b":
                return text
            case "n" | "m" | "f":
                return f"{text} {self._one('>', '<>', '<=')} {self.draw.randrange(30)}"
            case "s":
                return f"{text} {self._one('<>', '>', '<')} '{self._one('a', '1', 'zz', '')}'"
            case _:
                return f"{text} IS NOT NULL"

    def _expression(self, source: Source, kind: str, depth: int = 2) -> str:
        if self._often(0.12):
            found = self._fragile(source, kind)
            if found is not None:
                return found[1]
        if depth == 0 or self._often(0.35):
            return self._column(source, kind)

        def inner(its: str) -> str:
            return self._expression(source, its, depth - 1)

        word = self.draw.choice(WORDS[kind])
        self._note(f"word {word[0]}")
        return word[1](inner)

    def _sought(self, source: Source) -> str:
        """A column that is given as it is, against constants: a condition that the barrier may take over."""
        plain = [
            (alias, column, kind)
            for alias, (table,) in source.raw.items()
            for column, kind, mask in COLUMNS[table]
            if mask is None and kind in SOUGHT
        ]
        if not plain:
            return self._condition(source, 0)
        alias, column, kind = self.draw.choice(plain)
        self._note(f"sought {kind}")
        name = column if self._often(0.2) else f"{alias}.{column}"
        constants = (*SOUGHT[kind], *TEXTS.get(column, ()) * 3)
        one, other = self._one(*constants), self._one(*constants)
        forms = [f"{name} {sign} {one}" for sign in ("=", "<", "<=", ">", ">=", "<>")]
        forms += [f"{one} {self._one('=', '<', '>=')} {name}", f"{name} BETWEEN {one} AND {other}"]
        forms += [f"{name} IN ({one}, {other})", f"({name} < {one} OR {name} = {other})"]
        alike = [f"{alias}.{name}" for name, its, mask in COLUMNS[source.raw[alias][0]] if its == kind and mask is None]
        forms += [f"{alias}.{column} {self._one('=', '<', '>=')} {self._one(*alike)}"]
        if kind == "string":
            forms += [f"{name} LIKE {self._one(*LIKE)}"] * 2
        return self.draw.choice(forms)

    def _condition(self, source: Source, depth: int = 2) -> str:
        roll = self.draw.random()
        if roll < 0.2 and depth:
            self._note("and, or, not")
            one, other = self._condition(source, depth - 1), self._condition(source, depth - 1)
            return self._one(f"({one} AND {other})", f"({one} OR {other})", f"(NOT {one})")
        if roll < 0.45:
            return self._sought(source) if roll > 0.37 else self._fragile_test(source)
        if roll < 0.6 and depth:
            return self._subquery_test(source)
        kind = self._one("n", "s", "d", "f")
        one, other = self._expression(source, kind, 1), self._expression(source, kind, 1)
        if roll < 0.7:
            self._note("is null")
            return f"{one} IS {self._one('', 'NOT ')}NULL"
        if roll < 0.8:
            self._note("is distinct from")
            return f"{one} IS {self._one('', 'NOT ')}DISTINCT FROM {other}"
        self._note("comparison")
        return f"{one} {self._one('=', '<>', '<', '>=')} {other}"

    def _subquery_test(self, outer: Source) -> str:
        inner = self._table()
        n, m = self._column(outer, "n"), self._column(inner, "n")
        kind = self._one("in", "not in", "exists", "not exists", "scalar", "any", "correlated scalar")
        self._note(f"subquery {kind}")
        where = self._condition(inner, 0)
        match kind:
            case "in" | "not in":
                return f"{n} {kind.upper()} (SELECT {m} FROM {inner.sql} WHERE {where})"
            case "exists" | "not exists":
                return f"{kind.upper()} (SELECT 1 FROM {inner.sql} WHERE {m} = {n} AND {where})"
            case "scalar":
                return f"{n} >= (SELECT min({m}) FROM {inner.sql} WHERE {where})"
            case "any":
                return f"{n} {self._one('=', '<', '>')} {self._one('ANY', 'ALL')} (SELECT {m} FROM {inner.sql})"
            case _:
                return f"(SELECT count(*) FROM {inner.sql} WHERE {m} = {n} AND {where}) {self._one('>', '<=')} 1"

    def _where(self, source: Source) -> str:
        if self._often(0.25):
            self._note("sought and more")
            return f" WHERE {self._sought(source)} AND {self._condition(source)}"
        return f" WHERE {self._condition(source)}" if self._often(0.67) else ""

    def _shown(self, source: Source, most: int) -> list[tuple[str, str]]:
        """(kind, SQL) of some columns and expressions."""
        kinds = [self._one("n", "s", "d", "f", "b", "t", "m", "l", "s", "n") for _ in range(self.draw.randint(1, most))]
        shown = [(kind, self._expression(source, kind)) for kind in kinds]
        if self._often(0.3):
            found = self._fragile(source)
            shown += [found] if found else []
        return shown

    def _all_columns(self, source: Source) -> str:
        return ", ".join(source.columns)

    # --- whole statements ---

    def _plain(self) -> str:
        source = self._source()
        return f"SELECT {self._listed(source)} FROM {source.sql}{self._where(source)}"

    def _listed(self, source: Source) -> str:
        return ", ".join(f"{sql} AS o{n}" for n, (_, sql) in enumerate(self._shown(source, 5)))

    def _starred(self) -> str:
        table = self._table()
        (alias,) = table.raw
        column = next(iter(table.columns)).split(".")[1]
        star = self._one(
            "*", f"{alias}.*", f"* EXCLUDE ({column})", f"* REPLACE (1 AS {column})", f"* RENAME ({column} AS other)",
            "COLUMNS('.*e.*')", "COLUMNS(c -> c LIKE '%a%')", f"{alias}", "#1", f"count(DISTINCT {alias})",
            f"max(CAST({alias} AS VARCHAR))", "max(COLUMNS(*))", f"to_json({alias})", f"row({alias}, 1)",
        )  # fmt: skip
        return f"SELECT {star} FROM {table.sql}{self._where(table)}"

    def _grouped(self) -> str:
        source = self._source(1)
        keys = [self._expression(source, self._one("n", "s", "d", "b"), 1) for _ in range(self.draw.randint(1, 2))]
        by = ", ".join(keys)
        how = self._one("plain", "plain", "rollup", "cube", "grouping sets", "group by all", "having")
        self._note(f"group {how}")
        aggregates = [self._aggregate(source) for _ in range(self.draw.randint(1, 3))]
        shown = ", ".join([f"{key} AS k{n}" for n, key in enumerate(keys)] + [f"{a}" for a in aggregates])
        group = {"rollup": f"ROLLUP ({by})", "cube": f"CUBE ({by})", "grouping sets": f"GROUPING SETS (({by}), ())"}
        tail = f" HAVING count(*) > {self.draw.randint(0, 3)}" if how == "having" else ""
        by = "ALL" if how == "group by all" else group.get(how, by)
        return f"SELECT {shown} FROM {source.sql}{self._where(source)} GROUP BY {by}{tail}"

    def _totalled(self) -> str:
        source = self._source()
        shown = ", ".join(self._aggregate(source) for _ in range(self.draw.randint(1, 4)))
        return f"SELECT {shown} FROM {source.sql}{self._where(source)}"

    def _aggregate(self, source: Source) -> str:
        n, s, f = (self._expression(source, kind, 1) for kind in ("n", "s", "f"))
        name, text = self.draw.choice(
            [
                ("count star", "count(*)"), ("count", f"count({s})"), ("count distinct", f"count(DISTINCT {s})"),
                ("sum", f"sum({n})"), ("sum fraction", f"sum({self._column(source, 'f')})"), ("avg", f"avg({n})"),
                ("min", f"min({s})"), ("max", f"max({f})"), ("median", f"median({n})"),
                ("bool_or", f"bool_or({n} > 3)"),
                ("string_agg", f"string_agg({s}, ',' ORDER BY {s})"), ("list", f"list({n} ORDER BY {n} NULLS LAST)"),
                ("list distinct", f"list_sort(list(DISTINCT {s}))"), ("quantile", f"quantile_cont({n}, 0.25)"),
                ("quantile_disc", f"quantile_disc({n}, [0.1, 0.9])"), ("max_n", f"max({n}, 3)"),
                ("within group", f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {n})"),
                ("histogram", f"histogram({s})"), ("bit_xor", f"bit_xor({n})"), ("entropy", f"entropy({s})"),
                ("arg_max", f"arg_max({n}, {n})"), ("product", f"product(sign({n}))"), ("mad", f"mad({n})"),
                ("count_if", f"count_if({self._condition(source, 0)})"), ("regr", f"regr_count({n}, {f})"),
            ]
        )  # fmt: skip
        self._note(f"aggregate {name}")
        if self._often(0.25) and name not in {"within group", "list distinct"}:
            self._note("filter of an aggregate")
            return f"{text} FILTER (WHERE {self._condition(source, 0)})"
        return text

    def _windowed(self) -> str:
        source = self._source(1)
        total = self._all_columns(source)
        n, s = self._column(source, "n"), self._column(source, "s")
        value = self._expression(source, "n", 1)
        name, text = self.draw.choice(
            [
                ("rank", f"rank() OVER (PARTITION BY {s} ORDER BY {n})"),
                ("dense_rank", f"dense_rank() OVER (ORDER BY {n} DESC NULLS LAST)"),
                ("row_number", f"row_number() OVER (PARTITION BY {s} ORDER BY {total})"),
                ("sum", f"sum({value}) OVER (PARTITION BY {s})"), ("running", f"sum({n}) OVER (ORDER BY {n})"),
                ("frame", f"max({value}) OVER (ORDER BY {total} ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING)"),
                ("range frame", f"count(*) OVER (ORDER BY {n} RANGE BETWEEN 3 PRECEDING AND CURRENT ROW)"),
                ("groups", f"count({s}) OVER (ORDER BY {n} GROUPS 1 PRECEDING)"),
                ("exclude", f"count(*) OVER (ORDER BY {n} RANGE UNBOUNDED PRECEDING EXCLUDE CURRENT ROW)"),
                ("lag", f"lag({value}, 1, -1) OVER (ORDER BY {total})"),
                ("lead", f"lead({s} IGNORE NULLS) OVER (ORDER BY {total})"),
                ("first_value", f"first_value({s}) OVER (PARTITION BY {n} ORDER BY {total})"),
                ("nth_value", f"nth_value({value}, 2) OVER (ORDER BY {total})"),
                ("ntile", f"ntile(4) OVER (ORDER BY {total})"), ("cume_dist", f"cume_dist() OVER (ORDER BY {n})"),
            ]
        )  # fmt: skip
        self._note(f"window {name}")
        tail = ""
        if self._often(0.4):
            self._note("qualify")
            of_text = name in {"lead", "first_value"}
            tail = " QUALIFY w IS NOT NULL" if of_text else f" QUALIFY w {self._one('>', '<>', '<=')} 2"
        return f"SELECT {self._listed(source)}, {text} AS w FROM {source.sql}{self._where(source)}{tail}"

    def _limited(self) -> str:
        source = self._source(1)
        tail = self._one("LIMIT 3", "LIMIT 5 OFFSET 2", "LIMIT 10%", "OFFSET 4")
        self._note(tail.split()[0].lower())
        order = self._one("ORDER BY ALL", "ORDER BY ALL DESC NULLS LAST")
        return f"SELECT {self._listed(source)} FROM {source.sql}{self._where(source)} {order} {tail}"

    def _distinct(self) -> str:
        source = self._source(1)
        if self._often(0.5):
            self._note("distinct")
            return f"SELECT DISTINCT {self._listed(source)} FROM {source.sql}{self._where(source)}"
        key = self._column(source, "n")
        self._note("distinct on")
        order = f"{key}, {self._all_columns(source)}"
        return f"SELECT DISTINCT ON ({key}) {self._listed(source)} FROM {source.sql} ORDER BY {order}"

    def _combined(self) -> str:
        kind = self._one("n", "s", "d")
        word = self._one("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL", "UNION BY NAME")
        self._note(word.lower())
        parts = []
        for _ in range(2):
            source = self._source(1)
            parts.append(f"SELECT {self._expression(source, kind)} AS o FROM {source.sql}{self._where(source)}")
        return f" {word} ".join(parts)

    def _with(self) -> str:
        inner, name = self._source(1), self._one("a", "patients", "raw", "visits", "study_sub")
        shown = self._shown(inner, 4)
        text = ", ".join(f"{sql} AS c{n}" for n, (_, sql) in enumerate(shown))
        how = self._one("", "MATERIALIZED ", "NOT MATERIALIZED ")
        self._note(f"with {how.lower()}".strip())
        columns = {f"{name}.c{n}": kind for n, (kind, _) in enumerate(shown)}
        outer = Source(name, columns)
        return (
            f"WITH {name} AS {how}(SELECT {text} FROM {inner.sql}{self._where(inner)}) "
            f"SELECT {self._listed(outer)}, c0 FROM {name}{self._where(outer)}"
        )

    def _recursive(self) -> str:
        table = self._table()
        n = self._column(table, "n")
        test = self._fragile_test(table)
        word = self._one("UNION", "UNION ALL")
        return (
            f"WITH RECURSIVE r(n, depth) AS (SELECT {n}, 0 FROM {table.sql} WHERE {test} {word} "
            f"SELECT r.n + 1, depth + 1 FROM r WHERE depth < 3 AND r.n < 1000) "
            f"SELECT n, depth, count(*) FROM r GROUP BY ALL"
        )

    def _lateral(self) -> str:
        outer, inner = self._table(), self._table()
        n, m = self._column(outer, "n"), self._column(inner, "n")
        shown = self._expression(inner, "n", 1)
        join = self._one("JOIN", "LEFT JOIN")
        inside = self._one(f"SELECT {shown} AS v", f"SELECT max({shown}) AS v", f"SELECT {n} + {m} AS v")
        return (
            f"SELECT {self._listed(outer)}, x.v FROM {outer.sql} {join} LATERAL "
            f"({inside} FROM {inner.sql} WHERE {m} = {n} AND {self._condition(inner, 0)}) x ON true"
        )

    def _scalar(self) -> str:
        outer, inner = self._table(), self._table()
        n, m = self._column(outer, "n"), self._column(inner, "n")
        inside = f"SELECT sum({self._expression(inner, 'n', 1)}) FROM {inner.sql} WHERE {m} <= {n}"
        return f"SELECT {n}, ({inside}) AS v FROM {outer.sql}{self._where(outer)}"

    def _unnested(self) -> str:
        table = self._table("visits")
        (alias,) = table.raw
        kind = self._one("select", "from")
        self._note(f"unnest in {kind}")
        if kind == "select":
            return f"SELECT {alias}.patient, unnest({alias}.tags) AS tag FROM {table.sql}{self._where(table)}"
        return f"SELECT {alias}.code, u.x FROM {table.sql}, unnest({alias}.tags) u(x){self._where(table)}"

    def _asof(self) -> str:
        left, right = self._table("visits"), self._table("visits")
        (a,), (b,) = left.raw, right.raw
        dated = f"(SELECT * FROM {SCHEMA}.visits WHERE day IS NOT NULL)"  # a NULL meets some day, or none: by chance
        return (
            f"SELECT {a}.patient, max({b}.day) AS o FROM {dated} {a} ASOF JOIN {dated} {b} "
            f"ON {a}.patient = {b}.patient AND {a}.day >= {b}.day WHERE {self._fragile_test(left)} GROUP BY 1"
        )

    def _broken(self) -> str:
        table = self._table("visits")
        (alias,) = table.raw
        text = self.draw.choice(BROKEN).format(a=alias)
        shape = self._one(
            "SELECT {x} AS o FROM {t}", "SELECT count(*) FROM {t} WHERE {x} IS NOT NULL", "SELECT max({x}) FROM {t}"
        )
        return shape.format(x=text, t=table.sql)

    def _tried(self) -> str:
        source = self._table("visits")
        (alias,) = source.raw
        text = self.draw.choice(BROKEN[:6]).format(a=alias)
        kind = self._one(f"TRY({text})", f"TRY_CAST({alias}.document AS INTEGER)", f"TRY_CAST({alias}.code AS DATE)")
        self._note("try")
        return f"SELECT {kind} AS o, {alias}.patient FROM {source.sql}{self._where(source)}"


SOUGHT: Mapping[str, tuple[str, ...]] = {
    "long": ("3", "17", "40", "-1", "2147483648", "2.5", "NULL"),
    "int": ("3", "6", "11", "0", "70000000000"),
    "string": ("''", "'5'", "'zz'", "'TOP-SECRET 7'"),
    "date": ("DATE '2021-05-05'", "'2022-01-31'", "DATE '2020-06-30'", "TIMESTAMP '2021-01-01 10:00:00'"),
    "timestamp": ("TIMESTAMP '2021-05-05 10:00:00'", "DATE '2022-01-01'", "'2020-12-31 23:59:59.5'", "'2021-07-01'"),
    "double": ("2.5", "40", "75.25", "0.1", "1e3", "-1.5"),
    "decimal(9,2)": ("1.25", "30", "55.5", "70.125"),
    "boolean": ("true", "false"),
}
"""Constants for columns of each type; some are not values of it."""
TEXTS: Mapping[str, tuple[str, ...]] = {
    "site": ("'north'",),
    "code": ("'0500'", "'4000'", "'50'"),
    "pattern": ("'a+'", "'x|y'"),
    "hexes": ("'4A'", "'414243'"),
    "document": ("'[3, 4]'", "'{'"),
    "day_text": ("'2021-05-05'", "'2023'"),
    "kind": ("'glucose'", "'sodium'"),
    "unit": ("'mmol/l'", "'mmol'"),
}
LIKE = ("'n%'", "'0%'", "'glu%'", "'%'", "'0_0%'", "'mmol/l'", "'TOP%'")

CONSTANTS = {
    "n": "7", "s": "'north'", "d": "DATE '2021-05-05'", "t": "TIMESTAMP '2021-05-05 10:00:00'", "b": "true", "f": "2.5",
    "m": "CAST(1.25 AS DECIMAL(9,2))", "l": "['a', 'b']", "x": "0",
}  # fmt: skip

Inner = Callable[[str], str]
WORDS: Mapping[str, tuple[tuple[str, Callable[[Inner], str]], ...]] = {
    "n": (
        ("add", lambda i: f"(CAST({i('n')} AS HUGEINT) + 1)::VARCHAR::HUGEINT % 100003"),
        ("length", lambda i: f"length({i('s')})"),
        ("year", lambda i: f"year({i('d')})"),
        ("extract", lambda i: f"extract(dow FROM {i('t')})"),
        ("case", lambda i: f"CASE WHEN {i('b')} THEN {i('n')} ELSE 0 END"),
        ("coalesce", lambda i: f"coalesce({i('n')}, -1)"),
        ("nullif", lambda i: f"nullif({i('n')}, 5)"),
        ("greatest", lambda i: f"greatest({i('n')}, {i('n')})"),
        ("modulo", lambda i: f"{i('n')} % 7"),
        ("instr", lambda i: f"instr({i('s')}, 'e')"),
        ("list length", lambda i: f"len({i('l')})"),
        ("try_cast", lambda i: f"TRY_CAST({i('s')} AS INTEGER)"),
        ("datediff", lambda i: f"date_diff('month', {i('d')}, DATE '2024-01-01')"),
        ("list_position", lambda i: f"list_position({i('l')}, 'a')"),
        ("hash", lambda i: f"hash({i('s')}) % 1000"),
        ("levenshtein", lambda i: f"levenshtein({i('s')}, 'north')"),
    ),
    "s": (
        ("upper", lambda i: f"upper({i('s')})"),
        ("concat", lambda i: f"{i('s')} || '-' || {i('s')}"),
        ("concat_ws", lambda i: f"concat_ws('/', {i('s')}, {i('s')})"),
        ("cast number", lambda i: f"CAST({i('n')} AS VARCHAR)"),
        ("cast date", lambda i: f"CAST({i('d')} AS VARCHAR)"),
        ("left", lambda i: f"left({i('s')}, 3)"),
        ("replace", lambda i: f"replace({i('s')}, 'o', '0')"),
        ("regexp_replace", lambda i: f"regexp_replace({i('s')}, '[aeiou]', '*', 'g')"),
        ("strftime", lambda i: f"strftime({i('t')}, '%Y-%m')"),
        ("monthname", lambda i: f"monthname({i('d')})"),
        ("md5", lambda i: f"md5({i('s')})"),
        ("lpad", lambda i: f"lpad({i('s')}, 6, '.')"),
        ("reverse", lambda i: f"reverse({i('s')})"),
        ("case", lambda i: f"CASE {i('n')} WHEN 1 THEN {i('s')} WHEN 2 THEN 'two' END"),
        ("list to string", lambda i: f"array_to_string({i('l')}, '+')"),
        ("list extract", lambda i: f"{i('l')}[1]"),
        ("struct", lambda i: f"({{'a': {i('s')}, 'b': 1}}).a"),
        ("map", lambda i: f"MAP {{'k': {i('s')}}}['k']"),
        ("to_json", lambda i: f"CAST(to_json({i('l')}) AS VARCHAR)"),
        ("json_object", lambda i: f"CAST(json_object('k', {i('s')}) AS VARCHAR)"),
        ("split_part", lambda i: f"split_part({i('s')}, ' ', 1)"),
        ("collate", lambda i: f"{i('s')} COLLATE NOCASE"),
        ("typeof", lambda i: f"typeof({i('n')})"),
    ),
    "d": (
        ("date_trunc", lambda i: f"CAST(date_trunc('month', {i('d')}) AS DATE)"),
        ("last_day", lambda i: f"last_day({i('d')})"),
        ("cast timestamp", lambda i: f"CAST({i('t')} AS DATE)"),
        ("coalesce", lambda i: f"coalesce({i('d')}, DATE '2000-01-01')"),
        ("least", lambda i: f"least({i('d')}, {i('d')})"),
        ("interval", lambda i: f"CAST({i('d')} - INTERVAL 1 MONTH AS DATE)"),
    ),
    "t": (
        ("cast date to timestamp", lambda i: f"CAST({i('d')} AS TIMESTAMP)"),
        ("time_bucket", lambda i: f"time_bucket(INTERVAL 7 DAYS, {i('t')})"),
        ("minus interval", lambda i: f"{i('t')} - INTERVAL 3 HOURS"),
    ),
    "b": (
        ("comparison", lambda i: f"({i('n')} > {i('n')})"),
        ("like", lambda i: f"({i('s')} LIKE '%o%')"),
        ("ilike", lambda i: f"({i('s')} ILIKE 'n%')"),
        ("between", lambda i: f"({i('n')} BETWEEN 2 AND {i('n')})"),
        ("in list", lambda i: f"({i('s')} IN ('north', 'glucose', '0001'))"),
        ("list_contains", lambda i: f"list_contains({i('l')}, {i('s')})"),
        ("starts_with", lambda i: f"starts_with({i('s')}, 'n')"),
        ("not", lambda i: f"(NOT {i('b')})"),
        ("xor", lambda i: f"({i('b')} <> {i('b')})"),
    ),
    "f": (
        ("times", lambda i: f"({i('f')} * 0.5::DOUBLE)"),
        ("round", lambda i: f"round({i('f')}, 1)"),
        ("floor", lambda i: f"floor({i('f')})"),
        ("case", lambda i: f"CASE WHEN {i('b')} THEN {i('f')} END"),
    ),
    "m": (("coalesce", lambda i: f"coalesce({i('m')}, 0.5)"), ("round", lambda i: f"round({i('m')}, 1)")),
    "l": (
        ("list_sort", lambda i: f"list_sort({i('l')})"),
        ("list_concat", lambda i: f"list_concat({i('l')}, ['z'])"),
        ("list_transform", lambda i: f"list_transform({i('l')}, y -> y || '!')"),
        ("list_filter", lambda i: f"[y FOR y IN {i('l')} IF y <> 'a']"),
        ("string_split", lambda i: f"string_split({i('s')}, 'o')"),
        ("list_value", lambda i: f"[{i('s')}, 'x']"),
    ),
    "x": (("constant", lambda _: "0"),),
}

_S = Statements
SHAPES: tuple[Callable[[Statements], str], ...] = (
    _S._plain, _S._starred, _S._grouped, _S._totalled, _S._windowed, _S._limited, _S._distinct, _S._combined, _S._with,
    _S._recursive, _S._lateral, _S._scalar, _S._unnested, _S._asof, _S._broken, _S._tried,
)  # fmt: skip
WEIGHTS = (10, 4, 6, 6, 6, 4, 4, 4, 5, 2, 4, 3, 2, 2, 2, 2)


def all_constructs() -> set[str]:
    """Everything that `reached` may count of words and fragile families: what the meta-test demands."""
    words = {f"word {word}" for kind, every in WORDS.items() if kind != "x" for word, _ in every}
    fragile = {f"fragile {family}" for every in FRAGILE.values() for _, _, family in every}
    fragile |= {f"sought {kind}" for kind in SOUGHT}
    return words | fragile | {shape.__name__.removeprefix("_") for shape in SHAPES}
