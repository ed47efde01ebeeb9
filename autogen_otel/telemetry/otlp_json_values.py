"""The values of OTLP/JSON: identities, numbers, attributes.

The rules are those of the OTLP specification, section "JSON Protobuf Encoding": IDs are hex, 64-bit integers are
decimal strings, bytes are base64; what JSON has no number for (NaN, the infinities) is a string, as in proto3 JSON.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.guard import safe_text

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

Json = dict[str, Any]

# Deeper values become text: a log's body may contain itself.
_MAX_DEPTH: Final = 16
_MAX_INT64: Final = 2**63 - 1
_HAS_IS_REMOTE: Final = 0x100
_IS_REMOTE: Final = 0x200


def trace_id(number: int) -> str:
    """Return a trace ID as 32 hex digits."""
    return f"{number:032x}"


def span_id(number: int) -> str:
    """Return a span ID as 16 hex digits."""
    return f"{number:016x}"


def flags(trace_flags: int, remote: SpanContext | None) -> int:
    """Return the flags of a span or link: the W3C trace flags, and whether `remote` came from another process."""
    return int(trace_flags) | _HAS_IS_REMOTE | (_IS_REMOTE if remote is not None and remote.is_remote else 0)


def double(number: float) -> float | str:
    """Return a double; the three that JSON cannot write are `NaN`, `Infinity` and `-Infinity`."""
    if math.isfinite(number):
        return float(number)
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def any_value(value: Any, depth: int = 0) -> Json:
    """Return an OTLP AnyValue.

    What OTLP cannot hold becomes text: objects of other types, integers of more than 64 bits, values nested deeper than
    16 levels. None is the empty value.
    """
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        # `int()` first: the text of an IntEnum's member is its name on Python 3.10.
        number = int(value)
        return {"intValue" if -_MAX_INT64 - 1 <= number <= _MAX_INT64 else "stringValue": safe_text(number)}
    if isinstance(value, float):
        return {"doubleValue": double(value)}
    return {} if value is None else _compound(value, depth)


def attributes(mapping: Mapping[str, Any] | None, depth: int = 0) -> list[Json]:
    """Return attributes as a list of OTLP KeyValues."""
    if not mapping:
        return []
    # Copied at once: a log's body is the application's own dictionary, which another thread may be changing.
    pairs = list(mapping.items())
    return [
        {"key": key if isinstance(key, str) else safe_text(key), "value": any_value(value, depth)}
        for key, value in pairs
    ]


def some(**fields: Any) -> Json:
    """Return the fields that have something to say; proto3 JSON leaves out the default values."""
    return {name: value for name, value in fields.items() if value}


def _compound(value: Any, depth: int) -> Json:
    if isinstance(value, (bytes, bytearray)):
        return {"bytesValue": base64.b64encode(value).decode("ascii")}
    if depth < _MAX_DEPTH and isinstance(value, Mapping):
        return {"kvlistValue": {"values": attributes(value, depth + 1)}}
    if depth < _MAX_DEPTH and isinstance(value, Sequence):
        return {"arrayValue": {"values": [any_value(item, depth + 1) for item in value]}}
    return {"stringValue": safe_text(value)}
