"""What log records tell of requests whose spans were sampled away, or have not arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autogen_otel.core import names
from autogen_otel.core.facts import Kind

if TYPE_CHECKING:
    from collections.abc import Container

    from autogen_otel.diagnosis.load_records import Json

# The events that `telemetry.logs` writes, and the operation that each tells of.
STARTS: Final = {
    names.REQUEST_STARTED: Kind.REQUEST,
    "model call started": Kind.MODEL,
    "tool call started": Kind.TOOL,
    "code started": Kind.CODE,
    "human asked": Kind.INPUT,
}
ENDS: Final = {
    names.REQUEST_FINISHED: Kind.REQUEST,
    "chat finished": Kind.WORKFLOW,
    "agent replied": Kind.AGENT,
    "model call finished": Kind.MODEL,
    "tool call finished": Kind.TOOL,
    "code finished": Kind.CODE,
    "human answered": Kind.INPUT,
    "speaker selected": Kind.SPEAKER,
}
EVENTS: Final = frozenset({*STARTS, *ENDS, names.FAULT_EVENT, names.CAUSE_EVENT})


class Line(NamedTuple):
    """A log record of a request.

    Attributes:
        event: One of `EVENTS`.
        time_ns: When, in nanoseconds since 1970.
        told: Its fields.
        resource: The number of its resource.
        trace_id: The trace that it names, as a number; 0 for none.
        span_id: The span that it names, as a number; 0 for none.
    """

    event: str
    time_ns: int
    told: Json
    resource: int
    trace_id: int
    span_id: int

    @property
    def request_id(self) -> str:
        """The request that it belongs to."""
        return str(self.told.get(names.LOG_REQUEST_ID, ""))

    def repeats(self, spans: Container[int], raised: Container[str]) -> bool:
        """Tell whether spans that are known tell all of it; of a fault leave out the stack that they tell."""
        if self.event == names.FAULT_EVENT:
            if self.told.get(names.LOG_FAULT_ID) in raised:
                self.told.pop(names.LOG_EXCEPTION, None)
            return False
        return self.span_id in spans


def line_of(event: str, time_ns: int, told: Json, resource: int) -> Line:
    """Return a log record.

    Raises:
        ValueError: It names a trace or a span by what is no hexadecimal number.
    """
    trace_id, span_id = _hex(told.pop(names.LOG_TRACE_ID, None)), _hex(told.pop(names.LOG_SPAN_ID, None))
    return Line(event, time_ns, told, resource, trace_id, span_id)


def _hex(value: Any) -> int:
    return int(value, 16) if isinstance(value, str) and value else 0
