"""For whom a message of `autogen_core` is, from its sending to its handling.

Each message is handled in a task that is started by the runtime's own task, which serves everyone: neither the request
nor the current span is known there. So a message takes along where it was sent, and its handling goes on there.

What a handler publishes does not belong to the handler's operation, which ends without waiting for it: it belongs where
the handler's own message came from. A chain of events thus lies flat below the operation that has set it off.
"""

from __future__ import annotations

from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import context as otel_context
from opentelemetry.trace import get_current_span

from autogen_otel.operations.current import current_operation, current_request_id, go_on_with_request, work_for

if TYPE_CHECKING:
    from autogen_otel.operations.operation import OpenOperation

# The logger's variables are the sender's, even where the runtime's task has some of its own.
_LOGGING: Final = "structlog_"
# Ours and OpenTelemetry's are handed over by name; AutoGen's belong to the place, not to the message.
_OURS: Final = ("autogen_otel_", "current_context")
_AUTOGENS: Final = ("_CONTEXT_VAR", "_HANDLER_CONTEXT")


class Origin(NamedTuple):
    """Where a message was sent.

    Attributes:
        request_id: Of the request, which may have begun in another process; None outside any.
        operation: The operation of this process that has sent it.
        telemetry: OpenTelemetry's context, with the current span.
        variables: All context variables; None if it was sent in another process.
    """

    request_id: str | None
    operation: OpenOperation | None
    telemetry: otel_context.Context
    variables: Context | None = None


_origin: ContextVar[Origin | None] = ContextVar("autogen_otel_origin", default=None)
_outgoing: ContextVar[Origin | None] = ContextVar("autogen_otel_outgoing", default=None)


def begin_sending(waits: bool) -> None:
    """Note where a message is sent, before AutoGen makes a span of its sending.

    Args:
        waits: Whether the sender waits for the answer.
    """
    # Otherwise each message would keep the contexts of all before it.
    _outgoing.set(None)
    _outgoing.set(here() if waits else _where_it_belongs())


def take_origin() -> Origin:
    """Return where the message belongs whose sending has begun; an answer belongs where the message came from."""
    origin = _outgoing.get()
    if origin is None:
        return _where_it_belongs()
    _outgoing.set(None)
    if origin.operation is None and not get_current_span(origin.telemetry).get_span_context().is_valid:
        # Sent from nowhere, so that AutoGen's span of the sending is the first one of the trace.
        return origin._replace(telemetry=otel_context.get_current())
    return origin


def here() -> Origin:
    """Return this place."""
    before = _origin.get()
    if before is not None:
        _origin.set(None)
    variables = copy_context()
    if before is not None:
        _origin.set(before)
    return Origin(current_request_id(), current_operation(), otel_context.get_current(), variables)


def _where_it_belongs() -> Origin:
    origin = _origin.get()
    # A handler may open a request of its own and publish in it.
    return origin if origin is not None and origin.request_id == current_request_id() else here()


def adopt(origin: Origin) -> None:
    """Go on, in the rest of this task, where a message was sent.

    Variables of the application are added where the runtime's task has none; what it has stays as it is.
    """
    if origin.variables is not None:
        here = copy_context()
        for variable, value in origin.variables.items():
            name = variable.name
            if name.startswith(_LOGGING) or not (
                variable in here or name.startswith(_OURS) or name.endswith(_AUTOGENS)
            ):
                variable.set(value)
    _go_to(origin)


class Within:
    """Goes where a message was sent, and back.

    Args:
        origin: Where that is.
    """

    __slots__ = ("_before", "_origin")

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._before: tuple[Any, ...] = ()

    def __enter__(self) -> None:
        self._before = (current_operation(), otel_context.get_current(), _origin.get())
        _go_to(self._origin)

    def __exit__(self, *_: object) -> None:
        operation, telemetry, origin = self._before
        _switch(operation, telemetry, origin)


def _go_to(origin: Origin) -> None:
    operation = origin.operation
    # One that has ended would keep all those before it, where agents send to and fro and nobody waits.
    while operation is not None and operation.closed and operation.parent is not None:
        operation = operation.parent
    _switch(operation, origin.telemetry, origin)


def _switch(operation: OpenOperation | None, telemetry: otel_context.Context, origin: Origin | None) -> None:
    # A request that has begun in another process has no operation here.
    go_on_with_request(None if origin is None else origin.request_id)
    if operation is not None:
        work_for(operation)
    otel_context.attach(telemetry)
    _origin.set(origin)
