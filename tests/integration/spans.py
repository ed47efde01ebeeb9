"""Spans as the tests compare them: plain dictionaries instead of the nested lists of OTLP JSON."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Span = dict[str, Any]
Tree = tuple[Any, ...]

_STATUS = {0: "UNSET", 1: "OK", 2: "ERROR"}
_KIND = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}


def flatten(traces: Mapping[str, Any]) -> list[Span]:
    """Return the spans of an OTLP JSON object (`{"resourceSpans": [...]}`) in the order of their start.

    A span has trace_id, span_id, parent_id (None at the root), name, kind, status, status_message, start and end
    (nanoseconds since 1970), attributes, events (name, time, attributes), links, resource and scope.
    """
    spans = [
        _span(span, _attributes(resource.get("resource", {})), scope.get("scope", {}).get("name", ""))
        for resource in traces.get("resourceSpans", ())
        for scope in resource.get("scopeSpans", ())
        for span in scope.get("spans", ())
    ]
    return sorted(spans, key=_order)


def by_id(spans: Iterable[Span]) -> dict[str, Span]:
    """Return the spans under their span ID."""
    return {span["span_id"]: span for span in spans}


def tree(spans: Iterable[Span]) -> Tree:
    """Return the names as nested tuples, `(name, *children)` for every span whose parent is not among `spans`."""
    known = by_id(spans)
    children: dict[str | None, list[Span]] = {}
    for span in sorted(known.values(), key=_order):
        parent = span["parent_id"]
        children.setdefault(parent if parent in known else None, []).append(span)

    def below(span_id: str | None) -> Tree:
        return tuple((span["name"], *below(span["span_id"])) for span in children.get(span_id, ()))

    return below(None)


def exceptions(span: Span) -> list[dict[str, Any]]:
    """Return the attributes of the span's exception events, the first one first."""
    return [event["attributes"] for event in span["events"] if event["name"] == "exception"]


def _order(span: Span) -> tuple[int, str]:
    return span["start"], span["name"]


def _span(span: Mapping[str, Any], resource: dict[str, Any], scope: str) -> Span:
    status = span.get("status", {})
    return {
        "trace_id": span["traceId"],
        "span_id": span["spanId"],
        "parent_id": span.get("parentSpanId") or None,
        "name": span["name"],
        "kind": _KIND.get(span.get("kind", 0), "UNSPECIFIED"),
        "status": _STATUS[status.get("code", 0)],
        "status_message": status.get("message", ""),
        "start": int(span["startTimeUnixNano"]),
        "end": int(span["endTimeUnixNano"]),
        "attributes": _attributes(span),
        "events": [
            {"name": event["name"], "time": int(event["timeUnixNano"]), "attributes": _attributes(event)}
            for event in span.get("events", ())
        ],
        "links": [
            {"trace_id": link["traceId"], "span_id": link["spanId"], "attributes": _attributes(link)}
            for link in span.get("links", ())
        ],
        "resource": resource,
        "scope": scope,
    }


def _attributes(owner: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as a dictionary, without the remarks that Jaeger adds to what it stored."""
    return {
        item["key"]: _value(item.get("value", {}))
        for item in owner.get("attributes", ())
        if not item["key"].startswith("@jaeger@")
    }


def _value(any_value: Mapping[str, Any]) -> Any:
    for kind, value in any_value.items():
        if kind == "intValue":  # 64 bits, a string in JSON
            return int(value)
        if kind == "arrayValue":
            return [_value(item) for item in value.get("values", ())]
        if kind == "kvlistValue":
            return {item["key"]: _value(item["value"]) for item in value.get("values", ())}
        if kind == "bytesValue":
            return base64.b64decode(value)
        return value
    return None
