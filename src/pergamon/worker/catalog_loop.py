"""Beside the worker's runs: look at data sources when their schedule says so, or when they were just deployed."""

from contextlib import AbstractContextManager

from pergamon import catalog
from pergamon.runtime import Runtime
from pergamon.worker.beside import Round, going_round

LOOK_EVERY_S = 2.0
REST_AFTER_TROUBLE_S = 10.0
PATIENCE_S = 5.0
"""At the end; a run that is cut off then is told as abandoned, and done again when the worker starts again."""


def looking_at_sources(runtime: Runtime) -> AbstractContextManager[None]:
    """Run due data sources while this block lasts, one at a time."""
    actor = runtime.service("catalog")

    def abandon() -> None:
        with runtime.begin(actor) as uow:
            catalog.abandon_unfinished_runs(uow)

    work = Round(
        name="data-sources",
        doing="looking at a data source",
        first=abandon,
        look=lambda: catalog.run_due_data_source(lambda: runtime.begin(actor)) is not None,
        every_s=LOOK_EVERY_S,
        after_trouble_s=REST_AFTER_TROUBLE_S,
        patience_s=PATIENCE_S,
    )
    return going_round(runtime.settings.logs, work)
