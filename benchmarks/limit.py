"""The limit: the same spans and histogram records, opened by hand at the same places, and nothing else.

Plain functions in the place of the methods, attributes that need no look at the host, no wrapper object, no facts, no
guard. Whoever instruments these places with OpenTelemetry cannot be faster.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from autogen.agentchat.conversable_agent import ConversableAgent
from autogen.oai.client import OpenAIClient
from opentelemetry import metrics, trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.recording import Opened

_PLACES: dict[str, tuple[type, str]] = {
    "invoke_workflow": (ConversableAgent, "initiate_chat"),
    "invoke_agent": (ConversableAgent, "generate_reply"),
    "chat": (OpenAIClient, "create"),
    "execute_tool": (ConversableAgent, "execute_function"),
}


def instrument(templates: Sequence[Opened]) -> None:
    """Patch each place so that it does what the first span recorded there did."""
    tracer, meter = trace.get_tracer("limit"), metrics.get_meter("limit")
    first = {opened.operation: opened for opened in reversed(templates)}
    histograms = {name: meter.create_histogram(name) for opened in templates for name, _ in opened.records}
    for operation, opened in first.items():
        holder, method = _PLACES[operation]
        setattr(holder, method, _by_hand(getattr(holder, method), opened, tracer, histograms))


def _by_hand(
    method: Callable[..., Any], opened: Opened, tracer: trace.Tracer, histograms: dict[str, Any]
) -> Callable[..., Any]:
    name, kind = opened.name, trace.SpanKind[opened.kind]
    start, end = opened.start, opened.end
    records = [(histograms[metric], labels) for metric, labels in opened.records]

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with tracer.start_as_current_span(
            name, kind=kind, attributes=start, record_exception=False, set_status_on_exception=False
        ) as span:
            began = perf_counter()
            result = method(self, *args, **kwargs)
            if end:
                span.set_attributes(end)
            seconds = perf_counter() - began
            for histogram, labels in records:
                histogram.record(seconds, labels)
        return result

    return call
