"""Measurements that wait: none is lost, none is counted twice, and never many wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import INVALID_SPAN, get_current_span

import autogen_otel
from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.forks import fork_gate
from autogen_otel.operations.opening import open_operation
from autogen_otel.telemetry import measurements as measurements_module
from autogen_otel.telemetry.measurements import MAX_WAITING, Measurements


def replies(number: int) -> None:
    """Let an agent reply so often."""
    for _ in range(number):
        open_operation(Kind.AGENT, "counted", agent="counted").finish()


def counted(recorder) -> int:
    """Return how often the agent's replies have been measured in this process."""
    return sum(
        point.count
        for point in recorder.points(names.AGENT_DURATION)
        if point.attributes.get(names.AGENT_NAME) == "counted"
    )


@pytest.mark.parametrize("number", [1, MAX_WAITING - 1, MAX_WAITING, 3 * MAX_WAITING + 1])
def test_whoever_collects_gets_all_of_them(recorder, number):
    """What waits is in the numbers when they are asked for, however much waits."""
    before = counted(recorder)
    replies(number)

    assert counted(recorder) - before == number


def test_none_is_lost_when_it_is_instrumented_again(recorder):
    """The application's MeterProvider, and what the SDK keeps of it, outlive `uninstrument()`."""
    before = counted(recorder)
    replies(3)
    autogen_otel.uninstrument()
    autogen_otel.instrument()
    replies(4)

    assert counted(recorder) - before == 7


def test_few_wait_where_nobody_collects():
    """Without any reader the measurements go on to the SDK, which drops them."""
    histogram = MeterProvider().get_meter("test").create_histogram("test")
    measurements = Measurements()
    waited = []
    for _ in range(5 * MAX_WAITING):
        measurements.add(histogram, {}, (1.0, get_current_span(), 1))
        waited.append(len(measurements))

    assert max(waited) == MAX_WAITING - 1


