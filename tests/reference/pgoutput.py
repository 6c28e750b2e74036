"""The writer of pgoutput's messages, from the page of PostgreSQL's documentation that the reader was written from."""

from struct import pack

from pergamon.replicate.pgoutput import (
    Begin,
    Commit,
    Delete,
    Insert,
    LogicalMessage,
    Message,
    Origin,
    Relation,
    Row,
    StreamAbort,
    StreamCommit,
    StreamStart,
    StreamStop,
    Truncate,
    TypeName,
    Update,
)


def encode(message: Message) -> bytes:  # noqa: PLR0911, PLR0912 - one line for each kind
    """A message as PostgreSQL writes it (documentation, "Logical Replication Message Formats")."""
    xid = pack(">I", message.xid) if getattr(message, "xid", None) is not None else b""
    match message:
        case Begin():
            return b"B" + pack(">QqI", *message)
        case Commit():
            return b"C\0" + pack(">QQq", *message)
        case Relation():
            head = (
                pack(">I", message.relation_id) + text(message.schema) + text(message.table) + message.identity.encode()
            )
            columns = (bytes([c.is_key]) + text(c.name) + pack(">Ii", c.type_oid, c.typmod) for c in message.columns)
            return b"R" + xid + head + pack(">H", len(message.columns)) + b"".join(columns)
        case TypeName():
            return b"Y" + xid + pack(">I", message.type_oid) + text(message.schema) + text(message.name)
        case Insert():
            return b"I" + xid + pack(">I", message.relation_id) + b"N" + tuple_data(message.new)
        case Update():
            old = message.old_kind.encode() + tuple_data(message.old) if message.old_kind else b""
            return b"U" + xid + pack(">I", message.relation_id) + old + b"N" + tuple_data(message.new)
        case Delete():
            return b"D" + xid + pack(">I", message.relation_id) + message.old_kind.encode() + tuple_data(message.old)
        case Truncate():
            ids = b"".join(pack(">I", relation) for relation in message.relation_ids)
            return b"T" + xid + pack(">I", len(message.relation_ids)) + b"\0" + ids
        case LogicalMessage():
            head = bytes([message.transactional]) + pack(">Q", message.lsn) + text(message.prefix)
            return b"M" + xid + head + pack(">I", len(message.content)) + message.content
        case Origin():
            return b"O" + pack(">Q", 0) + text(message.name)
        case StreamStart():
            return b"S" + pack(">IB", *message)
        case StreamStop():
            return b"E"
        case StreamCommit():
            return b"c" + pack(">IBQQq", message.xid, 0, *message[1:])
        case StreamAbort():
            return b"A" + pack(">II", *message)


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def tuple_data(values: Row) -> bytes:
    parts = [pack(">H", len(values))]
    for item in values:
        if isinstance(item, bytes):
            parts.append(b"t" + pack(">I", len(item)) + item)
        else:
            parts.append(b"n" if item is None else b"u")
    return b"".join(parts)
