"""OTLP/JSON documents: what was recorded, grouped by resource and scope, and written as lines.

Each line is a whole export request, as the OTLP file exporter specification asks: the Collector's `otlp_json_file`
receiver, Jaeger's file upload and our own `diagnose` read them as they are.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from autogen_otel.telemetry.otlp_json_values import Json, attributes, some

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope


class Signal(NamedTuple):
    """What OTLP calls the parts of one signal's document."""

    name: str
    resources: str
    scopes: str
    items: str


TRACES: Final = Signal("traces", "resourceSpans", "scopeSpans", "spans")
LOGS: Final = Signal("logs", "resourceLogs", "scopeLogs", "logRecords")
METRICS: Final = Signal("metrics", "resourceMetrics", "scopeMetrics", "metrics")


class Item(NamedTuple):
    """An encoded span, log record or metric, and where it belongs."""

    resource: Resource
    scope: InstrumentationScope | None
    data: Json


def document(signal: Signal, items: Sequence[Item]) -> Json:
    """Return one OTLP export document.

    The items come before the resource that they belong to, which JSON allows. For the Collector two files with the same
    first 1000 bytes are one file, and a resource can be longer than that; a trace ID at the start tells them apart.
    """
    # Resources are told apart by identity: hashing one costs more than encoding it, and SDK 1.36 cannot hash bytes.
    resources: dict[int, tuple[Resource, dict[InstrumentationScope | None, list[Json]]]] = {}
    for resource, scope, data in items:
        resources.setdefault(id(resource), (resource, {}))[1].setdefault(scope, []).append(data)
    return {
        signal.resources: [
            {
                signal.scopes: [_scope(signal, scope, encoded) for scope, encoded in scopes.items()],
                "resource": some(attributes=attributes(resource.attributes)),
                **some(schemaUrl=resource.schema_url),
            }
            for resource, scopes in resources.values()
        ]
    }


def lines(signal: Signal, items: Sequence[Item], max_bytes: int) -> Iterator[bytes]:
    """Yield a batch as lines, in order.

    Args:
        signal: What the items are.
        items: The batch; nothing is yielded for an empty one.
        max_bytes: A longer line is split between items; only a single item may exceed it.
    """
    if not items:
        return
    line = _line(document(signal, items))
    if len(line) <= max_bytes or len(items) == 1:
        yield line
        return
    pieces = min(len(items), len(line) // max_bytes + 1)
    step = -(-len(items) // pieces)
    for start in range(0, len(items), step):
        yield from lines(signal, items[start : start + step], max_bytes)


def _scope(signal: Signal, scope: InstrumentationScope | None, encoded: list[Json]) -> Json:
    if scope is None:
        return {signal.items: encoded, "scope": {}}
    described = some(name=scope.name, version=scope.version, attributes=attributes(scope.attributes))
    return {signal.items: encoded, "scope": described, **some(schemaUrl=scope.schema_url)}


def _line(content: Json) -> bytes:
    """Return a document as one line of UTF-8; half a surrogate pair, which UTF-8 cannot write, becomes U+FFFD."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
