"""Spans that are made in the place of the SDK's tracer are what that would have made, whatever is done to them."""

from __future__ import annotations

import copy
import inspect
import json
import logging
import threading
from contextlib import contextmanager, suppress

import pytest
import wrapt
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanLimits, SpanProcessor, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, Sampler, SamplingResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, set_span_in_context

from autogen_otel.core import names
from autogen_otel.core.facts import Kind, Operation
from autogen_otel.operations.listeners import listeners
from autogen_otel.operations.opening import open_operation
from autogen_otel.telemetry import operation_spans
from autogen_otel.telemetry.operation_spans import OperationSpan
from autogen_otel.telemetry.sdk_version import IS_KNOWN
from autogen_otel.telemetry.span_attributes import attributes_of
from autogen_otel.telemetry.spans import Spans


class Everything(Sampler):
    """Takes every span; that is not known of it, so that the SDK makes each of them."""

    def should_sample(self, parent_context, trace_id, name, kind=None, attributes=None, *_, **__) -> SamplingResult:
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)

    def get_description(self) -> str:
        return "Everything"


SAMPLERS = (ALWAYS_ON, Everything())


def nothing(span) -> None:
    """Do nothing with a span."""


@contextmanager
def running(kind: Kind, name: str, **more):
    """Run an operation; an exception inside fails it, and is not raised further."""
    operation = open_operation(kind, name, **more)
    operation.enter()
    try:
        yield operation
        operation.attributes.update({"known.later": "a long text", "numbers": [1.5, 2.5], "flag": True})
        operation.finish()
    except KeyError as error:
        operation.fail(error)
    finally:
        operation.leave()


def chat(touch=nothing, *, fails: bool = False) -> None:
    """Let a request call a model and a tool; in both of them the application's code does something with the span."""
    with running(Kind.REQUEST, "request", request_id="r-1"), running(Kind.WORKFLOW, "chat", attributes={"two": [1, 2]}):
        with running(Kind.MODEL, "gpt", agent="assistant"):
            touch(trace.get_current_span())
        with running(Kind.TOOL, "lookup", agent="assistant", tool="lookup"):
            touch(trace.get_current_span())
            if fails:
                raise KeyError("p9")


@contextmanager
def spans_of(sampler: Sampler, *processors: SpanProcessor, **settings):
    """Make spans with a provider of the application's, and nothing else."""
    provider = TracerProvider(sampler, Resource({"service.name": "test"}), **settings)
    for processor in processors:
        provider.add_span_processor(processor)
    spans = Spans(lambda: provider.get_tracer("autogen_otel"))
    listeners.add(spans)
    try:
        yield provider
    finally:
        listeners.remove(spans)


def exported(sampler: Sampler, run, **settings) -> list[dict[str, object]]:
    """Return what is exported of a run, without what is another each time."""
    exporter = InMemorySpanExporter()
    with spans_of(sampler, SimpleSpanProcessor(exporter), **settings):
        run()
    finished = exporter.get_finished_spans()
    numbers = {span.context.span_id: number for number, span in enumerate(finished)}
    found = []
    for span in finished:
        told = json.loads(span.to_json())
        del told["context"], told["start_time"], told["end_time"]
        told["attributes"].pop("autogen.fault.id", None)
        for event in told["events"]:
            del event["timestamp"]
            event["attributes"].pop("autogen.fault.id", None)
        told["parent_id"] = numbers[span.parent.span_id] if span.parent else None
        told["ids"] = (span.context.trace_id == finished[0].context.trace_id, span.context.trace_flags)
        told["lasted"] = span.end_time >= span.start_time > 10**18
        told["dropped"] = (span.dropped_attributes, span.dropped_events, span.dropped_links)
        told["scope"] = span.instrumentation_scope.name
        found.append(told)
    return found


def rename(span) -> None:
    span.update_name("renamed")


def describe(span) -> None:
    values = [1, 2]
    span.set_attribute("list", values)
    span.set_attributes({"text": "a text", "number": 1, "autogen.request.id": "mine"})
    values.append(3)


def add_events(span) -> None:
    for number in range(5):
        span.add_event("event", {"number": number, "text": "a text"})
    span.record_exception(ValueError("no"))


def link(span) -> None:
    span.add_link(SpanContext(1, 2, is_remote=True), {"text": "a text"})


