"""Spans in OTLP/JSON (opentelemetry/proto/trace/v1/trace.proto)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.telemetry.otlp_json import Item
from autogen_otel.telemetry.otlp_json_values import Json, attributes, flags, some, span_id, trace_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import Link, SpanContext, Status


def span_items(spans: Iterable[ReadableSpan]) -> list[Item]:
    """Return spans encoded; one without a span context, which only a test can make, is left out."""
    return [
        Item(span.resource, span.instrumentation_scope, _span(span, context))
        for span in spans
        if (context := span.get_span_context()) is not None
    ]


def _span(span: ReadableSpan, context: SpanContext) -> Json:
    return {
        "traceId": trace_id(context.trace_id),
        "spanId": span_id(context.span_id),
        **some(parentSpanId=span_id(span.parent.span_id) if span.parent else None),
        "name": span.name,
        # The API counts from INTERNAL = 0, OTLP from UNSPECIFIED = 0.
        "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time or 0),
        "endTimeUnixNano": str(span.end_time or 0),
        **some(
            attributes=attributes(span.attributes),
            droppedAttributesCount=span.dropped_attributes,
            events=[_event(event) for event in span.events],
            droppedEventsCount=span.dropped_events,
            links=[_link(link) for link in span.links],
            droppedLinksCount=span.dropped_links,
            status=_status(span.status),
            traceState=context.trace_state.to_header(),
        ),
        "flags": flags(context.trace_flags, span.parent),
    }


def _event(event: Event) -> Json:
    return {
        "timeUnixNano": str(event.timestamp),
        "name": event.name,
        **some(attributes=attributes(event.attributes), droppedAttributesCount=event.dropped_attributes),
    }


def _link(link: Link) -> Json:
    return {
        "traceId": trace_id(link.context.trace_id),
        "spanId": span_id(link.context.span_id),
        **some(
            traceState=link.context.trace_state.to_header(),
            attributes=attributes(link.attributes),
            droppedAttributesCount=link.dropped_attributes,
        ),
        "flags": flags(link.context.trace_flags, link.context),
    }


def _status(status: Status) -> Json:
    return some(code=status.status_code.value, message=status.description)
