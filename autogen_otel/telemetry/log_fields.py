"""The fields that every log line of a request carries."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace

from autogen_otel.core import names
from autogen_otel.core.forks import process
from autogen_otel.core.guard import guard
from autogen_otel.faults.chain import chain_of, qualified_type
from autogen_otel.operations.current import current_operation

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from autogen_otel.core.facts import ExceptionData

# Where a record of ours keeps its fields.
FIELDS: Final = "autogen_otel_fields"


def add_request_fields(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ARG001
    """Add request, agent, tool, trace and exception to an event: a structlog processor.

    Put it into your own chain, before the renderer and before a processor that formats exceptions. It never overwrites
    a field that the event has already, and does not touch `exc_info`, so your own exception renderer works as before.
    """
    guard.call(_add, event)
    return event


def _add(event: MutableMapping[str, Any]) -> None:
    # Our own records have a text for people, and the same in fields.
    event.update(event.pop(FIELDS, None) or getattr(event.get("_record"), FIELDS, {}))
    for key, value in context_fields().items():
        event.setdefault(key, value)
    error = exception_of(event.get("exc_info"))
    if error is not None:
        event.setdefault(names.LOG_EXCEPTION_TYPE, qualified_type(error))


def context_fields() -> dict[str, Any]:
    """Return what the current context says: request, agent, tool, process, thread, trace and span."""
    fields: dict[str, Any] = {}
    operation = current_operation()
    if operation is not None:
        fact = operation.fact
        fields[names.LOG_REQUEST_ID] = fact.request_id
        if fact.agent_name is not None:
            fields[names.LOG_AGENT_NAME] = fact.agent_name
        if fact.tool_name is not None:
            fields[names.LOG_TOOL_NAME] = fact.tool_name
        fields[names.LOG_PID] = process.pid
        fields[names.LOG_THREAD] = threading.current_thread().name
    fields.update(trace_fields(trace.get_current_span().get_span_context()))
    return fields


def trace_fields(context: trace.SpanContext | None) -> dict[str, str]:
    """Return trace and span as OpenTelemetry's "Trace Context in non-OTLP Log Formats" names them.

    Of a request that is not sampled too: its log lines belong together all the same.
    """
    if context is None or not context.is_valid:
        return {}
    return {
        names.LOG_TRACE_ID: trace.format_trace_id(context.trace_id),
        names.LOG_SPAN_ID: trace.format_span_id(context.span_id),
        names.LOG_TRACE_FLAGS: f"{context.trace_flags:02x}",
    }


def exception_of(exc_info: Any) -> BaseException | None:
    """Return the exception of an `exc_info` in any of the forms that logging and structlog allow."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        error = exc_info[1]
        return error if isinstance(error, BaseException) else None
    if exc_info:
        import sys

        return sys.exc_info()[1]
    return None


def exception_as_data(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ARG001
    """Replace `exc_info` by the exception's chain as data, without local variables: a structlog processor."""
    error = exception_of(event.pop("exc_info", None))
    if error is not None:
        event[names.LOG_EXCEPTION] = chain_as_data(chain_of(error))
    return event


def chain_as_data(chain: tuple[ExceptionData, ...]) -> list[dict[str, Any]]:
    """Return an exception's chain as JSON wants it."""
    return [
        {
            "type": data.type,
            "message": data.message,
            **({"link": data.link} if data.link else {}),
            **({"notes": list(data.notes)} if data.notes else {}),
            "frames": [
                {"file": frame.file, "line": frame.line, "function": frame.function, "source": frame.source}
                for frame in data.frames
            ],
            **({"members": chain_as_data(data.members)} if data.members else {}),
        }
        for data in chain
    ]
