"""Spans of OpenTelemetry's SDK, made without the work that comes out the same for each of them.

`Tracer.start_span` and `Span.end` take 15 µs, and more between two calls of AutoGen: to ask a sampler whose answer is
known, to clean and count attributes before anybody reads them, to make a copy for the processors. An `OperationSpan`
takes 4 µs. Whoever reads one finds what the SDK would have made, limits included: it becomes that when it is first read
or written from outside, mostly by an exporter in its own thread.

How a span is made is private to the SDK. With a version of it that is not known here its tracer makes every span.
"""

from __future__ import annotations

import re
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Span, SpanProcessor, sampling
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.trace import SpanContext, Status, TraceFlags

from autogen_otel.telemetry.sdk_version import FREEZES_ENDED_SPANS, IS_KNOWN
from autogen_otel.telemetry.span_attributes import attributes_of, kind_of, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span as AnySpan
    from opentelemetry.trace import SpanKind, Tracer

    from autogen_otel.core.facts import Operation

# How OpenTelemetry's samplers describe themselves that take each new trace, all spans below one of this process that is
# taken, and none below one that is not.
_TAKES_FIRST: Final = re.compile(r"AlwaysOnSampler|ParentBased\{root:AlwaysOnSampler,.*\}")
_TAKES_ALL_BELOW: Final = re.compile(
    r"AlwaysOnSampler|ParentBased\{.*,localParentSampled:AlwaysOnSampler,localParentNotSampled:[^,]*\}"
)
_TAKES_NONE_BELOW: Final = re.compile(
    r"AlwaysOffSampler|TraceIdRatioBased\{.*\}|ParentBased\{.*,localParentNotSampled:AlwaysOffSampler\}"
)
_SAMPLED: Final = TraceFlags.SAMPLED
_TAKEN: Final = sampling.Decision.RECORD_AND_SAMPLE
_HAS_ON_ENDING: Final = hasattr(SpanProcessor, "_on_ending")


class _OfTracer:
    """A field that a span has from its tracer."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, span: OperationSpan, owner: type) -> Any:
        return getattr(span.tracer, self._name)


class _Later:
    """A field that is made when it is read, once."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, span: OperationSpan, owner: type) -> Any:
        with span._lock:  # noqa: SLF001 - this is a part of it
            fields = vars(span)
            if self._name not in fields:
                fields[self._name] = self._make(span)
            return fields[self._name]


class OperationSpan(Span):
    """The span of an operation.

    Args:
        tracer: The SDK's tracer in whose place it is made.
        operation: The operation.
        context: The span's IDs.
        parent: The IDs of the span above; None for the first of a trace.
        count_end: Counts its end, where the SDK measures itself.
    """

    _instrumentation_info: Any = _OfTracer("instrumentation_info")
    _instrumentation_scope: Any = _OfTracer("_instrumentation_scope")
    _limits: Any = _OfTracer("_span_limits")
    _sampler: Any = _OfTracer("sampler")
    _span_processor: Any = _OfTracer("span_processor")
    _record_exception = True
    _set_status_on_exception = True
    _status = Status()
    _trace_config = None

    def __init__(
        self,
        tracer: SdkTracer,
        operation: Operation,
        context: SpanContext,
        parent: SpanContext | None,
        count_end: Callable[[], None] | None,
    ) -> None:
        self.tracer = tracer
        self._operation = operation
        self._context = context
        self._parent = parent
        # A forked process has another one.
        self._resource = tracer.resource
        self._start_time = operation.started_ns
        self._end_time: int | None = None
        self._record_end_metrics = count_end
        # The SDK's methods hold it while they ask for what is made only then, under it.
        self._lock: Any = RLock()
        self._last: Mapping[str, Any] = {}
        self._cleaned: Any = None

    def get_span_context(self) -> SpanContext:
        """Return its IDs."""
        return self._context  # type: ignore[return-value]

    @property
    def _attributes(self) -> Any:
        with self._lock:
            if self._cleaned is None:
                limits = self._limits
                self._cleaned = BoundedAttributes(
                    limits.max_span_attributes,
                    {**attributes_of(self._operation), **self._last},
                    immutable=FREEZES_ENDED_SPANS and self._end_time is not None,
                    max_value_len=limits.max_span_attribute_length,
                )
            return self._cleaned

    @_attributes.setter
    def _attributes(self, attributes: Any) -> None:
        self._cleaned = attributes

    @_Later
    def _events(self) -> Any:
        return self._new_events()  # type: ignore[no-untyped-call]

    @_Later
    def _kind(self) -> SpanKind:
        return kind_of(self._operation)

    @_Later
    def _links(self) -> Any:
        return self._new_links(())

    @_Later
    def _name(self) -> str:
        return name_of(self._operation)

    def finish(self, attributes: Mapping[str, Any], end_time: int) -> None:
        """Set attributes that nobody changes any more, and end it.

        If nobody has read it yet, the processors get itself and no copy: from here on it does not change either.

        Args:
            attributes: The last ones.
            end_time: In nanoseconds since the epoch.
        """
        with self._lock:
            unread = self._cleaned is None and self._end_time is None
            if unread:
                self._last, self._end_time = attributes, end_time
        if not unread:
            if self.is_recording():
                self.set_attributes(attributes)
                self.end(end_time)
            return
        if self._record_end_metrics is not None:
            self._record_end_metrics()
        processor = self.tracer.span_processor
        if _HAS_ON_ENDING:
            processor._on_ending(self)  # noqa: SLF001 - a part of the SDK, as `Span.end` calls it
        processor.on_end(self)


