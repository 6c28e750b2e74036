"""Beside the worker's runs: tell the trail which grants have ended, and who should renew one soon.

A grant gives nothing from its end on, whether or not this has come by.
"""

from contextlib import AbstractContextManager

from pergamon import access
from pergamon.runtime import Runtime
from pergamon.worker.beside import Round, going_round

LOOK_EVERY_S = 15.0
PATIENCE_S = 5.0


def looking_after_grants(runtime: Runtime) -> AbstractContextManager[None]:
    """Tell of ends while this block lasts."""
    work = Round(
        name="grants",
        doing="looking after grants",
        look=lambda: tell_of_ends(runtime) > 0,
        every_s=LOOK_EVERY_S,
        after_trouble_s=LOOK_EVERY_S,
        patience_s=PATIENCE_S,
    )
    return going_round(runtime.settings.logs, work)


def tell_of_ends(runtime: Runtime) -> int:
    """One look. Returns: how many grants were told of."""
    with runtime.begin(runtime.service("access")) as uow:
        return access.expire_grants(uow) + access.warn_of_ends(uow)
