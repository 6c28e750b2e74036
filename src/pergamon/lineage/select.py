"""Which columns of which tables does each column of a SELECT come from? Pure; read from the text, in Spark's dialect.

A column comes from every column that its expression names, also in a CASE's conditions and a window's order, followed
through common table expressions, subqueries and unions to tables. Conditions of joins and filters choose rows; they
are no origin of a value. What cannot be followed (a column of a table that is not known, a pivot) is
said to be untraced, never guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from pergamon.lineage.trace import NotTraceable, Origin, Trace

DIALECT = "spark"
LONGEST_SELECT = 1_000_000
"""Characters; a longer one is not read."""

GENERATORS = (exp.Lateral, exp.Values)
"""What makes rows of its own: each of their columns comes from every column that is named inside."""


def tables_of_select(sql: str) -> tuple[str, ...]:
    """The tables that a SELECT names, as `database.table` in lower case; common table expressions are none.

    Raises:
        NotTraceable: see there.
    """
    return tuple(sorted({_full_name(table) for table in _tables(_parsed(sql))}))


def trace_select(sql: str, schemas: Mapping[str, Sequence[str]]) -> Trace:
    """Follow each column of a SELECT to its origins.

    Args: schemas: the columns of tables, by `database.table` in lower case; a table that is missing is not known.
    Raises:
        NotTraceable: see there.
    """
    query = _parsed(sql)
    tables = tuple(sorted({_full_name(table) for table in _tables(query)}))
    try:
        qualified = qualify(
            query, dialect=DIALECT, schema=_nested(schemas), validate_qualify_columns=False, quote_identifiers=False
        )
        scope = build_scope(qualified)
        if scope is None:
            return Trace(tables, ())
        follower = _Follower(schemas)
        return Trace(tables, tuple(follower.origins(scope, place) for place in range(_width(scope))))
    except (SqlglotError, _Lost, RecursionError):
        return Trace(tables, ())


class _Lost(Exception):
    """The way to the origins ends here."""


@dataclass
class _Follower:
    """Follows columns through scopes; each column of each scope once, whatever the number of ways to it."""

    schemas: Mapping[str, Sequence[str]]
    _known: dict[tuple[int, int], frozenset[Origin]] = field(default_factory=dict)
    _lost: set[tuple[int, int]] = field(default_factory=set)

    def origins(self, scope: Scope, place: int) -> frozenset[Origin] | None:
        try:
            return self.of_place(scope, place)
        except _Lost:
            return None

    def of_place(self, scope: Scope, place: int) -> frozenset[Origin]:
        """The origins of one column of a query, by its place."""
        key = (id(scope), place)
        if key in self._lost:
            raise _Lost
        if key not in self._known:
            self._lost.add(key)  # until it is found: a recursive query that meets itself here is not followed
            self._known[key] = self._found(scope, place)
            self._lost.remove(key)
        return self._known[key]

    def _found(self, scope: Scope, place: int) -> frozenset[Origin]:
        query = scope.expression
        if isinstance(query, exp.SetOperation):
            return self._of_sides(scope, query, place)
        if not isinstance(query, exp.Select) or any(isinstance(column, exp.Star) for column in query.selects):
            raise _Lost
        return self.of_expression(scope, query.selects[place])

    def _of_sides(self, scope: Scope, query: exp.SetOperation, place: int) -> frozenset[Origin]:
        """What EXCEPT takes away gives no value."""
        left, right = scope.set_operation_scopes
        if query.args.get("by_name"):
            raise _Lost
        if isinstance(query, exp.Except):
            return self.of_place(left, place)
        if _width(left) != _width(right):
            raise _Lost
        return self.of_place(left, place) | self.of_place(right, place)

    def of_expression(self, scope: Scope, node: exp.Expr) -> frozenset[Origin]:
        if isinstance(node, exp.Column):
            return self._of_column(scope, node)
        if isinstance(node, exp.Query):
            return self._of_subquery(scope, node)
        if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
            raise _Lost
        parts = (self.of_expression(scope, part) for part in node.iter_expressions())
        return frozenset[Origin]().union(*parts)

    def _of_subquery(self, scope: Scope, node: exp.Query) -> frozenset[Origin]:
        inner = node.unnest()
        for found in scope.subquery_scopes:
            if found.expression is inner:
                return frozenset[Origin]().union(*(self.of_place(found, place) for place in range(_width(found))))
        raise _Lost

    def _of_column(self, scope: Scope, column: exp.Column) -> frozenset[Origin]:
        source = _source(scope, column.table)
        if isinstance(source, exp.Table):
            return frozenset({(_full_name(source), self._spelled(_full_name(source), column.name))})
        if isinstance(source, Scope) and isinstance(source.expression, exp.Query):
            places = [place for place, name in enumerate(_names(source)) if name == column.name]
            if len(places) == 1:
                return self.of_place(source, places[0])
        if isinstance(source, Scope) and source.parent is not None and isinstance(source.expression, GENERATORS):
            return self.of_expression(source.parent, source.expression)
        raise _Lost

    def _spelled(self, table: str, column: str) -> str:
        """As the table spells it: Spark does not tell case apart, and neither has the text been kept."""
        for name in self.schemas.get(table, ()):
            if name.lower() == column.lower():
                return name
        raise _Lost


def _source(scope: Scope, alias: str) -> exp.Table | Scope:
    """What an alias stands for here, or in the query around a subquery that names it."""
    around: Scope | None = scope
    while around is not None and alias:
        if alias in around.sources:
            source = around.sources[alias]
            if _is_reshaped(source):
                raise _Lost
            return source
        around = around.parent
    raise _Lost


def _is_reshaped(source: exp.Table | Scope) -> bool:
    """Pivots make columns out of values."""
    node = source if isinstance(source, exp.Table) else source.expression.parent
    return bool(node is not None and node.args.get("pivots"))


def _width(scope: Scope) -> int:
    return len(scope.expression.selects) if isinstance(scope.expression, exp.Query) else 0


def _names(scope: Scope) -> list[str]:
    return list(scope.expression.named_selects) if isinstance(scope.expression, exp.Query) else []


def _parsed(sql: str) -> exp.Query:
    if len(sql) > LONGEST_SELECT:
        raise NotTraceable("the SELECT is too long to be read for its lineage")
    try:
        query = parse_one(sql, dialect=DIALECT)
    except (SqlglotError, RecursionError):
        raise NotTraceable("the text is no SELECT that can be read for its lineage") from None
    if not isinstance(query, exp.Query) or not query.selects:
        raise NotTraceable("the text is no SELECT that can be read for its lineage")
    return query


def _tables(query: exp.Query) -> list[exp.Table]:
    """Tables of the lake have a database in front of their name; what has none is named in the text itself."""
    return [table for table in query.find_all(exp.Table) if table.db and isinstance(table.this, exp.Identifier)]


def _full_name(table: exp.Table) -> str:
    return f"{table.db}.{table.name}".lower()


def _nested(schemas: Mapping[str, Sequence[str]]) -> dict[str, object]:
    nested: dict[str, dict[str, object]] = {}
    for name, columns in schemas.items():
        database, _, table = name.partition(".")
        nested.setdefault(database, {})[table] = dict.fromkeys(columns, "string")
    return dict(nested)
