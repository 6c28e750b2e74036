"""Workgroups as deployed: who may run queries, and how large ones."""

from collections.abc import Mapping

from pergamon.query import tables
from pergamon.query.events import WorkgroupDropped, WorkgroupPut
from pergamon.query.model import UnknownWorkgroup, WorkgroupSpec
from pergamon.store import UnitOfWork


def put_workgroup(uow: UnitOfWork, name: str, spec: WorkgroupSpec, tags: Mapping[str, str]) -> None:
    """Make or change a workgroup."""
    tables.save_workgroup(uow, name, spec, tags)
    uow.record(WorkgroupPut(subject=f"workgroup:{name}", users=sorted(spec.users), admins=sorted(spec.admins)))


def read_workgroups(uow: UnitOfWork) -> dict[str, WorkgroupSpec]:
    return tables.workgroups(uow)


def drop_workgroup(uow: UnitOfWork, name: str) -> None:
    """Remove a workgroup; its history stays.

    Raises:
        UnknownWorkgroup: there is none of that name.
    """
    if not tables.delete_workgroup(uow, name):
        raise UnknownWorkgroup(f"no such workgroup: {name}")
    uow.record(WorkgroupDropped(subject=f"workgroup:{name}"))
