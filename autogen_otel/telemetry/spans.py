"""Operations become spans."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry.trace import (
    NonRecordingSpan,
    Status,
    StatusCode,
    format_span_id,
    get_current_span,
    set_span_in_context,
)

from autogen_otel.core import names
from autogen_otel.core.facts import Kind, Outcome
from autogen_otel.operations.current import spanless
from autogen_otel.operations.listeners import Listener
from autogen_otel.telemetry.operation_spans import OperationSpan
from autogen_otel.telemetry.operation_tracer import OperationTracer
from autogen_otel.telemetry.span_attributes import cause_attributes, fault_attributes, origin_attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanContext, Tracer

    from autogen_otel.core.causes import Evidence, Verdict
    from autogen_otel.core.facts import Fault, Finished, Operation, Settled

SCOPE: Final = "autogen_otel"
MAX_ORIGINS: Final = 256
MAX_KEPT: Final = 2_048
# To look up a member of an enum takes 60 ns in Python 3.11; these are asked for on every call of the host.
_MODEL: Final = Kind.MODEL
_OK: Final = Outcome.OK


class Spans(Listener):
    """Opens a span for each operation, keeps it current while the host's code runs, and ends it.

    Args:
        tracer: Asked at the start of each request, so that a TracerProvider which the application sets up late is used.
        traced_elsewhere: Tells that another instrumentation makes the span of this operation.
    """

    def __init__(
        self, tracer: Callable[[], Tracer], traced_elsewhere: Callable[[Operation], bool] = lambda _: False
    ) -> None:
        self._find_tracer = tracer
        self._tracer: OperationTracer | None = None
        self._traced_elsewhere = traced_elsewhere
        self._open: dict[int, Span] = {}
        self._spanless: set[int] = set()
        self._origins: OrderedDict[str, SpanContext] = OrderedDict()
        # Numbers only: there are many, and most of them are never cited.
        self._kept: OrderedDict[int, int] = OrderedDict()

    def context_of(self, operation_id: int) -> SpanContext | None:
        """Return trace and span ID of an operation that is open."""
        span = self._open.get(operation_id)
        return None if span is None else span.get_span_context()

    def has(self, operation: Operation) -> bool:
        """Tell whether an open operation is ours to measure; another instrumentation may trace and measure it."""
        return operation.id in self._open or operation.id in self._spanless

    def origin_of(self, fault: Fault) -> SpanContext | None:
        """Return trace and span ID of the place where a recent fault was raised, though it may have ended."""
        return self._origins.get(fault.id)

    def keep(self, operation: Operation) -> None:
        """Remember the span of an open operation beyond its end, for it may be cited as evidence."""
        span = self._open.get(operation.id) or self._open.get(operation.parent_id or 0)
        if span is None or operation.id in self._kept:
            return
        context = span.get_span_context()
        if context.trace_flags.sampled:
            self._kept[operation.id] = context.span_id
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)

    def cited(self, evidence: Iterable[Evidence]) -> list[str]:
        """Return evidence as texts that begin with the IDs of spans and faults; of spans those that are sampled."""
        texts: list[str] = []
        for one in evidence:
            span_id = self._kept.get(one.operation_id)
            if span_id is not None:
                texts.append(f"span:{format_span_id(span_id)} {one.says}")
            if one.fault_id:
                texts.append(f"fault:{one.fault_id} {one.says}")
        return texts

    def concluded(self, operation: Operation, verdict: Verdict) -> None:
        """Put the cause onto the request's span, where a search by tag finds it."""
        span = self._open.get(operation.id)
        if span is not None and span.is_recording():
            span.set_attributes(cause_attributes(verdict.findings[0], self.cited))

    def started(self, operation: Operation) -> None:
        """Start a span below the current one; where nothing is sampled, that of the operation above does."""
        if spanless.get():
            self._spanless.add(operation.id)
            return
        parent_id, tracer = operation.parent_id, self._tracer
        if parent_id is None or tracer is None:
            tracer = self._follow()
        elif operation.kind is _MODEL and self._traced_elsewhere(operation):
            return
        context = otel_context.get_current()
        above = get_current_span(context)
        if type(above) is NonRecordingSpan and tracer.takes_none_below and above is self._open.get(parent_id or 0):
            self._open[operation.id] = above
            return
        self._open[operation.id] = tracer.start_span(operation, above.get_span_context(), context)

    def faulted(self, operation: Operation, fault: Fault) -> None:
        """Put the exception event, with the stack, onto the span in which it was raised.

        Where another instrumentation makes that span, and has ended it by now, it is the span around it. One that is
        not ours has the exception already, and gets only what leads to the fault.
        """
        span = self._open.get(operation.id) or self._open.get(operation.parent_id or 0)
        current = get_current_span()
        foreign = operation.id in self._spanless and current is not span and current.is_recording()
        if foreign:
            span = current
        if span is None:
            return
        self._origins[fault.id] = span.get_span_context()
        if len(self._origins) > MAX_ORIGINS:
            self._origins.popitem(last=False)
        if not span.is_recording():
            return
        if foreign:
            span.set_attributes(fault_attributes(fault))
            return
        event: dict[str, Any] = {
            names.EXCEPTION_TYPE: fault.type,
            names.EXCEPTION_MESSAGE: fault.message,
            names.EXCEPTION_STACKTRACE: fault.stacktrace,
            names.FAULT_ID: fault.id,
        }
        span.add_event(names.EXCEPTION_EVENT, event, timestamp=fault.time_ns)
        span.set_attributes({**fault_attributes(fault), **fault.fields})

    def settled(self, fact: Settled) -> None:
        """Mark the span in which AutoGen answered on, though something below it had failed."""
        span = self._open.get(fact.operation.id)
        if fact.masked and span is not None:
            span.set_attributes({names.FAULT_MASKED: True, **fault_attributes(fact.fault)})

    def finished(self, end: Finished) -> None:
        """End the span."""
        span = self._open.pop(end.operation.id, None)
        if span is None:
            self._spanless.discard(end.operation.id)
            return
        if type(span) is OperationSpan and end.outcome is _OK:
            span.finish(end.attributes, end.ended_ns)
        elif span.is_recording():
            if end.attributes:
                span.set_attributes(end.attributes)
            if end.outcome is not _OK:
                self._mark(span, end)
            span.end(end.ended_ns)

    def enter(self, operation: Operation) -> tuple[Context, Context] | None:
        """Make the span current."""
        span = self._open.get(operation.id)
        if span is None:
            return None
        before = otel_context.get_current()
        if type(span) is NonRecordingSpan and get_current_span(before) is span:
            return None
        inside = set_span_in_context(span, before)
        otel_context.attach(inside)
        return inside, before

    def leave(self, token: tuple[Context, Context] | None) -> None:
        """Make the span before it current again.

        `detach` would log an error when a generator or a coroutine is closed in another context; setting the context
        that was there before does not, and where another one is current meanwhile nothing is touched.
        """
        if token is not None and otel_context.get_current() is token[0]:
            otel_context.attach(token[1])

    def _follow(self) -> OperationTracer:
        found = self._find_tracer()
        if self._tracer is None or self._tracer.tracer is not found:
            self._tracer = OperationTracer(found)
        return self._tracer

    @staticmethod
    def _mark(span: Span, end: Finished) -> None:
        attributes: dict[str, Any] = {names.OUTCOME: end.outcome.value}
        if end.error_type is not None:
            attributes[names.ERROR_TYPE] = end.error_type
        fault = end.fault
        if fault is not None:
            attributes.update(fault_attributes(fault))
            if end.operation.parent_id is None:
                attributes.update(origin_attributes(fault))
        span.set_attributes(attributes)
        if end.outcome is Outcome.ERROR:
            span.set_status(Status(StatusCode.ERROR, end.error_message or None))