def test_requests_in_flight_are_a_metric(recorder):
    """The number of open requests of this process, whenever it is asked for."""
    open_operation(Kind.REQUEST, "request", request_id="first").finish()
    found = []
    with autogen_otel.request("r"):
        for _ in range(2):
            found.append(recorder.points(names.REQUESTS_IN_FLIGHT)[0].value)
            with autogen_otel.request("inner"):
                pass
    found.append(recorder.points(names.REQUESTS_IN_FLIGHT)[0].value)

    assert found == [1, 1, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forked_child_counts_its_own():
    """What waited when the process forked is recorded by the parent alone."""
    script = """
        import json, os
        from opentelemetry import metrics
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        reader = InMemoryMetricReader()
        metrics.set_meter_provider(MeterProvider([reader]))
        import autogen_otel
        from autogen_otel.core.facts import Kind
        from autogen_otel.operations.opening import open_operation

        def replies(number):
            for _ in range(number):
                open_operation(Kind.AGENT, "counted", agent="counted").finish()

        def count():
            (resource,) = reader.get_metrics_data().resource_metrics
            found = [one for scope in resource.scope_metrics for one in scope.metrics if "agent" in one.name]
            return sum(point.count for one in found for point in one.data.data_points)

        autogen_otel.instrument()
        replies(3)
        child = os.fork()
        replies(2 if child else 1)
        if child:
            os.waitpid(child, 0)
        print(json.dumps(["parent" if child else "child", count()]), flush=True)
        if not child:
            os._exit(0)
    """
    environ = {"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60, check=True
    )

    assert [json.loads(line) for line in done.stdout.splitlines()] == [["child", 1], ["parent", 5]]


def test_measurement_keeps_the_span_in_which_it_was_taken():
    """Its exemplar points to the span that was current then, not when it was recorded."""
    from opentelemetry.sdk.trace import TracerProvider

    reader = InMemoryMetricReader()
    histogram = MeterProvider([reader]).get_meter("test").create_histogram("test")
    measurements = Measurements()
    with TracerProvider().get_tracer("test").start_as_current_span("then") as span:
        measurements.add(histogram, {}, (1.0, get_current_span(), 1))
    measurements.record()

    (resource,) = reader.get_metrics_data().resource_metrics
    (point,) = resource.scope_metrics[0].metrics[0].data.data_points
    assert [one.span_id for one in point.exemplars] == [span.get_span_context().span_id]


def waiting_in(reader, number: int) -> Measurements:
    """Return measurements that wait, of two series."""
    meter = MeterProvider([reader]).get_meter("test")
    histograms, measurements = [meter.create_histogram(name) for name in ("one", "two")], Measurements()
    for index in range(number):
        measurements.add(histograms[index % 2], {}, (1.0, INVALID_SPAN, 1))
    return measurements


def counted_by(reader) -> int:
    """Return how many measurements have been recorded."""
    data = reader.get_metrics_data()
    metrics = [metric for one in data.resource_metrics for metric in one.scope_metrics[0].metrics] if data else []
    return sum(point.count for metric in metrics for point in metric.data.data_points)


@pytest.mark.parametrize("at", range(4))
def test_what_an_interruption_left_is_recorded_later(monkeypatch, at):
    """A KeyboardInterrupt or a worker's deadline comes in the middle; none is lost and none counts twice."""
    reader = InMemoryMetricReader()
    measurements, record, calls = waiting_in(reader, 12), measurements_module.record_all, []

    def interrupted(histogram, labels, measured) -> None:
        calls.append(histogram)
        if len(calls) == 1 + at // 2:
            if at % 2:
                record(histogram, labels, type(measured)([measured.popleft()]))
            raise KeyboardInterrupt
        record(histogram, labels, measured)

    monkeypatch.setattr(measurements_module, "record_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measurements.record()
    measurements.record()

    assert (counted_by(reader), len(measurements)) == (12, 0)


def test_finalizer_in_the_middle_of_recording(monkeypatch):
    """The collector may end any number of operations while measurements are recorded: they are recorded, too."""
    reader = InMemoryMetricReader()
    measurements, record, more = waiting_in(reader, 10), measurements_module.record_all, [300]
    histogram = MeterProvider([other := InMemoryMetricReader()]).get_meter("test").create_histogram("late")

    def record_and_collect(*args) -> None:
        while more and more[0]:
            more[0] -= 1
            measurements.add(histogram, {}, (1.0, INVALID_SPAN, 1))
        record(*args)

    monkeypatch.setattr(measurements_module, "record_all", record_and_collect)
    measurements.record()

    assert (counted_by(reader), counted_by(other), len(measurements)) == (10, 300, 0)


def test_after_the_last_nothing_waits():
    """An operation may end while, or after, the application takes the instrumentation away."""
    reader = InMemoryMetricReader()
    measurements = waiting_in(reader, 3)
    measurements.close()
    histogram = MeterProvider([late := InMemoryMetricReader()]).get_meter("test").create_histogram("late")
    measurements.add(histogram, {}, (1.0, INVALID_SPAN, 1))

    assert (counted_by(reader), counted_by(late)) == (3, 1)


def test_call_of_the_host_does_not_wait_for_who_records(monkeypatch):
    """Its measurement is recorded by whoever has the gate, or by the next call."""
    asked = []

    class Taken:
        def acquire(self, timeout: float) -> bool:
            asked.append(timeout)
            return False

    monkeypatch.setattr(measurements_module, "fork_gate", Taken())
    measurements = waiting_in(InMemoryMetricReader(), MAX_WAITING + 1)

    assert (asked, len(measurements)) == ([0, 0], MAX_WAITING + 1)


def test_collecting_does_not_wait_for_ever(monkeypatch):
    """Another thread may have the gate and wait for what the collecting one has: what waits is recorded next time."""
    reader = InMemoryMetricReader()
    measurements = waiting_in(reader, 3)
    monkeypatch.setattr(measurements_module, "_PATIENCE_S", 0.01)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with fork_gate:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    measurements.record()
    first = len(measurements)
    done.set()
    thread.join()
    measurements.record()

    assert (first, len(measurements), counted_by(reader)) == (3, 0, 3)
