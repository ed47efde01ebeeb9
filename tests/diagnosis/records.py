"""Stored records made by hand."""

from __future__ import annotations

from typing import Any

from autogen_otel.core import names
from autogen_otel.diagnosis.load import StoredEvent, StoredLog, StoredSpan

REQUEST = "req-42"
TRACE = "a" * 32
MS = 10**6


def span(
    span_id: str,
    parent: str = "",
    name: str = "invoke_agent user",
    at: int = 0,
    ms: int = 10,
    *,
    failed: bool = False,
    message: str = "",
    events: tuple[StoredEvent, ...] = (),
    scope: str = "autogen_otel",
    trace: str = TRACE,
    **attributes: Any,
) -> StoredSpan:
    """Return a span of the request; `at` is its start in milliseconds. Underscores in attributes stand for dots."""
    more = {key.replace("__", "."): value for key, value in attributes.items()}
    return StoredSpan(
        trace_id=trace,
        span_id=span_id,
        parent_span_id=parent,
        name=name,
        kind=1,
        start_ns=(1000 + at) * MS,
        end_ns=(1000 + at + ms) * MS,
        attributes={names.REQUEST_ID: REQUEST, **more},
        events=events,
        status_code=2 if failed else 0,
        status_message=message,
        resource={"service.name": "insurance"},
        scope=scope,
    )


def log(event: str, at: int = 0, span_id: str = "", *, trace: str = TRACE, **attributes: Any) -> StoredLog:
    """Return a log record of the request."""
    identity = {names.LOG_TRACE_ID: trace, names.LOG_SPAN_ID: span_id} if trace else {}
    return StoredLog(
        time_ns=(1000 + at) * MS,
        severity_text="INFO",
        severity_number=9,
        body=event,
        event_name="",
        attributes={names.LOG_REQUEST_ID: REQUEST, **identity, **attributes},
        trace_id="",
        span_id="",
        resource={"service.name": "insurance"},
        scope="autogen_otel",
    )


def raised(fault_id: str = "f1", stacktrace: str = "", type_: str = "KeyError", message: str = "'p9'") -> StoredEvent:
    """Return the event on the span where a fault was raised."""
    return StoredEvent(
        names.EXCEPTION_EVENT,
        1005 * MS,
        {
            names.EXCEPTION_TYPE: type_,
            names.EXCEPTION_MESSAGE: message,
            names.EXCEPTION_STACKTRACE: stacktrace,
            names.FAULT_ID: fault_id,
        },
    )


def fault(type_: str = "KeyError", fault_id: str = "f1", **more: Any) -> dict[str, Any]:
    """Return the attributes of a span that a fault passed through."""
    return {"error__type": type_, "autogen__fault__id": fault_id, "autogen__fault__type": "KeyError", **more}
