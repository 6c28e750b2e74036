"""Random tables, predicates, masks and grants, with the values at the edges of their types."""

from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from pergamon.policy import GrantRights, Mask, MaskAction, PolicyColumn, Predicate, applies_to
from pergamon.policy.filter_values import COMPARED, ORDERED
from pergamon.policy.row_filter import Among, And, Compare, Constant, IsNull, Not, Operator, Or, StartsWith
from tests.reference.plain_rights import Row

A = MaskAction
NOT_A_SURROGATE = st.characters(exclude_categories=["Cs"])
TEXTS = st.one_of(
    st.text(NOT_A_SURROGATE, max_size=9),
    st.text("aé0٣(),.-@\n\0\u0301\u200d🤦🏼\u2642\ufe0f \\'\"", max_size=12),
    st.from_regex(r"[A-Z]{2}-[0-9]{4,8}", fullmatch=True),
)
FIRST, LAST = datetime.min, datetime.max  # noqa: DTZ901 - a timestamp has no zone
INSTANTS = st.datetimes(FIRST, LAST)


def whole(bits: int) -> st.SearchStrategy[int]:
    edges = st.sampled_from([-(2**bits), 2**bits - 1, 0, -1, 7, -(2**bits) + 3])
    return edges | st.integers(-(2**bits), 2**bits - 1) | st.integers(-130, 130)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "int": whole(31),
    "long": whole(63),
    "float": st.floats(width=32) | st.sampled_from([float("nan"), -0.0, 0.0, 1.5]),
    "double": st.floats() | st.sampled_from([float("nan"), float("-inf"), -0.0, 0.0, 1.5]),
    "decimal(9, 2)": st.decimals(min_value=-9999999, max_value=9999999, places=2, allow_nan=False),
    "decimal(38, 10)": st.decimals(min_value=-(10**27), max_value=10**27, places=10, allow_nan=False),
    "string": TEXTS,
    "date": st.dates() | st.sampled_from([date.min, date.max, date(2000, 2, 29), date(1970, 1, 1)]),
    "time": st.times() | st.sampled_from([time.min, time.max]),
    "timestamp": INSTANTS | st.sampled_from([FIRST, LAST, datetime(1969, 12, 31, 23, 59, 59, 999999)]),  # noqa: DTZ001
    "timestamptz": (INSTANTS | st.sampled_from([FIRST, LAST])).map(lambda at: at.replace(tzinfo=UTC)),
    "uuid": st.uuids() | st.sampled_from([UUID(int=0), UUID(int=2**128 - 1)]),
    "binary": st.binary(max_size=8),
    "fixed[3]": st.binary(min_size=3, max_size=3),
    "list<string>": st.lists(st.none() | TEXTS, max_size=2),
    "map<string, long>": st.dictionaries(st.text("ab", min_size=1, max_size=2), whole(63), max_size=2),
    'struct<7: a"b: optional string, 8: n: required list<int>>': st.fixed_dictionaries(
        {'a"b': st.none() | TEXTS, "n": st.lists(whole(31), max_size=2)}
    ),
}
EDGES: dict[str, list[Any]] = {
    "int": [-(2**31), -(2**31) + 3, -101, -7, -1, 0, 7, 99, 2**31 - 1],
    "long": [-(2**63), -(2**63) + 3, -101, -7, -1, 0, 7, 99, 2**63 - 1],
    "string": [
        "",
        "a",
        "1234",
        "12-45",
        "Ann (7)",
        "AB-1234567",
        "e\u0301" * 5,
        "🤦🏼\u200d\u2642\ufe0f 12345",
        "\n\0\tb\\'\"٣٤",
    ],
    "date": [date.min, date(1, 12, 31), date(1969, 12, 31), date(1970, 1, 1), date(2000, 2, 29), date.max],
    "timestamp": [FIRST, datetime(1969, 12, 31, 23, 59, 59, 999999), datetime(2000, 2, 29, 12), LAST],  # noqa: DTZ001
    "binary": [b"", b"\0", b"\xff" * 70],
}
EDGES["timestamptz"] = [at.replace(tzinfo=UTC) for at in EDGES["timestamp"]]
"""Values that every mask of their type is tried on."""
COLUMNS = tuple(PolicyColumn(place + 1, f'c{place + 1} "x"', column_type) for place, column_type in enumerate(VALUES))
TYPES = {column.field_id: column.type for column in COLUMNS}
ANCHORS = [column.field_id for column in COLUMNS if column.type in {"string", "int", "long", "uuid"}]


