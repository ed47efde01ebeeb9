"""Coroutines that a tool has made and nobody has awaited, told where they have become the tool's result.

Python says so itself, on standard error, as soon as the coroutine is gone: while the tool runs or just behind it. That
alone proves nothing, and neither does a text that looks like one. Both together are the result of a forgotten `await`.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.core.guard import guard
from autogen_otel.operations.current import current_operation
from autogen_otel.patching.patch import Patch, Switch, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.operations.operation import OpenOperation

_MAX_NOTED: Final = 8


def report_unawaited(operation: OpenOperation, result: object) -> None:
    """Record that what a tool has returned is a coroutine, or a text in which stands one that nobody has awaited."""
    if isinstance(result, CoroutineType):
        _report(operation, result.__qualname__)
    elif isinstance(result, str):
        for name in operation.attributes.get(names.TOOL_UNAWAITED, ()):
            if f"<coroutine object {name} at 0x" in result:
                _report(operation, name)


def _report(operation: OpenOperation, name: str) -> None:
    # What Python itself says.
    operation.report(FaultKind.RAISED, "RuntimeWarning", f"coroutine {name!r} was never awaited")


def _warn(_: Any, switch: Switch) -> Callable[..., Any]:
    def warn(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
        if switch.on:
            guard.call(_note, *args)
        return wrapped(*args, **kwargs)

    return warn


def _note(coroutine: Any) -> None:
    operation = current_operation()
    if operation is not None and operation.fact.kind is Kind.TOOL:
        noted = operation.attributes.setdefault(names.TOOL_UNAWAITED, [])
        if coroutine.__qualname__ not in noted and len(noted) < _MAX_NOTED:
            noted.append(coroutine.__qualname__)


PATCHES: Final = (
    Patch("warnings", "_warn_unawaited_coroutine", wrap(_warn), "which coroutines nobody has awaited", optional=True),
)
