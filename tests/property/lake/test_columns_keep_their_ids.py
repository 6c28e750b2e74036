"""Whatever a source does to its columns, a field id means one column for ever, and no value loses its meaning."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.schema import Schema

from pergamon import lake
from pergamon.lake.schemas import evolved_schema, iceberg_schema, widened_type

TYPES = [pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.decimal128(8, 2), pa.decimal128(12, 2), pa.string()]
RANK = {"int": 0, "long": 1, "float": 0, "double": 1, "decimal(8, 2)": 0, "decimal(12, 2)": 1, "string": 0}
FAMILY = {"int": "i", "long": "i", "float": "f", "double": "f", "decimal(8, 2)": "d", "decimal(12, 2)": "d"}

names = st.sampled_from(["a", "b", "c", "d", "e"])
fields = st.builds(pa.field, names, st.sampled_from(TYPES))
change = st.one_of(
    st.tuples(st.just("add"), fields),
    st.tuples(st.just("drop"), names),
    st.tuples(st.just("widen"), st.tuples(names, st.sampled_from(TYPES))),
)


def changed(schema: Schema, last_id: int, kind: str, what: object) -> Schema:
    """One change, or the schema as it is where the change is refused."""
    by_name = {field.name: field for field in schema.fields}
    try:
        if kind == "add":
            return evolved_schema(schema, last_id, add=[what], widen={}, drop=[])
        if kind == "drop":
            return evolved_schema(schema, last_id, add=[], widen={}, drop=[by_name[str(what)].field_id])
        name, wanted = what  # type: ignore[misc]
        target = widened_type(by_name[name].field_type, wanted)
        return evolved_schema(schema, last_id, add=[], widen={by_name[name].field_id: target}, drop=[])
    except (lake.BadSchema, KeyError):
        return schema


@given(st.lists(fields, min_size=1, max_size=5, unique_by=lambda field: field.name), st.lists(change, max_size=25))
def test_a_field_id_is_never_given_twice_and_its_type_never_narrows(first: list[pa.Field], changes: list) -> None:
    schema = iceberg_schema(pa.schema(first))
    last_id = schema.highest_field_id
    seen = {field.field_id: (field.name, str(field.field_type)) for field in schema.fields}
    alive = set(seen)
    for kind, what in changes:
        schema = changed(schema, last_id, kind, what)
        last_id = max(last_id, schema.highest_field_id)
        now = {field.field_id: (field.name, str(field.field_type)) for field in schema.fields}
        for field_id, (name, of_type) in now.items():
            before_name, before_type = seen.get(field_id, (name, of_type))
            assert field_id in alive or field_id not in seen, "an id that was dropped does not come back"
            assert name == before_name
            assert FAMILY.get(of_type) == FAMILY.get(before_type)
            assert RANK[of_type] >= RANK[before_type]
        alive = set(now)
        seen |= now
        assert len({name.casefold() for name, _ in now.values()}) == len(now) > 0


def test_the_changes_above_reach_every_kind() -> None:
    """The generator's meta-test: a widening, a drop and an addition each really happen."""
    schema = iceberg_schema(pa.schema([("a", pa.int32()), ("b", pa.string())]))
    assert str(changed(schema, 2, "widen", ("a", pa.int64())).find_type("a")) == "long"
    assert changed(schema, 2, "drop", "b").column_names == ["a"]
    assert changed(schema, 2, "add", pa.field("c", pa.string())).find_field("c").field_id == 3
    assert changed(schema, 2, "drop", "zzz") is schema
