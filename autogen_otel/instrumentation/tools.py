"""Seeing the exception of a tool at the tool function itself, where AutoGen has not made a text of it yet."""

from __future__ import annotations

import asyncio
import inspect
import time
import traceback
import weakref
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.core.guard import guard, safe_text
from autogen_otel.faults.frames import is_application
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.stalls import Steps, tell_stall
from autogen_otel.patching.patch import Switch
from autogen_otel.patching.proxies import FunctionProxy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from autogen_otel.operations.operation import OpenOperation


# To look up a member of an enum takes 60 ns in Python 3.11.
_TOOL: Final = Kind.TOOL


class ObservedTool(FunctionProxy):
    """A tool function that records what it raises in the tool call that is current.

    It stays in the place of the function for as long as the agent lives, so it does nothing outside a tool call and
    nothing once its switch is off.
    """

    def __init__(self, function: Callable[..., Any], switch: Switch) -> None:
        tool = inspect.unwrap(function)

        def call(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ARG001
            operation = current_operation()
            if operation is None or operation.fact.kind is not _TOOL or not switch.on:
                return wrapped(*args, **kwargs)
            on_loop = operation.fact.loop is not None and asyncio._get_running_loop() is not None
            started = time.perf_counter_ns() if on_loop else 0
            try:
                result = wrapped(*args, **kwargs)
            except BaseException as error:
                guard.call(_caught, operation, error, tool)
                raise
            finally:
                if on_loop:
                    guard.call(tell_stall, operation, time.perf_counter_ns() - started)
            # Coroutine functions, objects with an async __call__ and plain functions that return an awaitable alike.
            if hasattr(type(result), "__await__"):
                return _watch(result, operation, tool)
            return result

        super().__init__(function, call)


class ObservedTools:
    """Puts an observed function in the place of each tool when it is called first, and the tool back in the end.

    Not when it is registered: agents fill their map of functions in half a dozen ways, some of them by assignment.

    Args:
        functions_of: Returns an agent's map of functions.
    """

    def __init__(self, functions_of: Callable[[Any], dict[str, Any]]) -> None:
        self._functions_of = functions_of
        self._switch = Switch()
        # Names, not functions: a function may refer to its agent and would keep it alive.
        self._observed: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()

    def observe(self, agent: Any, name: str) -> None:
        """Observe one tool of an agent."""
        functions = self._functions_of(agent)
        function = functions.get(name)
        if callable(function) and not isinstance(function, ObservedTool):
            functions[name] = ObservedTool(function, self._switch)
            self._observed.setdefault(agent, set()).add(name)

    def restore(self) -> None:
        """Put every tool back; whoever holds an observed one finds it silent."""
        self._switch.on = False
        for agent, observed in list(self._observed.items()):
            functions = self._functions_of(agent)
            for name in observed:
                function = functions.get(name)
                if isinstance(function, ObservedTool):
                    functions[name] = function.__wrapped__


async def _watch(awaitable: Awaitable[Any], operation: OpenOperation, tool: Callable[..., Any]) -> Any:
    try:
        return await Steps(awaitable, operation)
    except BaseException as error:
        guard.call(_caught, operation, error, tool)
        raise


def _caught(operation: OpenOperation, error: BaseException, tool: Callable[..., Any]) -> None:
    if not _entered(error, tool):
        operation.fault_kind = FaultKind.BAD_ARGUMENTS
    operation.catch(error)


def _entered(error: BaseException, tool: Callable[..., Any]) -> bool:
    """Tell whether code of the application's failed; if not, the model's arguments did not fit the tool's signature."""
    code = getattr(tool, "__code__", None)
    refusal = isinstance(error, TypeError)
    if code is None or not (refusal or type(error).__name__ == "ValidationError"):
        return True
    ran = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    if any(one is code for one in ran):
        return True
    if refusal:
        # Python's own words for a call that does not fit.
        return not safe_text(error).startswith(f"{tool.__qualname__}() ")
    # Something that the tool depends on may have failed before it.
    return any(is_application(one.co_filename) for one in ran)