def set_status(span) -> None:
    span.set_status(Status(StatusCode.ERROR, "bad"))
    span.set_status(StatusCode.OK)


def leave(span) -> None:
    with suppress(ValueError), span:
        raise ValueError("no")


def end(span) -> None:
    span.end()


def read(span) -> None:
    assert (bool(span.name), bool(span.attributes), span.is_recording()) == (True, True, True)


def read_and_end(span) -> None:
    read(span)
    end(span)


@pytest.mark.parametrize("fails", [False, True], ids=["answers", "fails"])
@pytest.mark.parametrize(
    "touch", [nothing, rename, describe, add_events, link, set_status, leave, end, read, read_and_end]
)
@pytest.mark.parametrize(
    "limits",
    [
        SpanLimits(),
        SpanLimits(max_span_attributes=4, max_events=2, max_links=0, max_event_attributes=1),
        SpanLimits(max_attribute_length=3, max_span_attribute_length=5),
    ],
    ids=["unlimited", "few", "short"],
)
def test_span_is_what_the_sdk_would_have_made(touch, limits, fails):
    """Name, kind, parent, attributes, events, links, status and what was dropped, after whatever the code does."""
    ours, theirs = (exported(sampler, lambda: chat(touch, fails=fails), span_limits=limits) for sampler in SAMPLERS)

    assert ours == theirs
    assert len(ours) == 4


@pytest.mark.parametrize("sampler", SAMPLERS, ids=["ours", "theirs"])
def test_ended_span_takes_nothing_more(sampler, caplog):
    """Whoever keeps a span and writes to it later is told so, as by the SDK."""
    kept = []
    exported(sampler, lambda: chat(kept.append))
    with caplog.at_level(logging.WARNING, "opentelemetry"):
        for span in kept:
            span.set_attribute("late", True)
            span.add_event("late")
            span.end()

    told = [(span.is_recording(), "late" in span.attributes, len(span.events)) for span in kept]
    assert told == [(False, False, 0)] * 2
    assert len(caplog.records) == 6


class Watch(SpanProcessor):
    """Notes what a processor is told; it may change each span as it starts."""

    def __init__(self, edit=nothing) -> None:
        self.told: list[object] = []
        self.kinds: set[type] = set()
        self._edit = edit

    def on_start(self, span, parent_context=None) -> None:
        self._edit(span)
        self.kinds.add(type(span))
        above = trace.get_current_span(parent_context).get_span_context().span_id
        self.told.append(("start", span.name, above == (span.parent.span_id if span.parent else 0)))

    def on_end(self, span) -> None:
        self.told.append(("end", span.name, dict(span.attributes)))


@pytest.mark.parametrize("edit", [nothing, read, lambda span: span.set_attribute("tenant", "t-1")])
def test_processors_are_told_the_same(edit):
    """Each start with the context around it, each end once, and what a processor adds at the start is kept."""
    watches = [Watch(edit) for _ in SAMPLERS]
    for sampler, watch in zip(SAMPLERS, watches, strict=True):
        with spans_of(sampler, watch):
            chat()
    ours, theirs = watches

    assert ours.told == theirs.told
    assert (OperationSpan in ours.kinds, OperationSpan in theirs.kinds) == (IS_KNOWN, False)


class Redact(SpanProcessor):
    """Changes a span that has ended, as far as the SDK lets it: in place, or by other attributes."""

    def __init__(self, in_place: bool) -> None:
        self._in_place = in_place

    def on_end(self, span) -> None:
        with suppress(TypeError):
            if self._in_place:
                span._attributes["autogen.request.id"] = "redacted"
            else:
                span._attributes = {**span.attributes, "autogen.request.id": "redacted"}


@pytest.mark.parametrize("in_place", [True, False])
def test_processor_that_changes_ended_spans(in_place):
    """What stands behind it gets the same as from the SDK."""
    found = []
    for sampler in SAMPLERS:
        exporter = InMemorySpanExporter()
        with spans_of(sampler, Redact(in_place), SimpleSpanProcessor(exporter)):
            chat()
        found.append([span.attributes["autogen.request.id"] for span in exporter.get_finished_spans()])

    ours, theirs = found
    assert ours == theirs


