"""Metrics in OTLP/JSON (opentelemetry/proto/metrics/v1/metrics.proto)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics.export import ExponentialHistogram, Gauge, Histogram, Metric, MetricsData, Sum

from autogen_otel.telemetry.otlp_json import Item
from autogen_otel.telemetry.otlp_json_values import Json, attributes, double, some, span_id, trace_id

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import Exemplar
    from opentelemetry.sdk.metrics.export import (
        Buckets,
        ExponentialHistogramDataPoint,
        HistogramDataPoint,
        NumberDataPoint,
    )

    Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint


def metric_items(data: MetricsData) -> list[Item]:
    """Return the metrics of one collection encoded."""
    return [
        Item(resource.resource, scope.scope, _metric(metric))
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ]


def _metric(metric: Metric) -> Json:
    return {"name": metric.name, **_data(metric), **some(unit=metric.unit, description=metric.description)}


def _data(metric: Metric) -> Json:
    data = metric.data
    if isinstance(data, Gauge):
        return {"gauge": {"dataPoints": [_number_point(point) for point in data.data_points]}}
    temporality = {"aggregationTemporality": data.aggregation_temporality.value}
    if isinstance(data, Sum):
        points = [_number_point(point) for point in data.data_points]
        return {"sum": {"dataPoints": points, **temporality, **some(isMonotonic=data.is_monotonic)}}
    if isinstance(data, Histogram):
        return {"histogram": {"dataPoints": [_histogram_point(point) for point in data.data_points], **temporality}}
    if isinstance(data, ExponentialHistogram):
        exponential = [_exponential_point(point) for point in data.data_points]
        return {"exponentialHistogram": {"dataPoints": exponential, **temporality}}
    return {}


def _number_point(point: NumberDataPoint) -> Json:
    return {**_times(point), **_number(point.value), **_labels(point)}


def _histogram_point(point: HistogramDataPoint) -> Json:
    return {
        **_times(point),
        **_summary(point),
        "bucketCounts": [str(count) for count in point.bucket_counts],
        "explicitBounds": [double(bound) for bound in point.explicit_bounds],
        **_labels(point),
    }


def _exponential_point(point: ExponentialHistogramDataPoint) -> Json:
    return {
        **_times(point),
        **_summary(point),
        "scale": point.scale,
        "zeroCount": str(point.zero_count),
        **some(positive=_buckets(point.positive), negative=_buckets(point.negative), flags=point.flags),
        **_labels(point),
    }


def _times(point: Point) -> Json:
    started = point.start_time_unix_nano
    return {**some(startTimeUnixNano=str(started) if started else None), "timeUnixNano": str(point.time_unix_nano)}


def _summary(point: HistogramDataPoint | ExponentialHistogramDataPoint) -> Json:
    summary: Json = {"count": str(point.count), "sum": double(point.sum)}
    # Where they are not recorded the SDK leaves the infinities it starts from: the least above the greatest.
    if point.min <= point.max:
        summary |= {"min": double(point.min), "max": double(point.max)}
    return summary


def _labels(point: Point) -> Json:
    return some(attributes=attributes(point.attributes), exemplars=[_exemplar(found) for found in point.exemplars])


def _exemplar(exemplar: Exemplar) -> Json:
    return {
        "timeUnixNano": str(exemplar.time_unix_nano),
        **_number(exemplar.value),
        **some(
            traceId=trace_id(exemplar.trace_id) if exemplar.trace_id else None,
            spanId=span_id(exemplar.span_id) if exemplar.span_id else None,
            filteredAttributes=attributes(exemplar.filtered_attributes),
        ),
    }


def _number(value: float) -> Json:
    return {"asInt": str(value)} if isinstance(value, int) else {"asDouble": double(value)}


def _buckets(buckets: Buckets) -> Json:
    if not buckets.bucket_counts:
        return {}
    return {"offset": buckets.offset, "bucketCounts": [str(count) for count in buckets.bucket_counts]}
