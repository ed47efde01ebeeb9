"""Spans of OpenTelemetry's SDK, made without the work that comes out the same for each of them.

`Tracer.start_span` and `Span.end` take 15 µs, and more between two calls of AutoGen: to ask a sampler whose answer is
known, to clean values that are clean, to make lists that stay empty and a copy for the processors. An `OperationSpan`
takes 6 µs, and whoever gets one finds what the SDK would have made.
"""

from __future__ import annotations

import copy
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import attributes as sdk_attributes
from opentelemetry import trace as api
from opentelemetry.sdk import trace as sdk

from autogen_otel.telemetry.sdk_version import FREEZES_ENDED_SPANS, is_original
from autogen_otel.telemetry.span_attributes import attributes_of, kind_of, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from autogen_otel.core.facts import Operation

_HAS_ON_ENDING: Final = hasattr(sdk.SpanProcessor, "_on_ending")
_PLAIN: Final = frozenset({str, int, float, bool})
# In the place of these; whoever has replaced one wants it to be called.
_END: Final = sdk.Span.end
_SET_ATTRIBUTES: Final = sdk.Span.set_attributes
IS_ORIGINAL: Final = is_original(_END, sdk) and is_original(_SET_ATTRIBUTES, sdk)


def _cleaned(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return attributes as the SDK keeps them; None where it would have to look at a value more closely."""
    if _PLAIN.issuperset(map(type, attributes.values())):
        return attributes
    clean = dict(attributes)
    for name, value in attributes.items():
        if type(value) is list and _PLAIN.issuperset(map(type, value)):
            clean[name] = tuple(value)
        elif type(value) not in _PLAIN:
            return None
    return clean


class _OfTracer:
    """A field that a span has from its tracer."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, span: OperationSpan | None, owner: type) -> Any:
        return self if span is None else getattr(span.tracer, self._name)


class _Later:
    """A field that is made when it is read, once. No lock: whoever comes second finds the first one's."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, span: OperationSpan | None, owner: type) -> Any:
        return self if span is None else vars(span).setdefault(self._name, self._make(span))


class OperationSpan(sdk.Span):
    """The span of an operation.

    Args:
        tracer: The SDK's tracer in whose place it is made.
        operation: The operation.
        context: The span's IDs.
        parent: The IDs of the span above; None for the first of a trace.
    """

    _instrumentation_info: Any = _OfTracer("instrumentation_info")
    _instrumentation_scope: Any = _OfTracer("_instrumentation_scope")
    _limits: Any = _OfTracer("_span_limits")
    _sampler: Any = _OfTracer("sampler")
    _span_processor: Any = _OfTracer("span_processor")
    _record_end_metrics = None
    _record_exception = True
    _set_status_on_exception = True
    _status = api.Status()
    _trace_config = None

    def __init__(
        self, tracer: sdk.Tracer, operation: Operation, context: api.SpanContext, parent: api.SpanContext | None
    ) -> None:
        self.tracer = tracer
        self._name = name_of(operation)
        self._context = context
        self._parent = parent
        self._kind = kind_of(operation)
        # A forked process has another one.
        self._resource = tracer.resource
        self._start_time = operation.started_ns
        self._end_time: int | None = None
        self._lock = Lock()
        self._attributes = self._bounded(attributes_of(operation))

    @_Later
    def _events(self) -> Any:
        return self._new_events()  # type: ignore[no-untyped-call]

    @_Later
    def _links(self) -> Any:
        return self._new_links(())

    def get_span_context(self) -> api.SpanContext:
        """Return its IDs."""
        return self._context  # type: ignore[return-value]

    def finish(self, attributes: Mapping[str, Any], end_time: int) -> None:
        """Set the last attributes and end it, as `set_attributes` and `end` do.

        The processors get itself and no copy: it does not change any more.

        Args:
            attributes: The last ones.
            end_time: In nanoseconds since the epoch.
        """
        with self._lock:
            if self._end_time is not None:
                return
            kept: Any = self._attributes
            clean = _cleaned(attributes) if self._is_plain(kept, len(attributes)) else None
            is_plain = clean is not None and clean.keys().isdisjoint(kept._dict)
            if clean is not None and is_plain:
                kept._dict.update(clean)
                self._end_time = end_time
                if FREEZES_ENDED_SPANS:
                    kept._immutable = True
        if not is_plain:
            self.set_attributes(attributes)
            self.end(end_time)
            return
        processor = self.tracer.span_processor
        if _HAS_ON_ENDING:
            processor._on_ending(self)
        processor.on_end(self)

    def _bounded(self, attributes: dict[str, Any]) -> sdk_attributes.BoundedAttributes:
        limits = self.tracer._span_limits
        most, longest = limits.max_span_attributes, limits.max_span_attribute_length
        clean = _cleaned(attributes) if longest is None and (most is None or len(attributes) <= most) else None
        if clean is None:
            return sdk_attributes.BoundedAttributes(most, attributes, immutable=False, max_value_len=longest)
        kept = sdk_attributes.BoundedAttributes(most, None, immutable=False)
        kept._dict.update(clean)
        return kept

    def _is_plain(self, kept: Any, more: int) -> bool:
        """Tell whether its attributes are the SDK's and within its limits, and its methods are its own."""
        return (
            type(kept) is sdk_attributes.BoundedAttributes
            and kept.max_value_len is None
            and (kept.maxlen is None or len(kept._dict) + more <= kept.maxlen)
            and sdk.Span.end is _END
            and sdk.Span.set_attributes is _SET_ATTRIBUTES
            and getattr(self.end, "__func__", None) is _END
            and getattr(self.set_attributes, "__func__", None) is _SET_ATTRIBUTES
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copy.deepcopy(self._readable_span(), memo)
