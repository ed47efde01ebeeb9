"""Starting the spans of operations with a tracer, or in its place where it is known what that would do.

How OpenTelemetry's SDK makes a span is private to it. Where anything of that is not the code that is known here, the
tracer, its sampler or a method of its spans, the tracer makes the span.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace as api
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import sampling

from autogen_otel.telemetry.operation_spans import IS_ORIGINAL, OperationSpan
from autogen_otel.telemetry.sdk_version import IS_KNOWN, is_original
from autogen_otel.telemetry.span_attributes import attributes_of, kind_of, name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.sampling import Sampler

    from autogen_otel.core.facts import Operation

_SAMPLED: Final = api.TraceFlags.SAMPLED
_RANDOM: Final = getattr(api.TraceFlags, "RANDOM_TRACE_ID", 0)
# What a span takes over from the flags of a sampled one above it.
_KEPT_FLAGS: Final = {flags: api.TraceFlags(flags) for flags in (_SAMPLED, _SAMPLED | _RANDOM)}
_TAKEN: Final = sampling.Decision.RECORD_AND_SAMPLE
# In the place of this; whoever has replaced it wants it to be called.
_START_SPAN: Final = sdk.Tracer.start_span


def _takes(sampler: object, decision: sampling.Decision) -> bool:
    """Tell whether a sampler decides so on each span; one of the application's own may do anything."""
    return type(sampler) is sampling.StaticSampler and sampler._decision is decision


class OperationTracer:
    """Starts the spans of operations: with a tracer, or in its place where it is known what that would do.

    Args:
        tracer: The tracer.

    Attributes:
        tracer: The same.
        takes_none_below: Whether nothing is sampled below a span that is not.
    """

    def __init__(self, tracer: api.Tracer) -> None:
        self.tracer = tracer
        self._sampler: Sampler | None = getattr(tracer, "sampler", None)
        # It counts its spans if it is told to measure itself.
        counts = type(getattr(tracer, "_tracer_metrics", None)).__name__ not in {"NoneType", "NoOpTracerMetrics"}
        is_sdk = type(tracer) is sdk.Tracer and not counts
        self._sdk: Any = tracer if is_sdk and IS_KNOWN and IS_ORIGINAL and is_original(_START_SPAN, sdk) else None
        self._is_enabled: Callable[[], bool] = getattr(tracer, "_is_enabled", lambda: True)
        is_random = getattr(getattr(tracer, "id_generator", None), "is_trace_id_random", None)
        self._flags = api.TraceFlags(_SAMPLED | _RANDOM if is_random and is_random() else _SAMPLED)
        first = below = none_below = self._sampler
        if type(self._sampler) in {sampling.ParentBased, sampling.ParentBasedTraceIdRatio}:
            first = getattr(self._sampler, "_root", None)
            below = getattr(self._sampler, "_local_parent_sampled", None)
            none_below = getattr(self._sampler, "_local_parent_not_sampled", None)
        self._takes_first = _takes(first, _TAKEN)
        self._takes_all_below = _takes(below, _TAKEN)
        self.takes_none_below = is_sdk and (
            _takes(none_below, sampling.Decision.DROP) or type(none_below) is sampling.TraceIdRatioBased
        )

    def start_span(self, operation: Operation, above: api.SpanContext | None, inside: Context) -> api.Span:
        """Start the span of an operation.

        Args:
            operation: The operation.
            above: The IDs of the current span.
            inside: The context in which that is current.
        """
        known = self._sdk
        if known is not None and above is not None and self._does_as_known():
            if not above.is_valid:
                if self._takes_first:
                    return self._start(known, operation, None, inside)
            elif self._takes_all_below and above.trace_flags in _KEPT_FLAGS and not above.is_remote:
                return self._start(known, operation, above, inside)
        name, kind, attributes = name_of(operation), kind_of(operation), attributes_of(operation)
        return self.tracer.start_span(name, inside, kind, attributes, start_time=operation.started_ns)

    def _does_as_known(self) -> bool:
        known = self._sdk
        return (
            known.sampler is self._sampler
            and sdk.Tracer.start_span is _START_SPAN
            and "start_span" not in vars(known)
            and self._is_enabled()
        )

    def _start(
        self, tracer: sdk.Tracer, operation: Operation, parent: api.SpanContext | None, inside: Context
    ) -> OperationSpan:
        ids = tracer.id_generator
        if parent is None:
            trace_id, flags, state = ids.generate_trace_id(), self._flags, None
        else:
            trace_id, flags, state = parent.trace_id, _KEPT_FLAGS[parent.trace_flags], parent.trace_state
        context = api.SpanContext(trace_id, ids.generate_span_id(), False, flags, state)
        span = OperationSpan(tracer, operation, context, parent)
        tracer.span_processor.on_start(span, parent_context=inside)
        return span
