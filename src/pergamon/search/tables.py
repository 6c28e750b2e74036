"""Which catalog an index is a cache of: one row, drawn anew to have every index made anew."""

from pergamon.store import UnitOfWork


def origin(uow: UnitOfWork) -> str:
    """The mark of this catalog; it is part of an index's name."""
    row = uow.row("SELECT id FROM search_origin")
    if row is None:
        raise LookupError("search_origin has no row, which its migration puts there")
    return str(row["id"])


def draw_origin(uow: UnitOfWork) -> str:
    """Another mark: no index that is there is read again."""
    row = uow.row("UPDATE search_origin SET id = replace(gen_random_uuid()::text, '-', '') RETURNING id")
    return str(row["id"]) if row else origin(uow)
