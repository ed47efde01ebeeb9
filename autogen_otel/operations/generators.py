"""Running one operation around a generator or an async generator of the host: current in each step, never between."""

from __future__ import annotations

import functools
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from autogen_otel.core.guard import guard
from autogen_otel.operations.edges import ask, fail, fail_after, start, stop, stop_after
from autogen_otel.operations.listeners import listeners

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from autogen_otel.operations.edges import Closing, Opening
    from autogen_otel.operations.operation import OpenOperation


def call_generator(
    switch: Any,
    opening: Opening,
    closing: Closing | None,
    wrapped: Callable[..., Generator[Any, Any, Any]],
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Generator[Any, Any, Any]:
    """Call a generator function of the host, and drive what it returns."""
    generator = wrapped(*args, **kwargs)
    return _drive(opening, closing, generator, instance, args, kwargs) if switch.on else generator


def _drive(
    opening: Opening,
    closing: Closing | None,
    generator: Generator[Any, Any, Any],
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Generator[Any, Any, Any]:
    operation = start(opening, instance, args, kwargs)
    if operation is None:
        return (yield from generator)
    # Current again for each step.
    operation.leave()
    step, argument = generator.send, None
    try:
        if listeners.vetoes:
            ask(operation)
        while True:
            guard.call(operation.enter)
            try:
                item = step(argument)
            except StopIteration as stop:
                result = stop.value
                break
            finally:
                guard.call(operation.leave)
            try:
                step, argument = generator.send, (yield item)
            except GeneratorExit:
                generator.close()
                raise
            except BaseException as error:  # noqa: BLE001 - handed on to the host's generator
                step, argument = generator.throw, error
    except BaseException as error:
        guard.call(fail_after, operation, error)
        raise
    guard.call(stop_after, operation, closing, result)
    return result


def call_async_generator(
    switch: Any,
    opening: Opening,
    closing: Closing | None,
    wrapped: Callable[..., AsyncGenerator[Any, Any]],
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> AsyncGenerator[Any, Any]:
    """Call an async generator function of the host, and drive what it returns."""
    generator = wrapped(*args, **kwargs)
    return _drive_async(opening, closing, generator, instance, args, kwargs) if switch.on else generator


async def _drive_async(
    opening: Opening,
    closing: Closing | None,
    generator: AsyncGenerator[Any, Any],
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> AsyncGenerator[Any, Any]:
    """Drive an async generator in a context of its own.

    Each step may come from another task and another context, and so may the end: an async generator that is left alone
    is closed in a task of the event loop's. With a context of its own the operation is current inside from the first
    step to the last and never outside, and what the host's code sets in one step (a span, a context variable) can be
    taken back in another. It is a copy of the context of the first step: what the consumer sets in its own context
    later is not seen inside, and what is set inside is not seen by the consumer.
    """
    context = copy_context()
    operation = guard.call(context.run, start, opening, instance, args, kwargs)
    inside = functools.partial(_Inside, context) if operation else _outside
    unfinished = _Unfinished(operation, context) if operation else None
    step, argument, item = generator.asend, None, None
    try:
        if operation and listeners.vetoes:
            ask(operation)
        while True:
            try:
                item = await inside(step(argument))
            except StopAsyncIteration:
                break
            try:
                step, argument = generator.asend, (yield item)
            except GeneratorExit:
                await inside(generator.aclose())
                raise
            except BaseException as error:  # noqa: BLE001 - handed on to the host's generator
                step, argument = generator.athrow, error
    except BaseException as error:
        if unfinished:
            unfinished.end(_break_after, closing, item, error)
        raise
    if unfinished:
        unfinished.end(stop, closing, item)


def _break_after(operation: OpenOperation, closing: Closing | None, item: Any, error: BaseException) -> None:
    # Who leaves early may have seen what was to be seen, and its tokens were used all the same.
    if closing is not None and isinstance(error, GeneratorExit):
        guard.call(closing, operation, item)
    fail(operation, error)


def _outside(awaitable: Awaitable[Any]) -> Awaitable[Any]:
    """Await in the context of whoever awaits."""
    return awaitable


class _Inside:
    """Awaits in a given context, in whichever task and context it is awaited."""

    __slots__ = ("_awaitable", "_context")

    def __init__(self, context: Context, awaitable: Awaitable[Any]) -> None:
        self._context = context
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, Any]:
        run, steps = self._context.run, self._awaitable.__await__()
        step: Callable[[Any], Any] = steps.send
        argument: Any = None
        while True:
            try:
                signal = run(step, argument)
            except StopIteration as stop:
                return stop.value
            try:
                step, argument = steps.send, (yield signal)
            except GeneratorExit:
                run(steps.close)
                raise
            except BaseException as error:  # noqa: BLE001 - handed on to the host's generator
                step, argument = steps.throw, error


class _Unfinished:
    """Ends an operation once; at the latest when the generator is gone.

    The event loop closes a generator that was left alone. Without a loop, or with a closed one, Python throws it away
    without a word, and then this goes with it.
    """

    __slots__ = ("_context", "_operation")

    def __init__(self, operation: OpenOperation, context: Context) -> None:
        self._operation = operation
        self._context = context

    def end(self, how: Callable[..., None], *args: Any) -> None:
        """End it in its context."""
        guard.call(self._context.run, how, self._operation, *args)

    def __del__(self) -> None:
        if not self._operation.closed:
            self.end(fail, GeneratorExit())