class OperationTracer:
    """Starts the spans of operations: with a tracer, or in its place where it is known what that would do.

    Args:
        tracer: The tracer.

    Attributes:
        tracer: The same.
        takes_none_below: Whether nothing is sampled below a span that is not.
    """

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        sampler: Any = getattr(tracer, "sampler", None)
        # One of the application's own may describe itself as it likes.
        takes = sampler.get_description() if type(sampler).__module__ == sampling.__name__ else ""
        self.takes_none_below = _TAKES_NONE_BELOW.fullmatch(takes) is not None
        self._takes_all_below = _TAKES_ALL_BELOW.fullmatch(takes) is not None
        self._takes_first = _TAKES_FIRST.fullmatch(takes) is not None
        self._sdk = tracer if isinstance(tracer, SdkTracer) and IS_KNOWN else None
        # Not in all of these versions: tracers that are turned off, the SDK's metrics of itself, flags of new traces.
        self._is_enabled: Callable[[], bool] = getattr(tracer, "_is_enabled", lambda: True)
        metrics = getattr(tracer, "_tracer_metrics", None)
        self._count: Callable[..., Callable[[], None] | None] = metrics.start_span if metrics else lambda *_: None
        is_random = getattr(getattr(tracer, "id_generator", None), "is_trace_id_random", None)
        self._flags = TraceFlags(_SAMPLED | TraceFlags.RANDOM_TRACE_ID if is_random and is_random() else _SAMPLED)

    def start_span(self, operation: Operation, above: SpanContext, inside: Context) -> AnySpan:
        """Start the span of an operation.

        Args:
            operation: The operation.
            above: The IDs of the current span.
            inside: The context in which that is current.
        """
        sdk = self._sdk
        if sdk is not None and self._is_enabled():
            if not above.is_valid:
                if self._takes_first:
                    return self._start(sdk, operation, None, inside)
            elif self._takes_all_below and above.trace_flags & _SAMPLED and not above.is_remote:
                return self._start(sdk, operation, above, inside)
        name, kind, attributes = name_of(operation), kind_of(operation), attributes_of(operation)
        return self.tracer.start_span(name, inside, kind, attributes, start_time=operation.started_ns)

    def _start(
        self, sdk: SdkTracer, operation: Operation, parent: SpanContext | None, inside: Context
    ) -> OperationSpan:
        ids = sdk.id_generator
        if parent is None:
            trace_id, flags, state = ids.generate_trace_id(), self._flags, None
        else:
            trace_id, flags, state = parent.trace_id, parent.trace_flags, parent.trace_state
        context = SpanContext(trace_id, ids.generate_span_id(), False, flags, state)
        span = OperationSpan(sdk, operation, context, parent, self._count(parent, _TAKEN))
        sdk.span_processor.on_start(span, parent_context=inside)
        return span