def test_attributes_of_each_span_are_counted():
    """As many as are reckoned with where attributes are limited, whatever an operation is and wherever it runs."""
    operation = Operation(
        1, Kind.TOOL, "lookup", None, "r-1", "assistant", "lookup", 1, 1, "MainThread", 1, 1, {"own": True}
    )

    assert len(attributes_of(operation)) - len(operation.attributes) == operation_spans._OWN_ATTRIBUTES


class Redacting(SpanProcessor):
    """Replaces the methods of each span as it starts."""

    def on_start(self, span, parent_context=None) -> None:
        set_attributes = span.set_attributes
        span.set_attributes = lambda attributes: set_attributes(dict.fromkeys(attributes, "redacted"))


def attributes_at_the_end(sampler: Sampler, *processors: SpanProcessor) -> list[object]:
    """Return an attribute that is known only at the end, of each span."""
    exporter = InMemorySpanExporter()
    with spans_of(sampler, *processors, SimpleSpanProcessor(exporter)):
        chat()
    return [span.attributes["known.later"] for span in exporter.get_finished_spans()]


def test_processor_that_replaces_the_methods_of_a_span():
    """It is asked for each attribute."""
    assert attributes_at_the_end(ALWAYS_ON, Redacting()) == ["redacted"] * 4


@pytest.mark.parametrize("name", ["set_attributes", "end"])
def test_method_of_all_spans_that_somebody_has_replaced(monkeypatch, name):
    """It is called for each span."""
    method, called = getattr(Span, name), []

    def watched(span, *args, **kwargs):
        called.append(span.name)
        return method(span, *args, **kwargs)

    monkeypatch.setattr(Span, name, watched)
    attributes_at_the_end(ALWAYS_ON)

    assert called == ["chat gpt", "execute_tool lookup", "invoke_workflow chat", "request"]


class OwnTracer(wrapt.ObjectProxy):
    """A tracer around the SDK's, as other instrumentations put one there."""

    def start_span(self, name, *args, **kwargs):
        return self.__wrapped__.start_span(f"own {name}", *args, **kwargs)


def names_by(tracer_of) -> list[str]:
    """Return the names of the spans that are made with a tracer of a provider."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(ALWAYS_ON)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = tracer_of(provider.get_tracer("autogen_otel"))
    spans = Spans(lambda: tracer)
    listeners.add(spans)
    chat()
    listeners.remove(spans)
    return [span.name.partition(" ")[0] for span in exporter.get_finished_spans()]


def test_tracer_around_the_sdks():
    """It starts each span."""
    assert names_by(OwnTracer) == ["own"] * 4


def test_tracer_with_a_method_of_somebodys(monkeypatch):
    """It starts each span, whether the method is replaced on the tracer or on all of them."""

    def replaced(tracer):
        tracer.start_span = lambda name, *args, **kwargs: Tracer.start_span(tracer, f"own {name}", *args, **kwargs)
        return tracer

    found = names_by(replaced)
    start_span = Tracer.start_span
    monkeypatch.setattr(Tracer, "start_span", lambda self, name, *a, **k: start_span(self, f"own {name}", *a, **k))

    assert (found, names_by(lambda tracer: tracer)) == (["own"] * 4, ["own"] * 4)


@pytest.mark.skipif(not hasattr(BoundedAttributes, "__deepcopy__"), reason="nobody can copy a span of this SDK")
def test_copy_of_a_span_that_has_ended():
    """A processor that redacts makes one."""
    copies = []

    class Copying(SpanProcessor):
        def on_end(self, span) -> None:
            copies.append(copy.deepcopy(span))

    with spans_of(ALWAYS_ON, Copying()):
        chat()

    assert [(span.name, span.attributes["known.later"]) for span in copies[:1]] == [("chat gpt", "a long text")]


def test_span_that_has_ended_does_not_change():
    """A thread that goes on with a tool's context may note whatever it likes: the tool has ended."""
    exporter = InMemorySpanExporter()
    with spans_of(ALWAYS_ON, SimpleSpanProcessor(exporter)):
        operation = open_operation(Kind.TOOL, "lookup")
        operation.use("conversation-1")
        operation.finish()
        operation.use("conversation-2")
        operation.stalled(1, 10**9)
    (span,) = exporter.get_finished_spans()

    assert span.attributes[names.CONVERSATIONS] == ("conversation-1",)
    assert names.LOOP_BLOCKED not in span.attributes


