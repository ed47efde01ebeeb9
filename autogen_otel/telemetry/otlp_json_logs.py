"""Log records in OTLP/JSON (opentelemetry/proto/logs/v1/logs.proto)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_otel.telemetry.otlp_json import Item
from autogen_otel.telemetry.otlp_json_values import Json, any_value, attributes, some, span_id, trace_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.sdk._logs import ReadableLogRecord


def log_items(batch: Iterable[ReadableLogRecord]) -> list[Item]:
    """Return log records encoded."""
    return [Item(_owner(item).resource, item.instrumentation_scope, _record(item)) for item in batch]


def _owner(item: Any) -> Any:
    """Return what knows resource and dropped attributes: the exported item, up to SDK 1.38 the record inside it."""
    return item if hasattr(item, "resource") else item.log_record


def _record(item: ReadableLogRecord) -> Json:
    record = item.log_record
    severity = record.severity_number
    return {
        **some(timeUnixNano=str(record.timestamp) if record.timestamp else None),
        "observedTimeUnixNano": str(record.observed_timestamp or 0),
        **some(
            severityNumber=severity.value if severity else 0,
            severityText=record.severity_text,
            eventName=record.event_name,
            body=any_value(record.body),
            attributes=attributes(record.attributes),
            droppedAttributesCount=_owner(item).dropped_attributes,
            flags=int(record.trace_flags or 0),
            traceId=trace_id(record.trace_id) if record.trace_id else None,
            spanId=span_id(record.span_id) if record.span_id else None,
        ),
    }
