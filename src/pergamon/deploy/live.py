"""What is there: the rooms' own answers, what deployments remember, and what holds data."""

from collections import Counter
from pathlib import Path

from pergamon import catalog, lake
from pergamon.deploy import tables
from pergamon.deploy.kinds import KINDS
from pergamon.deploy.plan import Live
from pergamon.kernel import require
from pergamon.policy import Action, Resource, decide
from pergamon.store import UnitOfWork


def read_live(uow: UnitOfWork, lake_root: Path) -> Live:
    """Read everything that a plan is compared with.

    Raises:
        AccessDenied: the actor may not see deployments.
    """
    require(decide(uow.actor, Action.DEPLOY_READ, Resource("deployment", "all")))
    specs = {kind.name: kind.read(uow) for kind in KINDS.values()}
    return Live(
        specs=specs,
        resources=tuple(tables.remembered_resources(uow)),
        commands=tables.finished_commands(uow),
        deployments=tables.deployments(uow),
        data=_holding_data(uow, lake_root),
    )


def _holding_data(uow: UnitOfWork, lake_root: Path) -> dict[tuple[str, str], str]:
    """Databases with tables; buckets with files, or with such a database."""
    held: dict[tuple[str, str], str] = {}
    counts = Counter(record.id.database for record in lake.list_tables(uow))
    for name, database in lake.read_databases(uow).items():
        if counts[name]:
            held["database", name] = f"it has {counts[name]} tables"
            held["bucket", database.bucket] = f"the database {name} lies in it"
    for name in lake.read_buckets(uow):
        directory = lake.bucket_path(lake_root, name)
        if directory.is_dir() and any(directory.iterdir()):
            held.setdefault(("bucket", name), "it has files")
    for name, count in catalog.holding_assets(uow).items():
        held["project", name] = f"it has {count} assets"
    return held
