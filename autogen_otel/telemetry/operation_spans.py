"""Spans of OpenTelemetry's SDK, made without the work that comes out the same for each of them.

`Tracer.start_span` and `Span.end` take 15 µs, and more between two calls of AutoGen: to ask a sampler whose answer is
known, to clean and count attributes that are clean and few, to make lists that stay empty and a copy for the
processors. An `OperationSpan` takes 4 µs, and whoever reads one finds what the SDK would have made: it makes that when
it is first read, mostly by an exporter in its own thread. No reader takes a lock, for the SDK's readers take none.
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
# How many each span has at most beside those of its operation: whose it is, what, and where it runs.
_OWN_ATTRIBUTES: Final = 8
# In the place of these; whoever has replaced one wants it to be called.
_END: Final = sdk.Span.end
_SET_ATTRIBUTES: Final = sdk.Span.set_attributes
IS_ORIGINAL: Final = is_original(_END, sdk) and is_original(_SET_ATTRIBUTES, sdk)


def _are_plain(attributes: Mapping[str, Any]) -> bool:
    """Tell whether the SDK would keep these values as they are; of a list it makes a tuple."""
    if _PLAIN.issuperset(map(type, attributes.values())):
        return True
    return all(
        _PLAIN.issuperset(map(type, value)) if type(value) is list else type(value) in _PLAIN
        for value in attributes.values()
    )


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
        self.operation = operation
        self._context = context
        self._parent = parent
        # A forked process has another one.
        self._resource = tracer.resource
        self._start_time = operation.started_ns
        self._end_time: int | None = None
        self._lock = Lock()
        # Who comes first is the first in it: its end, as a tuple of its last attributes, or attributes that were read.
        self._first: list[Any] = []
        if not self._is_plain(operation.attributes):
            self._first.append(self._bounded({}, immutable=False))

    @property
    def _attributes(self) -> Any:
        first = self._first
        if not first:
            first.append(self._bounded({}, immutable=False))
        found = first[0]
        if type(found) is not tuple:
            return found
        fields = vars(self)
        return fields.get("_final") or fields.setdefault(
            "_final", self._bounded(found[0], immutable=FREEZES_ENDED_SPANS)
        )

    @_attributes.setter
    def _attributes(self, attributes: Any) -> None:
        self._first = [attributes]

    @_Later
    def _events(self) -> Any:
        return self._new_events()  # type: ignore[no-untyped-call]

    @_Later
    def _kind(self) -> api.SpanKind:
        return kind_of(self.operation)

    @_Later
    def _links(self) -> Any:
        return self._new_links(())

    @_Later
    def _name(self) -> str:
        return name_of(self.operation)

    def get_span_context(self) -> api.SpanContext:
        """Return its IDs."""
        return self._context  # type: ignore[return-value]

    def finish(self, attributes: Mapping[str, Any], end_time: int) -> None:
        """Set the last attributes, which nobody changes any more, and end it, as `set_attributes` and `end` do.

        The processors get itself and no copy: it does not change any more.

        Args:
            attributes: The last ones.
            end_time: In nanoseconds since the epoch.
        """
        ended, is_first = (attributes,), False
        if self._is_plain(attributes, len(self.operation.attributes)) and self._has_own_methods():
            with self._lock:
                self._first.append(ended)
                is_first = self._first[0] is ended
                if is_first:
                    self._end_time = end_time
        if not is_first:
            if self.is_recording():
                self.set_attributes(attributes)
                self.end(end_time)
            return
        processor = self.tracer.span_processor
        if _HAS_ON_ENDING:
            processor._on_ending(self)
        processor.on_end(self)

    def _bounded(self, last: Mapping[str, Any], immutable: bool) -> sdk_attributes.BoundedAttributes:
        """Return the attributes as the SDK has them: what is set again goes to the end, what is too much is dropped."""
        limits = self._limits
        attributes = attributes_of(self.operation)
        for name in last:
            attributes.pop(name, None)
        return sdk_attributes.BoundedAttributes(
            limits.max_span_attributes,
            {**attributes, **last},
            immutable=immutable,
            max_value_len=limits.max_span_attribute_length,
        )

    def _is_plain(self, attributes: Mapping[str, Any], more: int = 0) -> bool:
        """Tell whether the SDK keeps all of these as they are, beside some more: it has nothing to warn of."""
        limits = self.tracer._span_limits
        most = limits.max_span_attributes
        return (
            limits.max_span_attribute_length is None
            and (most is None or len(attributes) + more + _OWN_ATTRIBUTES <= most)
            and _are_plain(attributes)
        )

    def _has_own_methods(self) -> bool:
        return (
            sdk.Span.end is _END
            and sdk.Span.set_attributes is _SET_ATTRIBUTES
            and getattr(self.end, "__func__", None) is _END
            and getattr(self.set_attributes, "__func__", None) is _SET_ATTRIBUTES
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copy.deepcopy(self._readable_span(), memo)
