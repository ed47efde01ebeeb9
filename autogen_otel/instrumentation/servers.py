"""Web servers that end their process by a signal, where nothing runs at exit: what is queued is sent before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from autogen_otel.core.guard import guard
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable


def _begin(send: Callable[[], object]) -> asyncio.Future[Any]:
    """Send in a thread, while the event loop goes on; the application may have shut the loop's executor down."""
    return asyncio.get_running_loop().run_in_executor(None, guard.call, send)


def servers(send: Callable[[], object]) -> tuple[Patch, ...]:
    """Return the patches.

    Args:
        send: Sends what is queued, and may take its time.
    """

    def make(_: Any, switch: Switch) -> Callable[..., Any]:
        async def shutdown(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
            try:
                return await wrapped(*args, **kwargs)
            finally:
                sending = guard.call(_begin, send) if switch.on else None
                if sending:
                    await sending

        return shutdown

    why = "raises the signal that ended it once more: the process is killed, and nothing runs at exit"
    return (Patch("uvicorn.server", "Server.shutdown", wrap(make), why, optional=True),)