def _kind(column_type: str) -> str:
    return column_type.partition("(")[0]


def rows(max_size: int = 8) -> st.SearchStrategy[list[Row]]:
    cells = {column.field_id: st.none() | VALUES[column.type] for column in COLUMNS}
    return st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=max_size)


def predicates() -> st.SearchStrategy[Predicate]:
    """Of every kind of question, over columns of every type that can be asked it; some about values of VALUES."""
    tests = st.one_of(
        st.sampled_from(COLUMNS).map(lambda column: IsNull(column.field_id)),
        st.booleans().map(Constant),
        st.sampled_from([column for column in COLUMNS if _kind(column.type) in COMPARED]).flatmap(_compares),
        st.sampled_from([column for column in COLUMNS if _kind(column.type) in COMPARED]).flatmap(_amongs),
        (TEXTS | st.sampled_from(["", "a", "AB-"])).filter(lambda text: "\0" not in text).map(_starts),
    )
    return st.recursive(
        tests,
        lambda parts: (
            parts.map(Not)
            | st.lists(parts, min_size=2, max_size=3).map(lambda found: And(tuple(found)))
            | st.lists(parts, min_size=2, max_size=3).map(lambda found: Or(tuple(found)))
        ),
        max_leaves=6,
    )


def constants(column: PolicyColumn) -> st.SearchStrategy[Any]:
    """Values that a filter may hold: no NaN, no infinity, no negative zero, no NUL."""
    values = VALUES[column.type]
    if column.type in {"float", "double"}:
        return values.filter(lambda value: abs(value) < float("inf")).map(lambda value: value + 0.0)
    if column.type.startswith("decimal"):
        return values.map(lambda value: abs(value) if value == 0 else value)
    return values.filter(lambda value: not (isinstance(value, str) and "\0" in value))


def _compares(column: PolicyColumn) -> st.SearchStrategy[Predicate]:
    has_order = _kind(column.type) in ORDERED
    operators = list(Operator) if has_order else [Operator.EQUAL, Operator.NOT_EQUAL]
    return st.builds(
        Compare, st.just(column.field_id), st.just(column.type), st.sampled_from(operators), constants(column)
    )


def _amongs(column: PolicyColumn) -> st.SearchStrategy[Predicate]:
    values = st.lists(constants(column), min_size=1, max_size=3).map(tuple)
    return st.builds(Among, st.just(column.field_id), st.just(column.type), values)


def _starts(prefix: str) -> Predicate:
    return StartsWith(next(column.field_id for column in COLUMNS if column.type == "string"), prefix)


ALL_MASKS = [
    *(Mask(action) for action in A if action not in {A.AGE_BAND, A.SHIFT_DATE}),
    *(Mask(A.AGE_BAND, width=width) for width in (2, 3, 5, 7, 10, 99, 100)),
    *(Mask(A.SHIFT_DATE, days=days, anchor=anchor) for days in (1, 30, 3650) for anchor in ANCHORS),
]


def masks_for(column_type: str) -> st.SearchStrategy[Mask]:
    return st.sampled_from([mask for mask in ALL_MASKS if applies_to(mask, column_type)])


@st.composite
def grants(draw: st.DrawFn) -> GrantRights:
    """Some columns with or without a mask, and some rows or all."""
    chosen = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=6, unique=True))
    columns = {column.field_id: draw(st.none() | masks_for(column.type)) for column in chosen}
    return GrantRights(columns=columns, rows=draw(st.none() | predicates()), own_masks=draw(st.booleans()))
