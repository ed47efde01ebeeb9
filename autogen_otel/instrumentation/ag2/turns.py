"""An agent's turn in ag2 1.x: from the moment its scope is opened, over the host's own middleware, to its reply."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.core.ids import serials
from autogen_otel.instrumentation.ag2.conversations import introduce_history
from autogen_otel.instrumentation.ag2.models import close_chat, open_chat
from autogen_otel.operations.current import current_operation, spanless
from autogen_otel.operations.opening import open_operation
from autogen_otel.operations.shapes import around

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator

    from autogen_otel.operations.operation import OpenOperation

Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Next: TypeAlias = "Callable[..., Awaitable[Any]]"

_TELEMETRY: Final = ("ag2.middleware.builtin.telemetry", "autogen.beta.middleware.builtin.telemetry")
_agents: Final = serials()
_turn: ContextVar[Turn | None] = ContextVar("autogen_otel_ag2_turn", default=None)


def current_turn() -> Turn | None:
    """Return the turn of an agent that this code is a part of."""
    return _turn.get()


def attributes_of(agent: Any) -> dict[str, int]:
    """Return what tells an agent from others of its name."""
    return {names.AGENT_INSTANCE: _agents.of(agent)}


class Turn:
    """One turn of an agent: its operation, and the middleware through which its parts are seen.

    Made for each turn and never kept: an agent of ag2 may work for any number of requests at once.

    Attributes:
        operation: The agent's operation.
        content: Whether messages, arguments and results are to be recorded.
        known_tools: The names of the tools on offer; None until they are resolved.
    """

    __slots__ = ("_before", "_event", "_request", "_telemetry", "content", "known_tools", "operation")

    def __init__(self, agent: Any, event: Any, middleware: Collection[Any], content: bool) -> None:
        self.content = content
        self._event = event
        # For each TelemetryMiddleware of the application, the conditions on which it makes a span.
        kinds = tuple(sys.modules[name].TelemetryMiddleware for name in _TELEMETRY if name in sys.modules)
        self._telemetry = (*_conditions(agent._middleware, kinds), *_conditions(middleware, kinds)) if kinds else ()
        self.known_tools: Collection[str] | None = None
        self._before: Turn | None = None
        # Somebody has to carry the request when the agent's span is not ours.
        self._request = _open_request() if current_operation() is None and self._traces(event) else None
        name = agent.name
        self.operation = self.open(Kind.AGENT, name, agent=name, attributes=attributes_of(agent))
        if self._request is not None:
            self._request.leave()

    def open(self, kind: Kind, name: str, *, event: Any = None, **more: Any) -> OpenOperation:
        """Open an operation of this turn; the application's TelemetryMiddleware may make its span.

        Args:
            kind: What it is.
            name: Of low cardinality.
            event: What ag2's middleware is given for it; that of the whole turn if not given.
            more: As of any operation.
        """
        if not self._traces(self._event if event is None else event):
            return open_operation(kind, name, **more)
        token = spanless.set(True)
        try:
            return open_operation(kind, name, **more)
        finally:
            spanless.reset(token)

    def _traces(self, event: Any) -> bool:
        telemetry = self._telemetry
        return bool(telemetry) and any(all(condition(event) for condition in conditions) for conditions in telemetry)

    def enter(self) -> None:
        """Be the current turn, and its operation the current one."""
        self._before = _turn.get()
        _turn.set(self)
        if self._request is not None:
            self._request.enter()
        self.operation.enter()

    def leave(self) -> None:
        """Be current no longer."""
        self.operation.leave()
        if self._request is not None:
            self._request.leave()
        _turn.set(self._before)

    def failed(self, error: BaseException) -> None:
        """End the operation after setting up, or the turn itself, raised."""
        try:
            self.operation.fail(error)
            if self._request is not None:
                self._request.fail(error)
        finally:
            self.leave()

    def replied(self) -> None:
        """End the operation after the agent's reply, or after a turn that was never driven."""
        try:
            self.operation.finish()
            if self._request is not None:
                self._request.finish()
        finally:
            self.leave()

    def __call__(self, event: Any, context: Any) -> Turn:  # noqa: ARG002 - the host's signature
        """Be the middleware of this turn; the host asks each factory for one."""
        return self

    def on_turn(self, call_next: Next, event: Any, context: Any) -> Awaitable[Any]:
        """Let it pass: the operation of the turn stands around all middleware."""
        return call_next(event, context)

    def on_tool_execution(self, call_next: Next, event: Any, context: Any) -> Awaitable[Any]:
        """Let it pass: not every tool call comes here."""
        return call_next(event, context)

    def on_llm_call(self, call_next: Next, events: Any, context: Any) -> Awaitable[Any]:
        """Observe a model call."""
        guard.call(introduce_history, events)
        return _chat(_call, self, (call_next, events, context), {})  # type: ignore[no-any-return]

    def on_human_input(self, call_next: Next, event: Any, context: Any) -> Awaitable[Any]:
        """Observe the wait for a human."""
        return _ask(_call, self, (call_next, event, context), {})  # type: ignore[no-any-return]


async def _call(call_next: Next, event: Any, context: Any) -> Any:
    return await call_next(event, context)


def _open_input(turn: Turn, args: Args, kwargs: Kwargs) -> OpenOperation:  # noqa: ARG001
    name = turn.operation.fact.name
    return turn.open(Kind.INPUT, name, event=args[1], agent=name)


_chat: Final = around(_call, open_chat, close_chat)
_ask: Final = around(_call, _open_input)


def _open_request() -> OpenOperation:
    opened = open_operation(Kind.REQUEST, Kind.REQUEST.value)
    opened.enter()
    return opened


def _conditions(middleware: Collection[Any], kinds: tuple[type, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the conditions of each TelemetryMiddleware of ag2's own among these."""
    for one in middleware:
        conditions: list[Any] = []
        while type(one).__name__ == "ConditionalMiddleware":
            conditions.append(one._condition)
            one = one._middleware  # noqa: PLW2901 - from the wrapper to what is inside
        if isinstance(one, kinds):
            yield tuple(conditions)
