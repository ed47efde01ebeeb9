"""Which spans and histogram records one chat makes, so that the limit can make as many, and prove it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import Histogram
from opentelemetry.sdk.trace import SpanProcessor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span


@dataclass(slots=True)
class Opened:
    """A span and the measurements that were recorded while it was current.

    Attributes:
        name: The span's.
        kind: The span's, by name.
        start: The attributes given at the start.
        end: Those added later.
        records: Histogram and labels of each measurement.
    """

    name: str
    kind: str
    start: dict[str, Any]
    end: dict[str, Any] = field(default_factory=dict)
    records: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def operation(self) -> str:
        """The first word of the span's name tells the place, as the GenAI conventions want it."""
        return self.name.split()[0]

    @property
    def size(self) -> tuple[str, int, int, list[int]]:
        """What must be equal for two spans to cost the same."""
        return self.operation, len(self.start), len(self.end), sorted(len(labels) for _, labels in self.records)

    def as_json(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return asdict(self)


class _Watch(SpanProcessor):
    def __init__(self) -> None:
        self.opened: dict[int, Opened] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        opened = Opened(span.name, span.kind.name, dict(span.attributes or {}))
        self.opened[span.get_span_context().span_id] = opened

    def on_end(self, span: ReadableSpan) -> None:
        opened = self.opened[span.get_span_context().span_id]  # type: ignore[union-attr]
        opened.end = {key: value for key, value in (span.attributes or {}).items() if key not in opened.start}


@contextmanager
def recording() -> Iterator[list[Opened]]:
    """Yield a list that holds, afterwards, each span that was opened inside, in that order."""
    watch, record = _Watch(), Histogram.record
    found: list[Opened] = []

    def watched(histogram: Any, amount: float, attributes: Any = None, context: Any = None) -> None:
        opened = watch.opened.get(trace.get_current_span(context).get_span_context().span_id)
        if opened is not None:
            opened.records.append((histogram.name, dict(attributes or {})))
        record(histogram, amount, attributes, context)

    trace.get_tracer_provider().add_span_processor(watch)  # type: ignore[attr-defined]
    # Where it is not the SDK's own, ours too records each measurement by itself.
    Histogram.record = watched  # type: ignore[method-assign, assignment]
    try:
        yield found
        # Measurements may be recorded as late as when they are collected.
        metrics.get_meter_provider().force_flush()  # type: ignore[attr-defined]
    finally:
        Histogram.record = record  # type: ignore[method-assign]
        found.extend(watch.opened.values())
