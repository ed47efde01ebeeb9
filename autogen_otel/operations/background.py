"""A request ends when the work has ended that the host does for it in the background.

The application may leave its `with request():` while a chat goes on in a thread, to answer with a stream or not at all.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.forks import fork_gate, process
from autogen_otel.core.guard import guard
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.operation import OpenOperation

if TYPE_CHECKING:
    from collections.abc import Callable

# Requests that the application has left while work for them goes on.
_left: Final[dict[int, OpenRequest]] = {}


class OpenRequest(OpenOperation):
    """A request that has started and not ended."""

    __slots__ = ("_has_ended", "_is_left", "_works")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._has_ended = False
        self._is_left = False
        self._works = 0

    def finish(self) -> None:
        """End it, or let the last piece of work in the background end it."""
        with fork_gate:
            self._is_left = True
            if self._works:
                _left[self.fact.id] = self
                return
        self.end()

    def end(self) -> None:
        """End it now; once, though the end of the work and that of the program may meet here."""
        with fork_gate:
            if self._has_ended:
                return
            self._has_ended = True
        _left.pop(self.fact.id, None)
        super().finish()

    def begin_work(self) -> None:
        """Note that a piece of work in the background begins."""
        with fork_gate:
            self._works += 1

    def end_work(self) -> None:
        """Note that a piece of work in the background has ended."""
        with fork_gate:
            self._works -= 1
            if self._works or not self._is_left:
                return
        self.end()


def in_background() -> Callable[[], None]:
    """Note that work in the background begins for the requests of this context; call what is returned at its end."""
    requests = []
    operation = current_operation()
    while operation is not None:
        if isinstance(operation, OpenRequest):
            operation.begin_work()
            requests.append(operation)
        operation = operation.parent

    def end() -> None:
        while requests:
            guard.call(requests.pop(0).end_work)

    return end


def end_left_requests() -> None:
    """End the requests that have been left though work for them goes on: nobody will tell its end."""
    for request in list(_left.values()):
        if request.fact.pid == process.pid:
            guard.call(copy_context().run, _end_inside, request)


def _end_inside(request: OpenRequest) -> None:
    """End a request while it is current, for its last log line to point to its span."""
    request.enter()
    request.end()
    request.leave()
