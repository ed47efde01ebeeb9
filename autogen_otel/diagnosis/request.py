"""One request as it is stored: its tree and its log records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.diagnosis.load import StoredLog, StoredSpan

if TYPE_CHECKING:
    from autogen_otel.diagnosis.tree import Node

# The instrumentation scope of our own spans, and the log events that tell when a request began and ended.
SCOPE: Final = "autogen_otel"
STARTED: Final = names.REQUEST_STARTED
FINISHED: Final = names.REQUEST_FINISHED
FAULT: Final = names.FAULT_EVENT
# The status of a span that failed, as OTLP counts.
ERROR_STATUS: Final = 2


@dataclass(frozen=True, slots=True)
class Request:
    """All that is stored of one request. A client that tries again with the same ID makes another one.

    Attributes:
        request_id: As the application or its client gave it.
        trace_id: Empty when only log lines without a trace are stored.
        root_span_id: The span of the request itself, whether it is stored or only named; empty when it is unknown.
        nodes: Its tree, the request's own span first if it is stored.
        logs: Its log records, by time.
    """

    request_id: str
    trace_id: str
    root_span_id: str
    nodes: tuple[Node, ...]
    logs: tuple[StoredLog, ...]

    @property
    def root(self) -> StoredSpan | None:
        """The span of the request itself; None if it never arrived."""
        first = self.nodes[0].span if self.nodes else None
        return first if first is not None and first.span_id == self.root_span_id else None

    def event(self, name: str) -> StoredLog | None:
        """Return the log record of an event that a request has once."""
        return next((log for log in self.logs if log.body == name), None)

    @property
    def started_ns(self) -> int:
        """When it started; if nothing tells that, when it was first seen."""
        return self.root.start_ns if self.root else self._times()[0]

    @property
    def last_ns(self) -> int:
        """When something of it was seen last."""
        return self._times()[-1]

    def unfinished(self) -> tuple[StoredLog, ...]:
        """Return the log records of calls that have begun and whose span never arrived."""
        arrived = {node.span.span_id for node in self.nodes}
        return tuple(
            log
            for log in self.logs
            if str(log.body).endswith(" started") and log.body != STARTED and log.span_id not in arrived
        )

    def _times(self) -> list[int]:
        times = [log.time_ns for log in self.logs]
        times += [time for node in self.nodes for time in (node.span.start_ns, node.span.end_ns)]
        return sorted(times)


def request_id_of(record: StoredSpan | StoredLog) -> str | None:
    """Return the ID of the request that a record belongs to."""
    key = names.REQUEST_ID if isinstance(record, StoredSpan) else names.LOG_REQUEST_ID
    found = record.attributes.get(key)
    return None if found is None else str(found)


def text_in(record: StoredSpan | StoredLog, key: str) -> str:
    """Return an attribute that is a text; empty when it is not there or no text."""
    found: Any = record.attributes.get(key)
    return found if isinstance(found, str) else ""
