"""The places of ag2 1.x through which each turn goes: its scope, what prepares it, and what ends it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.instrumentation.ag2.conversations import introduce_event, use_stream
from autogen_otel.instrumentation.ag2.turns import Turn, attributes_of, current_turn
from autogen_otel.operations.opening import open_operation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from autogen_otel.patching.patch import Switch

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


class _Scope:
    """A turn's scope, as the host opened it, with the turn's operation around each part of it."""

    __slots__ = ("_context", "_drive", "_scope", "_turn")

    def __init__(self, scope: Any, turn: Turn, context: Any) -> None:
        self._context = context
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
        guard.call(self._begin)
        return self._driven

    def _begin(self) -> None:
        # Not before: in its scope a turn waits until the turns before it on the same stream are over.
        try:
            use_stream(self._turn.operation, self._context)
        finally:
            self._turn.leave()

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
            event = args[0] if args else kwargs.get("event")
            turn = guard.call(Turn, instance, event, given, content)
            if not turn:
                return wrapped(*args, **{**kwargs, "additional_middleware": given})
            guard.call(introduce_event, turn.operation, event)
            # Last is innermost: there each attempt of a RetryMiddleware is seen, and what the model is really sent.
            scope = wrapped(*args, **{**kwargs, "additional_middleware": (*given, turn)})
            return _Scope(scope, turn, kwargs.get("context"))

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
    turn, attributes = current_turn(), attributes_of(agent)
    if turn is None or attributes.items() - turn.operation.fact.attributes.items():
        name = agent.name
        open_operation(Kind.AGENT, name, agent=name, attributes=attributes, started_ns=started_ns).fail(error)


def keep_tools(_: Any, switch: Switch) -> Callable[..., Any]:
    """Note on the turn which tools there are, for a model may call one that is not."""

    def register(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:  # noqa: ARG001
        turn, known = current_turn(), kwargs.get("known_tools")
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
        if not isinstance(error, BaseException):
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
