"""Measurements that are recorded together are in the metrics as if each had been recorded by itself."""

from __future__ import annotations

import inspect
import threading
from collections import deque

import pytest
from opentelemetry.context import Context
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import (
    DropAggregation,
    ExponentialBucketHistogramAggregation,
    LastValueAggregation,
    SumAggregation,
    View,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import INVALID_SPAN

from autogen_otel.telemetry import histograms
from autogen_otel.telemetry.histograms import record_all
from autogen_otel.telemetry.sdk_version import IS_KNOWN

LABELS = ({"agent": "a", "model": "m"}, {"agent": "b", "model": "m"}, {"agent": "b"}, {})
# Their sums are exact, in whichever order they are added up.
AMOUNTS = (0.0078125, 0.5, 12.0, 0, 700, 0.5)
DELTA = {Histogram: AggregationTemporality.DELTA}


def points_of(reader: InMemoryMetricReader) -> list[dict[str, object]]:
    """Return what is collected, without when."""
    data = reader.get_metrics_data()
    metrics = [metric for one in (data.resource_metrics if data else ()) for metric in one.scope_metrics[0].metrics]
    found = []
    for metric in metrics:
        for point in metric.data.data_points:
            fields = {name: getattr(point, name) for name in dir(point) if not name.startswith("_")}
            kept = {
                name: value
                for name, value in fields.items()
                if not callable(value) and name not in {"exemplars", "start_time_unix_nano", "time_unix_nano"}
            }
            found.append({"metric": metric.name, **kept, "attributes": sorted(kept["attributes"].items())})
    return sorted(found, key=str)


def together(histogram, labels, amounts) -> None:
    """Record them together."""
    measured = deque((amount, INVALID_SPAN, 1) for amount in amounts)
    record_all(histogram, labels, measured)
    assert not measured


def by_one(histogram, labels, amounts) -> None:
    """Record each by itself, as the SDK does."""
    for amount in amounts:
        histogram.record(amount, labels, Context())


def collected(record, *readers, **settings) -> list[list[dict[str, object]]]:
    """Record the same amounts under each of some labels, collect, and do so again."""
    meter = MeterProvider(readers, **settings).get_meter("test")
    many = [meter.create_histogram(name, explicit_bucket_boundaries_advisory=[0.01, 1, 10]) for name in ("one", "two")]
    found = []
    for _ in range(2):
        for histogram in many:
            for labels in LABELS:
                record(histogram, labels, AMOUNTS)
        found += [points_of(reader) for reader in readers]
    return found


@pytest.mark.parametrize(
    ("readers", "settings"),
    [
        ([{}], {}),
        ([{"preferred_temporality": DELTA}], {}),
        ([{}, {"preferred_temporality": DELTA}, {}], {}),
        ([{}], {"views": [View(instrument_name="one", attribute_keys={"model"})]}),
        (
            [{}],
            {"views": [View(instrument_name="one", attribute_keys=set()), View(instrument_name="one", name="more")]},
        ),
        ([{}], {"views": [View(instrument_name="one", aggregation=DropAggregation())]}),
        ([{}], {"views": [View(instrument_name="one", aggregation=SumAggregation())]}),
        ([{}], {"views": [View(instrument_name="one", aggregation=LastValueAggregation())]}),
        ([{}], {"views": [View(instrument_name="*", aggregation=ExponentialBucketHistogramAggregation())]}),
    ],
    ids=["plain", "delta", "readers", "fewer labels", "views", "dropped", "sum", "last value", "exponential"],
)
def test_metrics_are_those_of_single_records(readers, settings):
    """Counts, sums, buckets, smallest and largest: for each reader and view, at each time that is collected."""
    ours, theirs = (
        collected(record, *(InMemoryMetricReader(**reader) for reader in readers), **settings)
        for record in (together, by_one)
    )

    assert ours == theirs
    assert any(ours)


@pytest.mark.skipif(
    "cardinality_limits" not in inspect.signature(InMemoryMetricReader).parameters,
    reason="this SDK has no limit of series",
)
def test_more_series_than_the_sdk_keeps():
    """What is over the limit is in the series for the rest."""
    ours, theirs = (
        collected(record, InMemoryMetricReader(cardinality_limits={Histogram: 2})) for record in (together, by_one)
    )

    assert ours == theirs


def test_amounts_that_the_sdk_does_not_take():
    """It leaves out what is negative or no number; the others are counted."""
    found = []
    for record in (together, by_one):
        reader = InMemoryMetricReader()
        histogram = MeterProvider([reader]).get_meter("test").create_histogram("test")
        for _ in range(2):
            record(histogram, {}, [1.0, -1.0, 2.0])
        found.append(points_of(reader))

    assert found[0] == found[1]


def exemplars(amounts_and_samplers, **settings) -> list[tuple[float, int]]:
    """Return value and span of each exemplar that is kept, after recording in contexts of these samplers."""
    reader = InMemoryMetricReader()
    histogram = MeterProvider([reader], **settings).get_meter("test").create_histogram("test")
    spans = [TracerProvider(sampler).get_tracer("test").start_span("test") for _, sampler in amounts_and_samplers]
    measured = [
        (amount, span, number)
        for number, ((amount, _), span) in enumerate(zip(amounts_and_samplers, spans, strict=True))
    ]
    record_all(histogram, {}, deque(measured))
    numbers = {span.get_span_context().span_id: number for number, span in enumerate(spans)}
    (resource,) = reader.get_metrics_data().resource_metrics
    (point,) = resource.scope_metrics[0].metrics[0].data.data_points
    assert point.count == len(measured)
    # Its time is when it was measured.
    assert all(exemplar.time_unix_nano == numbers[exemplar.span_id] for exemplar in point.exemplars)
    return [(exemplar.value, numbers[exemplar.span_id]) for exemplar in point.exemplars]


@pytest.mark.skipif(not IS_KNOWN, reason="this SDK records each by itself")
def test_exemplar_is_the_slowest_call_of_a_sampled_trace():
    """That is what somebody looks for who sees a high percentile."""
    assert exemplars([(1.0, ALWAYS_ON), (30.0, ALWAYS_ON), (90.0, ALWAYS_OFF), (2.0, ALWAYS_ON)]) == [(30.0, 1)]


@pytest.mark.skipif(not IS_KNOWN, reason="this SDK records each by itself")
def test_exemplar_where_the_application_wants_one_of_any_trace():
    """Without a sampled one it is the slowest."""
    settings = {"exemplar_filter": AlwaysOnExemplarFilter()}
    assert exemplars([(1.0, ALWAYS_OFF), (30.0, ALWAYS_OFF)], **settings) == [(30.0, 1)]


def test_histogram_of_another_implementation():
    """One that is not the SDK's gets each measurement."""
    histogram = NoOpMeterProvider().get_meter("test").create_histogram("test")
    recorded = []
    histogram.record = lambda amount, labels, _: recorded.append((amount, labels))
    together(histogram, {"a": "b"}, [1.0, 2.0])

    assert recorded == [(1.0, {"a": "b"}), (2.0, {"a": "b"})]


@pytest.mark.parametrize("where", ["class", "object"])
def test_record_that_somebody_has_replaced(monkeypatch, where):
    """Who wants to see each record sees each."""
    recorded, record = [], Histogram.record
    histogram = MeterProvider().get_meter("test").create_histogram("test")

    def watched(*args) -> None:
        recorded.append(args[-3])
        record(histogram, *args[-3:])

    monkeypatch.setattr(Histogram if where == "class" else histogram, "record", watched)
    together(histogram, {"a": "b"}, [1.0, 2.0])

    assert recorded == [1.0, 2.0]


def test_unknown_sdk_records_each_by_itself(monkeypatch):
    """Nothing private is touched in a version that nobody has looked into."""
    monkeypatch.setattr(histograms, "_MAKES_THEM", False)
    monkeypatch.delattr(histograms, "_add_up")

    assert collected(together, InMemoryMetricReader()) == collected(by_one, InMemoryMetricReader())


@pytest.mark.parametrize("temporality", [{}, DELTA])
def test_none_is_lost_while_metrics_are_collected(temporality):
    """Two threads record all the time, and a third collects."""
    reader = InMemoryMetricReader(preferred_temporality=temporality)
    histogram = MeterProvider([reader]).get_meter("test").create_histogram("test")
    counted, ended = [], threading.Event()

    def record() -> None:
        for _ in range(300):
            together(histogram, {"agent": "a"}, [1.0] * 20)

    def collect() -> None:
        while not ended.is_set():
            counted.extend(point["count"] for point in points_of(reader))

    threads = [threading.Thread(target=record) for _ in range(2)]
    collector = threading.Thread(target=collect)
    collector.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended.set()
    collector.join()
    counted += [point["count"] for point in points_of(reader)]

    assert (sum(counted) if temporality else counted[-1]) == 2 * 300 * 20
