"""What a sampler does not take costs no span, and what it does take below that is not lost."""

from __future__ import annotations

from contextvars import Context

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    StaticSampler,
    TraceIdRatioBased,
)

from autogen_otel.core.facts import Kind
from autogen_otel.operations.listeners import listeners
from autogen_otel.operations.opening import open_operation
from autogen_otel.telemetry.sdk_version import IS_KNOWN
from autogen_otel.telemetry.spans import Spans

TREE = ("request", "execute_tool lookup", "chat gpt")


class ToolsOnly(Sampler):
    """Takes the spans of tools, whatever is above them."""

    def should_sample(self, parent_context, trace_id, name, *more, **kwargs) -> SamplingResult:
        return SamplingResult(Decision.RECORD_AND_SAMPLE if "tool" in name else Decision.DROP)

    def get_description(self) -> str:
        return "ToolsOnly"


class Everything(Sampler):
    """Takes every span, and describes itself as OpenTelemetry's own sampler does that does the same."""

    def should_sample(self, *_, **__) -> SamplingResult:
        return SamplingResult(Decision.RECORD_AND_SAMPLE)

    def get_description(self) -> str:
        return ALWAYS_ON.get_description()


@pytest.fixture
def sampled(monkeypatch):
    """Run a request with a tool call and a model call in it under a sampler; who was asked, and what was exported."""

    def run(sampler: Sampler) -> tuple[tuple[str, ...], tuple[str, ...], set[int]]:
        asked, should_sample, exporter = [], sampler.should_sample, InMemorySpanExporter()

        def ask(parent_context, trace_id, name, *more, **kwargs) -> SamplingResult:
            asked.append(name)
            return should_sample(parent_context, trace_id, name, *more, **kwargs)

        monkeypatch.setattr(sampler, "should_sample", ask)
        provider = TracerProvider(sampler=sampler)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        spans = Spans(lambda: provider.get_tracer("test"))
        listeners.add(spans)
        traces, opened = set(), []
        for kind, name in ((Kind.REQUEST, "request"), (Kind.TOOL, "lookup"), (Kind.MODEL, "gpt")):
            opened.append(open_operation(kind, name))
            opened[-1].enter()
            traces.add(trace.get_current_span().get_span_context().trace_id)
        for operation in reversed(opened):
            operation.finish()
            operation.leave()
        listeners.remove(spans)
        assert trace.get_current_span() is trace.INVALID_SPAN
        return tuple(asked), tuple(sorted(span.name for span in exporter.get_finished_spans())), traces

    return run


@pytest.mark.parametrize(
    ("sampler", "asked", "exported"),
    [
        (ALWAYS_OFF, TREE[:1], ()),
        (DEFAULT_OFF, TREE[:1], ()),
        (TraceIdRatioBased(0.0), TREE[:1], ()),
        (ParentBased(ALWAYS_OFF), TREE[:1], ()),
        (ParentBased(ALWAYS_OFF, local_parent_not_sampled=ALWAYS_ON), TREE[:2], TREE[1:]),
        (ParentBased(TraceIdRatioBased(1.0)), TREE[:1], TREE),
        (ParentBased(ALWAYS_ON, local_parent_sampled=ALWAYS_OFF), TREE[1:2], TREE[:1]),
        (ToolsOnly(), TREE, TREE[1:2]),
        (Everything(), TREE, TREE),
        (ParentBased(Everything(), local_parent_sampled=Everything()), TREE, TREE),
        (StaticSampler(Decision.RECORD_ONLY), TREE, ()),
        (ALWAYS_ON, (), TREE),
        (DEFAULT_ON, (), TREE),
    ],
)
@pytest.mark.skipif(not IS_KNOWN, reason="this SDK makes every span itself")
def test_sampler_is_asked_where_its_answer_is_not_known(sampled, sampler, asked, exported):
    """A sampler of OpenTelemetry is asked only where it might take one span and not another; the trace is one."""
    was_asked, was_exported, traces = sampled(sampler)

    assert (was_asked, was_exported, len(traces)) == (asked, tuple(sorted(exported)), 1)


def test_unsampled_trace_stays_one_in_another_context():
    """An operation that is entered where its span is not current, as a generator is, has its own trace there."""
    spans = Spans(lambda: TracerProvider(sampler=ALWAYS_OFF).get_tracer("test"))
    listeners.add(spans)
    request = open_operation(Kind.REQUEST, "request")
    request.enter()
    tool = open_operation(Kind.TOOL, "lookup")

    def trace_inside() -> int:
        tool.enter()
        found = trace.get_current_span().get_span_context().trace_id
        tool.leave()
        return found

    inside, around = Context().run(trace_inside), trace.get_current_span().get_span_context().trace_id
    tool.finish()
    request.finish()
    request.leave()
    listeners.remove(spans)

    assert (inside, trace.get_current_span()) == (around, trace.INVALID_SPAN)


@pytest.mark.skipif(not IS_KNOWN, reason="this SDK makes every span itself")
def test_sampler_that_is_replaced():
    """The next span is the other one's affair."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(sampler=ALWAYS_ON)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    spans = Spans(lambda: tracer)
    listeners.add(spans)
    for sampler in (ALWAYS_ON, ToolsOnly(), ALWAYS_ON):
        tracer.sampler = sampler
        open_operation(Kind.REQUEST, "request").finish()
    listeners.remove(spans)

    assert len(exporter.get_finished_spans()) == 2
