"""What lies in memory under the NULLs of a result? Nothing, once `bare` was taken of it.

Arrow keeps a place for every value, also for one that is NULL. DuckDB writes nothing there, so what its process had in
that memory before is sent along: cells of rows that nobody was given. Who reads a result as Arrow could look at them.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

AT_ONCE = 2**20
MOST_PARTS = 2**26
"""Of structs and fixed lists that have NULLs. Bytes do not bound them: a process that was taken over may claim any."""

Array = Any  # a pyarrow array: its kinds share no type that has what is asked of it here


def bare(table: pa.Table) -> pa.Table:
    """The same rows, with zeros and empty texts under their NULLs. Copies only columns that have some.

    Raises:
        pa.ArrowInvalid: a column of a kind, or with so many parts, as no query has.
    """
    columns = [pa.chunked_array([_bare(chunk) for chunk in column.chunks], column.type) for column in table.columns]
    return pa.Table.from_arrays(columns, schema=table.schema)


def _bare(array: Array) -> Array:
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, _bare(array.storage))
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(_bare(array.indices), array.dictionary, ordered=kind.ordered)
    if pa.types.is_nested(kind):
        return _bare_nested(array)
    has_memory = array.null_count and not pa.types.is_null(kind)
    return _anew(array) if has_memory else array


def _bare_nested(array: Array) -> Array:
    """Its parts are NULL where it is. What a list spans that is NULL is none of its values."""
    kind, buffers = array.type, array.buffers()
    if array.offset:
        raise pa.ArrowInvalid("a result begins at its first row")
    if pa.types.is_struct(kind):
        held = [array.field(place) for place in range(kind.num_fields)]
        parts = [part.take(_places_there(array, 1)) for part in held] if array.null_count else held
        own = buffers[:1]
    elif pa.types.is_fixed_size_list(kind):
        parts = [array.values.take(_places_there(array, kind.list_size)) if array.null_count else array.values]
        own = buffers[:1]
    elif pa.types.is_list(kind):
        parts, own = [array.values], buffers[:2]
    elif pa.types.is_map(kind):
        entries = pa.StructArray.from_arrays([array.keys, array.items], fields=[kind.key_field, kind.item_field])
        parts, own = [entries], buffers[:2]
    else:
        raise pa.ArrowInvalid(f"a result has no {kind}")
    return pa.Array.from_buffers(kind, len(array), own, array.null_count, children=[_bare(part) for part in parts])


def _anew(array: Array) -> Array:
    """Taken from itself, an array is written anew, and nothing is written where it is NULL."""
    pieces = [array.slice(start, AT_ONCE) for start in range(0, len(array), AT_ONCE)]
    return pa.concat_arrays([piece.take(pa.arange(0, len(piece))) for piece in pieces])


def _places_there(array: Array, each: int) -> Array:
    """The places of the parts of what is there: NULL for those of what is NULL, as many as each has."""
    if len(array) * each > MOST_PARTS:
        raise pa.ArrowInvalid("a result has more parts than fit into it")
    places = pa.arange(0, len(array) * each)
    return pc.if_else(array.is_valid().take(pc.divide(places, each)), places, None)
