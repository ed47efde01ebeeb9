"""The two edges of a host's call: what is done before it and after it, written once for all shapes of calls."""

from __future__ import annotations

import traceback
import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

from autogen_otel.core.guard import FAILED, MISTAKE, guard
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.listeners import listeners
from autogen_otel.operations.operation import OpenOperation

if TYPE_CHECKING:
    from collections.abc import Callable

# Opens an operation from the instance and the arguments of a call; None where the call is none of ours.
Opening: TypeAlias = "Callable[[Any, tuple[Any, ...], dict[str, Any]], OpenOperation | None]"
# Puts what the result of a call tells onto its operation.
Closing: TypeAlias = "Callable[[OpenOperation, Any], None]"


def start(opening: Opening, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpenOperation | None:
    """Open an operation and make it current; None where the call is none of ours."""
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


def ask(operation: OpenOperation) -> None:
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


def stop(operation: OpenOperation, closing: Closing | None, result: Any) -> None:
    """End it after the host's call returned."""
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


def fail(operation: OpenOperation, error: BaseException) -> None:
    """End it after the host's call raised."""
    try:
        operation.fail(error)
    except MISTAKE as mistake:
        guard.failed(operation.fail, mistake)
    finally:
        operation.leave()


def stop_after(operation: OpenOperation, closing: Closing | None, result: Any) -> None:
    """Stop an operation that was current only for each step."""
    operation.enter()
    stop(operation, closing, result)


def fail_after(operation: OpenOperation, error: BaseException) -> None:
    """The same of one whose host raised."""
    operation.enter()
    fail(operation, error)
