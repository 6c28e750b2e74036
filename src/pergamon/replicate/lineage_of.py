"""What a replication task tells of itself: which source table and columns its landing files come from.

Told when a file is registered and something is new: a full load, or the columns; not for every file of changes.
Source: OpenLineage specification 2-0-2, "Naming": `postgres://host:port`, `database.schema.table`.
"""

from psycopg.conninfo import conninfo_to_dict

from pergamon.lineage import BadDataset, ColumnEdge, Dataset, LineageRun, column_by_column, record_if_new
from pergamon.replicate.landing import Manifest
from pergamon.replicate.model import ReplicationTask
from pergamon.store import UnitOfWork


def tell_landed(
    uow: UnitOfWork, task: ReplicationTask, manifest: Manifest, conninfo: str, *, is_new: bool = True
) -> bool:
    """Remember where a landed file comes from. Returns: whether it was new.

    conninfo: of the source; its host, port and database name the source, and nothing else of it is kept.
    is_new: False for a file that was registered before; it may speak of columns as they were.
    """
    parts = manifest.path.split("/")[: -1 if manifest.kind == "full_load" else -4]
    try:
        source = source_dataset(conninfo, manifest.schema, manifest.table)
        landing = Dataset.of_objects(task.spec.bucket, "/".join([task.spec.prefix, *parts, ""]))
    except BadDataset:  # a name with control characters: data goes on, and nothing is told of it
        return False
    run = LineageRun(f"replication:{task.name}", "replication", manifest.path)
    mark = manifest.load_id if manifest.kind == "full_load" else ""
    columns = _columns(source, landing, manifest)
    return record_if_new(uow, run, [source], [landing], columns, mark=mark, only_first=not is_new)


def source_dataset(conninfo: str, schema: str, table: str) -> Dataset:
    """A table of a PostgreSQL database, named as everybody else names it; a server behind a socket is on this host."""
    parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value}
    host = parts.get("host", parts.get("hostaddr", "localhost")).partition(",")[0]
    host = "localhost" if host.startswith(("/", "@")) else f"[{host}]" if ":" in host else host
    port = parts.get("port", "5432").partition(",")[0]
    database = parts.get("dbname", parts.get("user", "postgres"))
    return Dataset(f"postgres://{host}:{port}", f"{database}.{schema}.{table}")


def _columns(source: Dataset, landing: Dataset, manifest: Manifest) -> tuple[ColumnEdge, ...]:
    """Landed columns stand in the order of the source's; those that rules or the platform add come from no column."""
    landed = [column.name for column in manifest.columns if column.pg_type is not None]
    if len(landed) != len(manifest.source_columns):
        return ()
    return column_by_column(source, landing, zip(manifest.source_columns, landed, strict=True))
