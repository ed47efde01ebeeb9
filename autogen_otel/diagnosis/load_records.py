"""Records of stored telemetry, and how they are read from an OTLP/JSON document."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]
NOTHING: Final[dict[str, Any]] = {}
# Some writers give the names of enum values, though the OTLP specification asks for numbers.
_NUMBERS: Final = {
    **{f"SPAN_KIND_{name}": n for n, name in enumerate(("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER"))},
    "SPAN_KIND_CONSUMER": 5,
    **{f"STATUS_CODE_{name}": n for n, name in enumerate(("UNSET", "OK", "ERROR"))},
}


class StoredEvent(NamedTuple):
    """An event on a span; time in nanoseconds since 1970."""

    name: str
    time_ns: int
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """A span. IDs are lower-case hex, `parent_span_id` is empty at the root; times are nanoseconds since 1970.

    Attributes:
        kind: The number that OTLP gives it: 1 internal, 2 server, 3 client, 4 producer, 5 consumer; 0 where not given.
        status_code: 0 unset, 1 OK, 2 error.
        resource: The attributes of the resource: one dictionary for all spans that were exported together.
        scope: The name of the instrumentation scope.
    """

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    events: tuple[StoredEvent, ...]
    status_code: int
    status_message: str
    resource: dict[str, Any]
    scope: str


@dataclass(frozen=True, slots=True)
class StoredLog:
    """A log record; `time_ns` is when it was observed where it does not say when it happened."""

    time_ns: int
    severity_text: str
    severity_number: int
    body: Any
    event_name: str
    attributes: dict[str, Any]
    trace_id: str
    span_id: str
    resource: dict[str, Any]
    scope: str


def records_of(document: dict[str, Any], since_ns: int) -> Iterator[StoredSpan | StoredLog]:
    """Yield the spans and logs of one OTLP/JSON export document; metrics are passed over.

    Optional fields may be missing or null, and numbers may be numbers or strings.

    Args:
        document: What the JSON says.
        since_ns: Spans that ended earlier and logs written earlier are left out, in nanoseconds since 1970.

    Raises:
        ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError: It is no such document.
    """
    for resource, scope, spans in groups_in(document, "resourceSpans", "scopeSpans", "spans"):
        for span in spans:
            end_ns = int(span.get("endTimeUnixNano") or 0)
            if end_ns >= since_ns:
                yield _span(span, end_ns, resource, scope)
    for resource, scope, logs in groups_in(document, "resourceLogs", "scopeLogs", "logRecords"):
        for log in logs:
            time_ns = int(log.get("timeUnixNano") or 0) or int(log.get("observedTimeUnixNano") or 0)
            if time_ns >= since_ns:
                yield _log(log, time_ns, resource, scope)


def groups_in(document: Any, resources: str, scopes: str, items: str) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Yield the items of a document that have resource and scope in common, behind the two; the names are OTLP's."""
    for part in document.get(resources) or ():
        resource = attributes_of((part.get("resource") or NOTHING).get("attributes"))
        for group in part.get(scopes) or ():
            yield resource, (group.get("scope") or NOTHING).get("name") or "", group.get(items) or ()


def _span(span: dict[str, Any], end_ns: int, resource: dict[str, Any], scope: str) -> StoredSpan:
    get = span.get
    status = get("status") or NOTHING
    events = get("events")
    return StoredSpan(
        span["traceId"].lower(),
        span["spanId"].lower(),
        (get("parentSpanId") or "").lower(),
        get("name") or "",
        number_of(get("kind")),
        int(get("startTimeUnixNano") or 0),
        end_ns,
        attributes_of(get("attributes")),
        tuple(map(_event, events)) if events else (),
        number_of(status.get("code")),
        status.get("message") or "",
        resource,
        scope,
    )


def _event(event: dict[str, Any]) -> StoredEvent:
    time_ns = int(event.get("timeUnixNano") or 0)
    return StoredEvent(event.get("name") or "", time_ns, attributes_of(event.get("attributes")))


def _log(log: dict[str, Any], time_ns: int, resource: dict[str, Any], scope: str) -> StoredLog:
    get = log.get
    return StoredLog(
        time_ns,
        get("severityText") or "",
        number_of(get("severityNumber")),
        _value(get("body") or NOTHING),
        get("eventName") or "",
        attributes_of(get("attributes")),
        (get("traceId") or "").lower(),
        (get("spanId") or "").lower(),
        resource,
        scope,
    )


def number_of(value: Any) -> int:
    """Return the number of an enum value."""
    if value.__class__ is int:
        return value
    return _NUMBERS[value] if value in _NUMBERS else int(value or 0)


def attributes_of(pairs: Any) -> dict[str, Any]:
    """Return a list of KeyValues as a dictionary.

    This is the hottest place of a load, and most values are texts or whole numbers. The keys are the same few in all
    spans: as one string each they take a third less memory.
    """
    if not pairs:
        return {}
    return {
        intern(pair["key"]): value["stringValue"]
        if "stringValue" in (value := pair.get("value") or NOTHING)
        else int(number)
        if (number := value.get("intValue")) is not None
        else _value(value)
        for pair in pairs
    }


def _value(value: dict[str, Any]) -> Any:
    """Return what an AnyValue holds; None for the empty one and for kinds of a later OTLP."""
    for kind, held in value.items():
        if kind in _HELD and held is not None:
            return _HELD[kind](held)
    return None


def _values(held: dict[str, Any]) -> Any:
    return held.get("values") or ()


_HELD: Final[dict[str, Callable[[Any], Any]]] = {
    "stringValue": str,
    "boolValue": bool,
    "intValue": int,
    "doubleValue": float,
    "bytesValue": base64.b64decode,
    "arrayValue": lambda held: [_value(item or NOTHING) for item in _values(held)],
    "kvlistValue": lambda held: attributes_of(_values(held)),
}
