"""What is current in a context: the operation that runs there, and the request for which it works."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from autogen_otel.core.ids import serials

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from weakref import ref

    from autogen_otel.operations.operation import OpenOperation

current: Final[ContextVar[OpenOperation | None]] = ContextVar("autogen_otel_operation", default=None)
# The ID of the request that began in another process and goes on here, where it has no operation that is open.
remote_request_id: Final[ContextVar[str | None]] = ContextVar("autogen_otel_remote_request", default=None)
# Returns the innermost operation that is open in this context. No function of its own, nor is the next: these are asked
# some ten times for each call of the host.
current_operation: Final[Callable[[], OpenOperation | None]] = current.get
# Returns the number of an event loop, as it stands on the operations that run on it.
loop_id: Final[Callable[[asyncio.AbstractEventLoop], int]] = serials().of
# The requests of this process that are open. Weak: one that is never ended must not count for ever. A plain dictionary,
# for each operation asks how many there are, and the length of a WeakValueDictionary is a Python function.
open_requests: Final[dict[int, ref[OpenOperation]]] = {}
# Set where AutoGen runs a coroutine on a loop of its own that nobody can cancel: a CancelledError is an error there.
uncancellable: Final[ContextVar[bool]] = ContextVar("autogen_otel_uncancellable", default=False)
# Set while an operation is opened whose span AutoGen itself makes, for the application has asked it to.
spanless: Final[ContextVar[bool]] = ContextVar("autogen_otel_spanless", default=False)


def leave_request() -> None:
    """Work for nobody from here on in this context: a task that serves everyone outlives who started it."""
    current.set(None)
    remote_request_id.set(None)


def go_on_with_request(request_id: str | None) -> None:
    """Work from here on in this context for a request that has begun in another process; None is nobody's."""
    current.set(None)
    remote_request_id.set(request_id)


def current_request_id() -> str | None:
    """Return the ID of the request that this code works for; None outside any."""
    operation = current.get()
    return remote_request_id.get() if operation is None else operation.fact.request_id


def work_for(operation: OpenOperation) -> None:
    """Work for an operation of another context from here on in this one; it is not entered."""
    current.set(operation)


def requests_in_flight() -> int:
    """Return how many requests are open in this process."""
    return len(open_requests)
