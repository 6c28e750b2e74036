"""What moves is told as it moves: server-sent events (HTML Living Standard, 9.2). Pages work without."""

from collections.abc import AsyncIterator, Callable

import anyio
import anyio.to_thread

from pergamon.kernel import PergamonError

PAUSE_S = 0.4
LONGEST_S = 50.0
"""Then the browser asks again by itself; so no stream outlives a session by much."""

Look = Callable[[], tuple[str, bool]]
"""Returns what it is now, and whether that was the last."""


async def told_as_it_changes(look: Look) -> AsyncIterator[str]:
    """An event for each state that is new."""
    last, until = None, anyio.current_time() + LONGEST_S
    while anyio.current_time() < until:
        try:
            state, is_last = await anyio.to_thread.run_sync(look)
        except PergamonError:
            return
        if state != last:
            last = state
            yield f"event: state\ndata: {state}\n\n"
        if is_last:
            return
        await anyio.sleep(PAUSE_S)
