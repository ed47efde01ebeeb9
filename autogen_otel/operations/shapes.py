"""Running one operation around host code of each shape: function, coroutine, generator, async generator.

What is done before and after is the same for all; the drivers only know how to step. The host's call stands outside the
guard and happens exactly once.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import guard
from autogen_otel.operations.edges import ask, fail, start, stop
from autogen_otel.operations.generators import call_async_generator, call_generator
from autogen_otel.operations.listeners import listeners
from autogen_otel.operations.stalls import Steps, tell_stall

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from autogen_otel.operations.edges import Closing, Opening


class Always:
    """A switch that is never turned off."""

    on = True


def around(
    wrapped: Callable[..., Any],
    opening: Opening,
    closing: Closing | None = None,
    switch: Any = Always,
    *,
    stream: bool = False,
) -> Any:
    """Return a wrapper, as wrapt wants it, that runs an operation around each call of `wrapped`.

    Args:
        wrapped: The host's function; its shape decides how it is driven.
        opening: Opens the operation.
        closing: Looks at the result before the operation ends; of an async generator, at the last item that it gave.
        switch: While its `on` is false, the call goes through as if there were no wrapper.
        stream: It returns an async generator, though it need not be an async generator function itself.
    """
    driver = call_async_generator if stream else _driver_for(wrapped)
    return functools.partial(driver, switch, opening, closing)


def _driver_for(wrapped: Callable[..., Any]) -> Callable[..., Any]:
    function = inspect.unwrap(wrapped)
    if inspect.iscoroutinefunction(function):
        return _call_coroutine
    if inspect.isasyncgenfunction(function):
        return call_async_generator
    if inspect.isgeneratorfunction(function):
        return call_generator
    return _call


def _call(
    switch: Any,
    opening: Opening,
    closing: Closing | None,
    wrapped: Callable[..., Any],
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    operation = start(opening, instance, args, kwargs) if switch.on else None
    if not operation:
        return wrapped(*args, **kwargs)
    try:
        if listeners.vetoes:
            ask(operation)
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        if operation.fact.loop is not None:
            guard.call(tell_stall, operation)
        fail(operation, error)
        raise
    if operation.fact.loop is not None:
        guard.call(tell_stall, operation)
    stop(operation, closing, result)
    return result


async def _call_coroutine(
    switch: Any,
    opening: Opening,
    closing: Closing | None,
    wrapped: Callable[..., Coroutine[Any, Any, Any]],
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    operation = start(opening, instance, args, kwargs) if switch.on else None
    if not operation:
        return await wrapped(*args, **kwargs)
    try:
        if listeners.vetoes:
            ask(operation)
        coroutine = wrapped(*args, **kwargs)
        # A tool is the application's code: it may block the loop for everybody else.
        result = await (Steps(coroutine, operation) if operation.fact.kind is Kind.TOOL else coroutine)
    except BaseException as error:
        fail(operation, error)
        raise
    stop(operation, closing, result)
    return result
