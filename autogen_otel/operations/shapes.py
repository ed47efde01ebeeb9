"""Running one operation around host code of each shape: function, coroutine, generator, async generator.

What is done before and after is written once, in `Opening`; the four drivers only know how to step. The host's call
stands outside the guard and happens exactly once.
"""

from __future__ import annotations

import functools
import inspect
import traceback
import warnings
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, TypeAlias

from autogen_otel.core.facts import Kind
from autogen_otel.core.guard import FAILED, MISTAKE, guard
from autogen_otel.operations.listeners import listeners
from autogen_otel.operations.operation import OpenOperation, current_operation
from autogen_otel.operations.stalls import Steps, tell_stall

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator


# Opens an operation from the instance and the arguments of a call; None where the call is none of ours.
Opening: TypeAlias = "Callable[[Any, tuple[Any, ...], dict[str, Any]], OpenOperation | None]"
# Puts what the result of a call tells onto its operation.
Closing: TypeAlias = "Callable[[OpenOperation, Any], None]"


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
    driver = _call_async_generator if stream else _driver_for(wrapped)
    return functools.partial(driver, switch, opening, closing)


def _driver_for(wrapped: Callable[..., Any]) -> Callable[..., Any]:
    function = inspect.unwrap(wrapped)
    if inspect.iscoroutinefunction(function):
        return _call_coroutine
    if inspect.isasyncgenfunction(function):
        return _call_async_generator
    if inspect.isgeneratorfunction(function):
        return _call_generator
    return _call


def _start(opening: Opening, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpenOperation | None:
    try:
        operation = opening(instance, args, kwargs)
    except MISTAKE as error:
        operation = _opened_before(error)
        guard.failed(opening, error)
    if operation is not None:
        operation.enter()
    return operation


def _opened_before(error: Exception) -> OpenOperation | None:
    """Return what an opening had opened before it raised: it has started and must end. Its frames still hold it."""
    current = current_operation()
    for frame, _ in traceback.walk_tb(error.__traceback__):
        for held in frame.f_locals.values():
            if isinstance(held, OpenOperation) and held.parent is current and not held.closed:
                return held
    return None


def _ask(operation: OpenOperation) -> None:
    """Ask the listeners whether the host's call may be made.

    The one place where we raise into the host: only what a listener returns, and only if the application has asked for
    such a listener. A warning may become an exception as well, by the application's own filters.
    """
    for listener in listeners.vetoes:
        refusal = guard.call(listener.veto, operation.fact)
        if refusal is FAILED:
            listeners.fuse(listener)
        elif isinstance(refusal, Warning):
            warnings.warn(refusal, stacklevel=3)
        elif refusal:
            raise refusal


def _stop(operation: OpenOperation, closing: Closing | None, result: Any) -> None:
    # Still current while its end is told: exemplars of metrics and fields of log lines then point to its span.
    # Whatever goes wrong in telling it, the next request must not find this one current.
    try:
        if closing is not None:
            _close(operation, closing, result)
        operation.finish()
    except MISTAKE as error:
        guard.failed(operation.finish, error)
    finally:
        operation.leave()


def _close(operation: OpenOperation, closing: Closing, result: Any) -> None:
    try:
        closing(operation, result)
    except MISTAKE as error:
        guard.failed(closing, error)


def _break(operation: OpenOperation, error: BaseException) -> None:
    try:
        operation.fail(error)
    except MISTAKE as mistake:
        guard.failed(operation.fail, mistake)
    finally:
        operation.leave()


def _stop_after(operation: OpenOperation, closing: Closing | None, result: Any) -> None:
    """Stop an operation that was current only for each step."""
    operation.enter()
    _stop(operation, closing, result)


def _break_off(operation: OpenOperation, error: BaseException) -> None:
    operation.enter()
    _break(operation, error)


def _call(
    switch: Any,
    opening: Opening,
    closing: Closing | None,
    wrapped: Callable[..., Any],
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    operation = _start(opening, instance, args, kwargs) if switch.on else None
    if not operation:
        return wrapped(*args, **kwargs)
    try:
        if listeners.vetoes:
            _ask(operation)
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        if operation.fact.loop is not None:
            guard.call(tell_stall, operation)
        _break(operation, error)
        raise
    if operation.fact.loop is not None:
        guard.call(tell_stall, operation)
    _stop(operation, closing, result)
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
    operation = _start(opening, instance, args, kwargs) if switch.on else None
    if not operation:
        return await wrapped(*args, **kwargs)
    try:
        if listeners.vetoes:
            _ask(operation)
        coroutine = wrapped(*args, **kwargs)
        # A tool is the application's code: it may block the loop for everybody else.
        result = await (Steps(coroutine, operation) if operation.fact.kind is Kind.TOOL else coroutine)
    except BaseException as error:
        _break(operation, error)
        raise
    _stop(operation, closing, result)
    return result


def _call_generator(
    switch: Any,
    opening: Opening,
    closing: Closing | None,
    wrapped: Callable[..., Generator[Any, Any, Any]],
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Generator[Any, Any, Any]:
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
    operation = _start(opening, instance, args, kwargs)
    if operation is None:
        return (yield from generator)
    # Current again for each step.
    operation.leave()
    step, argument = generator.send, None
    try:
        if listeners.vetoes:
            _ask(operation)
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
        guard.call(_break_off, operation, error)
        raise
    guard.call(_stop_after, operation, closing, result)
    return result


def _call_async_generator(
    switch: Any,
    opening: Opening,
    closing: Closing | None,
    wrapped: Callable[..., AsyncGenerator[Any, Any]],
    instance: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> AsyncGenerator[Any, Any]:
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
    operation = guard.call(context.run, _start, opening, instance, args, kwargs)
    inside = functools.partial(_Inside, context) if operation else _outside
    unfinished = _Unfinished(operation, context) if operation else None
    step, argument, item = generator.asend, None, None
    try:
        if operation and listeners.vetoes:
            _ask(operation)
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
        unfinished.end(_stop, closing, item)


def _break_after(operation: OpenOperation, closing: Closing | None, item: Any, error: BaseException) -> None:
    # Who leaves early may have seen what was to be seen, and its tokens were used all the same.
    if closing is not None and isinstance(error, GeneratorExit):
        guard.call(closing, operation, item)
    _break(operation, error)


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
            self.end(_break, GeneratorExit())
