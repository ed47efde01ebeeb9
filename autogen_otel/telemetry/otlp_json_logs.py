"""Log records in OTLP/JSON (opentelemetry/proto/logs/v1/logs.proto)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.resources import Resource

from autogen_otel.telemetry.otlp_json import Item
from autogen_otel.telemetry.otlp_json_values import Json, any_value, attributes, some, span_id, trace_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.sdk._logs import ReadableLogRecord

_NO_RESOURCE: Final = Resource.get_empty()


def log_items(batch: Iterable[ReadableLogRecord]) -> list[Item]:
    """Return log records encoded."""
    return [Item(_known(item, "resource", _NO_RESOURCE), item.instrumentation_scope, _record(item)) for item in batch]


def _known(item: Any, name: str, otherwise: Any) -> Any:
    """Return what the exported item says; up to SDK 1.38 the record inside it, if it is the SDK's and not the API's."""
    return getattr(item, name, getattr(item.log_record, name, otherwise))


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
            droppedAttributesCount=_known(item, "dropped_attributes", 0),
            flags=int(record.trace_flags or 0),
            traceId=trace_id(record.trace_id) if record.trace_id else None,
            spanId=span_id(record.span_id) if record.span_id else None,
        ),
    }
