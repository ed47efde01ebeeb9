"""An agent's turn in ag2 1.x: from the moment its scope is opened, over the host's own middleware, to its reply."""

from __future__ import annotations

import sys
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.core.ids import serials
from autogen_otel.instrumentation.ag2_conversations import introduce_history, use_stream
from autogen_otel.instrumentation.ag2_models import close_chat, open_chat
from autogen_otel.operations.operation import OpenOperation, current_operation, open_operation, spanless
from autogen_otel.operations.shapes import around

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from autogen_otel.patching.patch import Switch

Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Next: TypeAlias = "Callable[..., Awaitable[Any]]"

_TELEMETRY: Final = "ag2.middleware.builtin.telemetry"
_agents: Final = serials()
_turn: ContextVar[Turn | None] = ContextVar("autogen_otel_ag2_turn", default=None)


def current_turn() -> Turn | None:
    """Return the turn of an agent that this code is a part of."""
    return _turn.get()


class Turn:
    """One turn of an agent: its operation, and the middleware through which its parts are seen.

    Made for each turn and never kept: an agent of ag2 may work for any number of requests at once.

    Attributes:
        operation: The agent's operation.
        content: Whether messages, arguments and results are to be recorded.
        traced: Whether a TelemetryMiddleware of the application makes the spans of this turn.
        known_tools: The names of the tools on offer; None until they are resolved.
    """

    __slots__ = ("_before", "_request", "content", "known_tools", "operation", "traced")

    def __init__(self, agent: Any, middleware: Collection[Any], content: bool) -> None:
        self.content = content
        self.traced = _has_telemetry(agent._middleware) or _has_telemetry(middleware)
        self.known_tools: Collection[str] | None = None
        self._before: Turn | None = None
        # Somebody has to carry the request when the agent's span is not ours.
        self._request = _open_request() if self.traced and current_operation() is None else None
        name = agent.name
        self.operation = self.open(Kind.AGENT, name, agent=name, attributes={names.AGENT_INSTANCE: _agents.of(agent)})
        if self._request is not None:
            self._request.leave()

    def open(self, kind: Kind, name: str, **more: Any) -> OpenOperation:
        """Open an operation of this turn; the application's TelemetryMiddleware may make its span."""
        if not self.traced:
            return open_operation(kind, name, **more)
        token = spanless.set(True)
        try:
            return open_operation(kind, name, **more)
        finally:
            spanless.reset(token)

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
    return turn.open(Kind.INPUT, name, agent=name)


_chat: Final = around(_call, open_chat, close_chat)
_ask: Final = around(_call, _open_input)


class _Scope:
    """A turn's scope, as the host opened it, with the turn's operation around each part of it."""

    __slots__ = ("_drive", "_scope", "_turn")

    def __init__(self, scope: Any, turn: Turn) -> None:
        self._scope = scope
        self._turn = turn
        self._drive: Any = None

    async def __aenter__(self) -> Callable[[], Awaitable[Any]]:
        turn = self._turn
        guard.call(turn.enter)
        try:
            self._drive = await self._scope.__aenter__()
        except BaseException as error:
            guard.call(turn.failed, error)
            raise
        guard.call(turn.leave)
        return self._driven

    async def __aexit__(self, *raised: object) -> Any:
        # What ag2 does at the end of a scope, such as writing the event log, still belongs to the turn.
        turn = self._turn
        guard.call(turn.enter)
        try:
            return await self._scope.__aexit__(*raised)
        finally:
            guard.call(turn.replied)

    async def _driven(self) -> Any:
        turn = self._turn
        guard.call(turn.enter)
        try:
            reply = await self._drive()
        except BaseException as error:
            guard.call(turn.failed, error)
            raise
        guard.call(turn.replied)
        return reply


def _open_request() -> OpenOperation:
    opened = open_operation(Kind.REQUEST, Kind.REQUEST.value)
    opened.enter()
    return opened


def observe_scopes(content: bool) -> Callable[[Any, Switch], Callable[..., Any]]:
    """Return the maker of the wrapper around `Agent._turn_scope`.

    Args:
        content: Whether messages, arguments and results are to be recorded.
    """

    def make(_: Any, switch: Switch) -> Callable[..., Any]:
        def turn_scope(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
            if not switch.on:
                return wrapped(*args, **kwargs)
            given = tuple(kwargs.get("additional_middleware", ()))
            turn = guard.call(Turn, instance, given, content)
            if not turn:
                return wrapped(*args, **{**kwargs, "additional_middleware": given})
            guard.call(use_stream, turn.operation, args, kwargs)
            # Last is innermost: there each attempt of a RetryMiddleware is seen, and what the model is really sent.
            return _Scope(wrapped(*args, **{**kwargs, "additional_middleware": (*given, turn)}), turn)

        return turn_scope

    return make


def record_unprepared(_: Any, switch: Switch) -> Callable[..., Any]:
    """Record why a turn could not be prepared; ag2 below 1.1.2 does so before it opens the turn's scope."""

    async def prepare(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        started_ns = time.time_ns()
        try:
            return await wrapped(*args, **kwargs)
        except BaseException as error:
            if switch.on:
                guard.call(_fail_unprepared, instance, error, started_ns)
            raise

    return prepare


def _fail_unprepared(agent: Any, error: BaseException, started_ns: int) -> None:
    turn, attributes = _turn.get(), {names.AGENT_INSTANCE: _agents.of(agent)}
    if turn is None or turn.operation.fact.attributes != attributes:
        name = agent.name
        open_operation(Kind.AGENT, name, agent=name, attributes=attributes, started_ns=started_ns).fail(error)


def keep_tools(_: Any, switch: Switch) -> Callable[..., Any]:
    """Note on the turn which tools there are, for a model may call one that is not."""

    def register(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        turn, known = _turn.get(), kwargs.get("known_tools")
        if turn is not None and switch.on and isinstance(known, (set, frozenset, list, tuple, dict)):
            turn.known_tools = known
        return wrapped(*args, **kwargs)

    return register


def keep_traceback(_: Any, switch: Switch) -> Callable[..., Any]:
    """Give the exception of a turn its traceback back.

    `AgentRun.__aexit__` awaits the turn's task a second time, and asyncio then resets the traceback (CPython 3.11 to
    3.13), so that the application sees no line of what happened.
    """

    async def aexit(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
        error = guard.call(_failure, instance) if switch.on else None
        if not error:
            return await wrapped(*args, **kwargs)
        traceback = error.__traceback__
        try:
            return await wrapped(*args, **kwargs)
        finally:
            error.__traceback__ = traceback
            # Both refer to this frame by now: a cycle that only the garbage collector would undo.
            del error, traceback

    return aexit


def _failure(run: Any) -> BaseException | None:
    task = getattr(run, "_AgentRun__task", None)
    if task is None or not task.done() or task.cancelled():
        return None
    return task.exception()  # type: ignore[no-any-return]


def _has_telemetry(middleware: Collection[Any]) -> bool:
    """Tell whether ag2's own TelemetryMiddleware is among these; without its module there is none."""
    module = sys.modules.get(_TELEMETRY)
    return module is not None and any(isinstance(one, module.TelemetryMiddleware) for one in middleware)
