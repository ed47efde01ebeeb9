"""Running one operation around host code of each shape: function, coroutine, generator, async generator.

What is done before and after is written once, in `Opening`; the four drivers only know how to step. The host's call
stands outside the guard and happens exactly once.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeAlias

from autogen_otel.core.guard import guard

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator

    from autogen_otel.operations.operation import OpenOperation


# Opens an operation from the instance and the arguments of a call; None where the call is none of ours.
Opening: TypeAlias = "Callable[[Any, tuple[Any, ...], dict[str, Any]], OpenOperation | None]"
# Puts what the result of a call tells onto its operation.
Closing: TypeAlias = "Callable[[OpenOperation, Any], None]"


class Always:
    """A switch that is never turned off."""

    on = True


def around(wrapped: Callable[..., Any], opening: Opening, closing: Closing | None = None, switch: Any = Always) -> Any:
    """Return a wrapper, as wrapt wants it, that runs an operation around each call of `wrapped`.

    Args:
        wrapped: The host's function; its shape decides how it is driven.
        opening: Opens the operation.
        closing: Looks at the result before the operation ends.
        switch: While its `on` is false, the call goes through as if there were no wrapper.
    """
    return functools.partial(_driver_for(wrapped), switch, opening, closing)


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
    operation = opening(instance, args, kwargs)
    if operation is not None:
        operation.enter()
    return operation


def _stop(operation: OpenOperation, closing: Closing | None, result: Any) -> None:
    # Still current while its end is told: exemplars of metrics and fields of log lines then point to its span.
    # Whatever goes wrong in telling it, the next request must not find this one current.
    try:
        if closing is not None:
            guard.call(closing, operation, result)
        operation.finish()
    finally:
        operation.leave()


def _break(operation: OpenOperation, error: BaseException) -> None:
    try:
        operation.fail(error)
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
    operation = guard.call(_start, opening, instance, args, kwargs) if switch.on else None
    if not operation:
        return wrapped(*args, **kwargs)
    try:
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        guard.call(_break, operation, error)
        raise
    guard.call(_stop, operation, closing, result)
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
    operation = guard.call(_start, opening, instance, args, kwargs) if switch.on else None
    if not operation:
        return await wrapped(*args, **kwargs)
    try:
        result = await wrapped(*args, **kwargs)
    except BaseException as error:
        guard.call(_break, operation, error)
        raise
    guard.call(_stop, operation, closing, result)
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
    operation = guard.call(opening, instance, args, kwargs)
    if not operation:
        return (yield from generator)
    step, argument = generator.send, None
    try:
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
    operation = guard.call(opening, instance, args, kwargs)
    step, argument = generator.asend, None
    try:
        while True:
            if operation:
                guard.call(operation.enter)
            try:
                item = await step(argument)
            except StopAsyncIteration:
                break
            finally:
                if operation:
                    guard.call(operation.leave)
            try:
                step, argument = generator.asend, (yield item)
            except GeneratorExit:
                await generator.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - handed on to the host's generator
                step, argument = generator.athrow, error
    except BaseException as error:
        if operation:
            guard.call(_break_off, operation, error)
        raise
    if operation:
        guard.call(_stop_after, operation, closing, None)