def test_each_new_trace_has_an_id_of_its_own():
    """Without a span around it a request is a trace."""
    exporter = InMemorySpanExporter()
    with spans_of(ALWAYS_ON, SimpleSpanProcessor(exporter)):
        for _ in range(3):
            chat()

    assert len({span.context.trace_id for span in exporter.get_finished_spans()}) == 3


@pytest.mark.parametrize(
    ("is_remote", "flags", "is_ours"), [(False, 1, True), (True, 1, False), (False, 0, False), (True, 0, False)]
)
def test_request_goes_on_with_the_trace_around_it(is_remote, flags, is_ours):
    """Below a span of another process, and below one that was not taken, its tracer decides."""
    around = NonRecordingSpan(SpanContext(7, 9, is_remote, TraceFlags(flags)))
    with spans_of(ALWAYS_ON):
        token = otel_context.attach(set_span_in_context(around))
        with running(Kind.REQUEST, "request"):
            span = trace.get_current_span()
        otel_context.detach(token)

    assert (span.get_span_context().trace_id, span.parent) == (7, around.get_span_context())
    assert isinstance(span, OperationSpan) == (is_ours and IS_KNOWN)


def test_threads_may_write_to_one_span():
    """What each of them says is on it."""
    exporter, together = InMemorySpanExporter(), threading.Barrier(8)

    def write(span, number: int) -> None:
        together.wait()
        for step in range(20):
            span.set_attribute(f"said.{number}.{step}", number)
            span.add_event("said")

    def touch(span) -> None:
        threads = [threading.Thread(target=write, args=(span, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    limits = SpanLimits(max_span_attributes=1000, max_events=1000)
    with spans_of(ALWAYS_ON, SimpleSpanProcessor(exporter), span_limits=limits):
        chat(touch)
    model = next(span for span in exporter.get_finished_spans() if span.name == "chat gpt")

    assert (sum(key.startswith("said.") for key in model.attributes), len(model.events)) == (160, 160)


@pytest.mark.skipif(not hasattr(TracerProvider, "_update_resource"), reason="this SDK has one resource for ever")
def test_resource_is_that_of_the_moment():
    """The SDK gives a forked process another one."""
    exporter = InMemorySpanExporter()
    with spans_of(ALWAYS_ON, SimpleSpanProcessor(exporter)) as provider:
        chat()
        provider._update_resource(Resource({"service.instance.id": "child"}))
        chat()

    found = [span.resource.attributes.get("service.instance.id") for span in exporter.get_finished_spans()]
    assert found == [None] * 4 + ["child"] * 4


@pytest.mark.skipif(not hasattr(TracerProvider, "_set_tracer_configurator"), reason="this SDK cannot turn tracers off")
def test_tracer_that_is_turned_off_makes_no_span():
    """As soon as it is turned off, and until it is turned on again."""
    from opentelemetry.sdk.trace import _default_tracer_configurator, _disable_tracer_configurator

    exporter, found = InMemorySpanExporter(), []
    with spans_of(ALWAYS_ON, SimpleSpanProcessor(exporter)) as provider:
        for configurator in (_default_tracer_configurator, _disable_tracer_configurator, _default_tracer_configurator):
            provider._set_tracer_configurator(tracer_configurator=configurator)
            exporter.clear()
            chat()
            found.append(len(exporter.get_finished_spans()))

    assert found == [4, 0, 4]


MEASURES_ITSELF = "meter_provider" in inspect.signature(TracerProvider).parameters


@pytest.mark.skipif(not MEASURES_ITSELF, reason="this SDK does not measure itself")
def test_sdk_counts_them_among_its_own(monkeypatch):
    """Where the SDK measures itself, it says the same of spans that are made in its place."""
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")

    def counted(sampler: Sampler) -> list[object]:
        reader, found = InMemoryMetricReader(), []

        def count(_) -> None:
            for one in reader.get_metrics_data().resource_metrics:
                for metric in one.scope_metrics[0].metrics:
                    if metric.name.startswith("otel.sdk.span."):
                        points = metric.data.data_points
                        found.append((metric.name, sorted((str(point.attributes), point.value) for point in points)))

        with spans_of(sampler, meter_provider=MeterProvider([reader])):
            chat(count)
            count(None)
        return found

    ours, theirs = map(counted, SAMPLERS)
    assert ours == theirs
    assert len(ours) == 6
