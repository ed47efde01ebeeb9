"""Code that keeps an event loop from going on: measured where it runs, step by step, without a watchdog.

Everything else on that loop waits meanwhile, and it is the others whose timeouts expire. What counts is one stretch
without interruption: the whole of a plain function, and each step of a coroutine from one `await` to the next.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.guard import guard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

    from autogen_otel.operations.operation import OpenOperation

# `asyncio.loop.slow_callback_duration`: from here on asyncio itself calls a callback slow, in debug mode.
SLOW_NS: Final = 100_000_000


class Steps:
    """An awaitable whose steps are timed; it hands everything through to the one inside and back."""

    __slots__ = ("_awaitable", "_operation")

    def __init__(self, awaitable: Awaitable[Any], operation: OpenOperation) -> None:
        self._awaitable = awaitable
        self._operation = operation

    def __await__(self) -> Generator[Any, Any, Any]:
        inner: Any = self._awaitable.__await__()
        if not hasattr(inner, "send"):
            return (yield from inner)
        # Looked up once: a tool call may take hundreds of steps.
        clock, slow, send = time.perf_counter_ns, SLOW_NS, inner.send
        step, argument = send, None
        while True:
            started = clock()
            try:
                item = step(argument)
            except StopIteration as stop:
                return stop.value
            finally:
                took = clock() - started
                if took >= slow:
                    guard.call(tell_stall, self._operation, took)
            try:
                step, argument = send, (yield item)
            except GeneratorExit:
                inner.close()
                raise
            except BaseException as error:  # noqa: BLE001 - handed on to the host's coroutine
                step, argument = inner.throw, error


def tell_stall(operation: OpenOperation, took_ns: int | None = None) -> None:
    """Tell that a stretch of an operation's code has just ended, if it was long and an event loop had to wait for it.

    Args:
        operation: Whose code it was.
        took_ns: How long it took, in nanoseconds; as long as the operation, if not given.
    """
    ended_ns = time.time_ns()
    if took_ns is None:
        took_ns = ended_ns - operation.fact.started_ns
    if took_ns >= SLOW_NS:
        operation.stalled(ended_ns - took_ns, ended_ns)
