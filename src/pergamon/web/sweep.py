"""What the web process tidies up by itself, every ten minutes: answers kept for repeated requests,
uploads whose time is over."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
import anyio.to_thread
from fastapi import FastAPI

from pergamon import objects
from pergamon.kernel import PergamonError
from pergamon.runtime import Runtime
from pergamon.web.idempotency import sweep_idempotency_keys

PAUSE_S = 600
THREADS = 96
"""Routes run in threads: 24 queries and 24 transfers at most, and room for what takes milliseconds."""


def sweep(rt: Runtime) -> None:
    """One round. PostgreSQL not answering is no news here: the next round comes."""
    try:
        with rt.begin(rt.service("web")) as uow:
            sweep_idempotency_keys(uow)
        objects.sweep_uploads(lambda: rt.begin(rt.service("web")), rt.settings.lake)
    except PergamonError:
        return


def life_of(rt: Runtime) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """The application's life: as many threads as its routes need; the sweep, and submitted statements, beside them."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_sweep_for_ever, rt)
            with rt.statement_runner().running():
                yield
            tasks.cancel_scope.cancel()

    return life


async def _sweep_for_ever(rt: Runtime) -> None:
    while True:
        await anyio.sleep(PAUSE_S)
        await anyio.to_thread.run_sync(sweep, rt)
