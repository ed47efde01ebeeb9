"""OTLP JSON documents made by hand."""

from __future__ import annotations

from typing import Any

from autogen_otel.core import names
from autogen_otel.diagnosis.diagnosis import diagnose
from autogen_otel.diagnosis.gathered import Gathered
from autogen_otel.diagnosis.seen import Diagnosis

START = 1_795_000_000 * 10**9
MS = 10**6


def value(held: Any) -> dict[str, Any]:
    """Return an AnyValue."""
    if isinstance(held, bool):
        return {"boolValue": held}
    if isinstance(held, int):
        return {"intValue": str(held)}
    return {"arrayValue": {"values": list(map(value, held))}} if isinstance(held, list) else {"stringValue": held}


def attributes(held: dict[str, Any]) -> list[dict[str, Any]]:
    """Return KeyValues."""
    return [{"key": key, "value": value(one)} for key, one in held.items()]


def span(
    span_id: int,
    parent: int,
    name: str,
    at: float,
    ms: float,
    request: str = "req-1",
    *,
    pid: int = 1,
    trace: int = 1,
    error: str = "",
    events: tuple[dict[str, Any], ...] = (),
    **more: Any,
) -> dict[str, Any]:
    """Return a span; `at` and `ms` are its start and its duration in milliseconds. Double underscores are dots."""
    told = {
        names.REQUEST_ID: request,
        names.PROCESS_PID: pid,
        **{key.replace("__", "."): one for key, one in more.items()},
    }
    if error:
        told |= {names.OUTCOME: "error", names.ERROR_TYPE: error}
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{span_id:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": name,
        "startTimeUnixNano": str(START + round(at * MS)),
        "endTimeUnixNano": str(START + round((at + ms) * MS)),
        "attributes": attributes(told),
        "events": list(events),
        "status": {"code": 2, "message": "it failed"} if error else {},
    }


def raised(at: float, type_: str, fault: str, message: str = "") -> dict[str, Any]:
    """Return an exception event."""
    told = {names.EXCEPTION_TYPE: type_, names.EXCEPTION_MESSAGE: message, names.FAULT_ID: fault}
    return {"name": "exception", "timeUnixNano": str(START + round(at * MS)), "attributes": attributes(told)}


def document(*spans: dict[str, Any], scope: str = "autogen_otel", **resource: Any) -> dict[str, Any]:
    """Return an export document; double underscores in the resource's attributes stand for dots."""
    told = {key.replace("__", "."): one for key, one in resource.items()}
    scopes = [{"scope": {"name": scope}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": {"attributes": attributes(told)}, "scopeSpans": scopes}]}


def found_in(*documents: dict[str, Any]) -> Diagnosis:
    """Return the diagnosis of documents."""
    gathered = Gathered()
    for one in documents:
        gathered.take(one)
    return diagnose(gathered)


def chat(request: str, first: int, at: float, conversation: str = "1-2", **more: Any) -> list[dict[str, Any]]:
    """Return the spans of a request of 100 ms with one chat."""
    return [
        span(first, 0, "request", at, 100, request, trace=first, **more),
        span(
            first + 1,
            first,
            "invoke_workflow a -> b",
            at + 1,
            98,
            request,
            trace=first,
            **more,
            autogen__conversations=[conversation],
        ),
    ]
