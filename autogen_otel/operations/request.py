"""Opening a request: the unit that the on-call engineer asks about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import wrapt

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.core.ids import clean_request_id
from autogen_otel.operations.background import OpenRequest
from autogen_otel.operations.opening import open_operation
from autogen_otel.operations.shapes import around

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from autogen_otel.operations.operation import OpenOperation

    F = TypeVar("F", bound=Callable[..., Any])


class request:  # noqa: N801 - used like a function: `with request("req-42"):`
    """Open a request: everything inside carries its ID, in every thread and task that AutoGen opens.

    A context manager (`with request("req-42") as request_id:`), also inside `async def`, and a decorator of functions,
    coroutines and generators; decorated, each call is a request of its own.

    Args:
        request_id: Any text; without one (or with an empty one) a random ID is made. It is treated as untrusted: cut at
            128 characters, unusual characters replaced by `_`.
        session: The conversation of which the request is one turn, if your service has such: what an earlier turn said
            may stand in a later one's prompt without being taken for another user's. Untrusted likewise.
    """

    def __init__(self, request_id: object = None, *, session: object = None) -> None:
        self._request_id = request_id
        self._session = None if session is None else clean_request_id(session)
        self._operations: list[OpenOperation | None] = []

    def __enter__(self) -> str:
        request_id = clean_request_id(self._request_id)
        operation = guard.call(self._open, request_id) or None
        self._operations.append(operation)
        if operation is not None:
            guard.call(operation.enter)
        return request_id

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        operation = self._operations.pop()
        if operation is None:
            return
        if error is None:
            guard.call(operation.finish)
        else:
            guard.call(operation.fail, error)
        guard.call(operation.leave)

    def __call__(self, function: F) -> F:
        """Decorate a function, a coroutine function or a generator function."""

        def opening(instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpenOperation:  # noqa: ARG001
            return self._open(clean_request_id(self._request_id))

        return wrapt.FunctionWrapper(function, around(function, opening))  # type: ignore[return-value]

    def _open(self, request_id: str) -> OpenOperation:
        attributes = None if self._session is None else {names.SESSION_ID: self._session}
        return open_operation(Kind.REQUEST, "request", request_id=request_id, attributes=attributes, cls=OpenRequest)
