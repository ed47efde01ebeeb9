"""The limit: the same spans and histogram records, opened by hand at the same places, and nothing else.

Plain functions in the place of the methods, attributes that need no look at the host, no wrapper object, no facts, no
guard. Whoever instruments these places with OpenTelemetry cannot be faster.
"""

from __future__ import annotations

from inspect import iscoroutinefunction
from time import perf_counter
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.recording import Opened


def instrument(places: Mapping[str, tuple[Any, str]], templates: Sequence[Opened]) -> None:
    """Patch each place so that it does what the first span recorded there did."""
    tracer, meter = trace.get_tracer("limit"), metrics.get_meter("limit")
    first = {opened.operation: opened for opened in reversed(templates)}
    histograms = {name: meter.create_histogram(name) for opened in templates for name, _ in opened.records}
    for operation, opened in first.items():
        holder, name = places[operation]
        function = getattr(holder, name)
        by_hand = _async_by_hand if iscoroutinefunction(function) else _by_hand
        setattr(holder, name, by_hand(function, opened, tracer, histograms))


def _by_hand(
    function: Callable[..., Any], opened: Opened, tracer: trace.Tracer, histograms: dict[str, Any]
) -> Callable[..., Any]:
    name, kind = opened.name, trace.SpanKind[opened.kind]
    start, end = opened.start, opened.end
    records = [(histograms[metric], labels) for metric, labels in opened.records]

    def call(*args: Any, **kwargs: Any) -> Any:
        with tracer.start_as_current_span(
            name, kind=kind, attributes=start, record_exception=False, set_status_on_exception=False
        ) as span:
            began = perf_counter()
            result = function(*args, **kwargs)
            if end:
                span.set_attributes(end)
            seconds = perf_counter() - began
            for histogram, labels in records:
                histogram.record(seconds, labels)
        return result

    return call


def _async_by_hand(
    function: Callable[..., Any], opened: Opened, tracer: trace.Tracer, histograms: dict[str, Any]
) -> Callable[..., Any]:
    name, kind = opened.name, trace.SpanKind[opened.kind]
    start, end = opened.start, opened.end
    records = [(histograms[metric], labels) for metric, labels in opened.records]

    async def call(*args: Any, **kwargs: Any) -> Any:
        with tracer.start_as_current_span(
            name, kind=kind, attributes=start, record_exception=False, set_status_on_exception=False
        ) as span:
            began = perf_counter()
            result = await function(*args, **kwargs)
            if end:
                span.set_attributes(end)
            seconds = perf_counter() - began
            for histogram, labels in records:
                histogram.record(seconds, labels)
        return result

    return call
