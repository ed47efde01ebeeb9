"""What is written for spans, log records and metrics, compared with the OTLP/JSON encoding of the specification."""

import json
import math
from enum import IntEnum

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk import _logs as sdk_logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from autogen_otel.telemetry.otlp_json import LOGS, METRICS, TRACES, document, lines
from autogen_otel.telemetry.otlp_json_logs import log_items
from autogen_otel.telemetry.otlp_json_metrics import metric_items
from autogen_otel.telemetry.otlp_json_spans import span_items
from autogen_otel.telemetry.otlp_json_values import any_value, double

RESOURCE = Resource({"service.name": "chat"}, schema_url="https://r")
SCOPE = InstrumentationScope("autogen_otel", "0.1", schema_url="https://s", attributes={"a": 1})
ENCODED_RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "chat"}}]}
ENCODED_SCOPE = {
    "name": "autogen_otel",
    "version": "0.1",
    "attributes": [{"key": "a", "value": {"intValue": "1"}}],
}


def context(span_id, *, remote=False, **settings):
    """Return a span context in trace 0xabc."""
    return SpanContext(0xABC, span_id, is_remote=remote, trace_flags=TraceFlags(1), **settings)


def span(number=1, *, resource=RESOURCE, scope=SCOPE, **settings):
    """Return a span that ran from 10 to 20 ns."""
    settings = {"name": "s", "start_time": 10, "end_time": 20, **settings}
    return ReadableSpan(context=context(number), resource=resource, instrumentation_scope=scope, **settings)


def emitted(**fields):
    """Return what an exporter of the SDK in use gets for a log record with these fields."""
    batch = []
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(Catcher(batch))
    logger = provider.get_logger("autogen_otel", "0.1", "https://s", {"a": 1})
    if hasattr(sdk_logs, "LogRecord"):  # SDK 1.36 to 1.38
        logger.emit(sdk_logs.LogRecord(resource=RESOURCE, **fields))
    else:
        logger.emit(**fields)
    return batch


class Catcher(sdk_logs.LogRecordProcessor):
    """Keeps what is emitted."""

    def __init__(self, batch):
        self.on_emit = batch.append

    def on_emit(self, log_record):
        """Replaced above; the interface asks for it."""

    def shutdown(self):
        """Do nothing."""

    def force_flush(self, timeout_millis=0):
        """Have nothing to flush."""
        return True


class Level(IntEnum):
    HIGH = 3


class Unprintable:
    def __str__(self):
        raise RuntimeError("no")


class TestSpans:
    def test_a_span_with_every_field_is_written_as_the_specification_says(self):
        """IDs are hex, times are strings, the kind is OTLP's number, and nothing of the span is missing."""
        full = ReadableSpan(
            name="execute_tool lookup",
            context=context(1, trace_state=TraceState([("vendor", "x")])),
            parent=context(2, remote=True),
            resource=RESOURCE,
            attributes={"gen_ai.tool.name": "lookup", "n": 2, "ok": True, "s": 0.5, "tags": ("a", "b")},
            events=[Event("exception", {"exception.type": "KeyError"}, timestamp=15)],
            links=[Link(context(3, remote=True, trace_state=TraceState([("k", "v")])), {"why": "retry"})],
            kind=SpanKind.CLIENT,
            instrumentation_scope=SCOPE,
            status=Status(StatusCode.ERROR, "boom"),
            start_time=2**60,
            end_time=2**60 + 1,
        )

        assert document(TRACES, span_items([full])) == {
            "resourceSpans": [
                {
                    "resource": ENCODED_RESOURCE,
                    "schemaUrl": "https://r",
                    "scopeSpans": [
                        {
                            "scope": ENCODED_SCOPE,
                            "schemaUrl": "https://s",
                            "spans": [
                                {
                                    "traceId": "00000000000000000000000000000abc",
                                    "spanId": "0000000000000001",
                                    "parentSpanId": "0000000000000002",
                                    "traceState": "vendor=x",
                                    "flags": 0x301,
                                    "name": "execute_tool lookup",
                                    "kind": 3,
                                    "startTimeUnixNano": "1152921504606846976",
                                    "endTimeUnixNano": "1152921504606846977",
                                    "attributes": [
                                        {"key": "gen_ai.tool.name", "value": {"stringValue": "lookup"}},
                                        {"key": "n", "value": {"intValue": "2"}},
                                        {"key": "ok", "value": {"boolValue": True}},
                                        {"key": "s", "value": {"doubleValue": 0.5}},
                                        {
                                            "key": "tags",
                                            "value": {
                                                "arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": "b"}]}
                                            },
                                        },
                                    ],
                                    "events": [
                                        {
                                            "timeUnixNano": "15",
                                            "name": "exception",
                                            "attributes": [
                                                {"key": "exception.type", "value": {"stringValue": "KeyError"}}
                                            ],
                                        }
                                    ],
                                    "links": [
                                        {
                                            "traceId": "00000000000000000000000000000abc",
                                            "spanId": "0000000000000003",
                                            "traceState": "k=v",
                                            "flags": 0x301,
                                            "attributes": [{"key": "why", "value": {"stringValue": "retry"}}],
                                        }
                                    ],
                                    "status": {"code": 2, "message": "boom"},
                                }
                            ],
                        }
                    ],
                }
            ]
        }

    def test_a_bare_span_has_no_empty_fields(self):
        """What has the default value is left out, as in proto3 JSON."""
        bare = document(TRACES, span_items([span(resource=Resource({}), scope=None)]))

        assert bare["resourceSpans"] == [
            {
                "resource": {},
                "scopeSpans": [
                    {
                        "scope": {},
                        "spans": [
                            {
                                "traceId": "00000000000000000000000000000abc",
                                "spanId": "0000000000000001",
                                "flags": 0x101,
                                "name": "s",
                                "kind": 1,
                                "startTimeUnixNano": "10",
                                "endTimeUnixNano": "20",
                            }
                        ],
                    }
                ],
            }
        ]

    def test_spans_are_grouped_by_resource_and_scope(self):
        """A resource is written once for all its scopes, and a scope once for all its spans."""
        other, scope = Resource({}), InstrumentationScope("httpx")
        batch = [span(1), span(2, resource=other), span(3, scope=scope), span(4)]

        assert [
            [[found["spanId"][-1] for found in group["spans"]] for group in part["scopeSpans"]]
            for part in document(TRACES, span_items(batch))["resourceSpans"]
        ] == [[["1", "4"], ["3"]], [["2"]]]

    def test_what_was_dropped_is_counted(self):
        """What the limits of the SDK left out of a span, an event and a link is counted."""
        limits = SpanLimits(
            max_span_attributes=1,
            max_events=1,
            max_links=1,
            max_event_attributes=1,
            max_link_attributes=1,
        )
        tracer = TracerProvider(span_limits=limits, shutdown_on_exit=False).get_tracer("t")
        links = [Link(context(number), {"a": 1, "b": 2}) for number in (3, 4)]
        full = tracer.start_span("s", attributes={"a": 1, "b": 2}, links=links)
        full.add_event("e", {"a": 1, "b": 2})
        full.add_event("e", {"a": 1, "b": 2})
        full.end()
        (item,) = span_items([full])
        parts = (item.data, item.data["events"][0], item.data["links"][0])

        assert [{key: n for key, n in part.items() if key.startswith("dropped")} for part in parts] == [
            {"droppedAttributesCount": 1, "droppedEventsCount": 1, "droppedLinksCount": 1},
            {"droppedAttributesCount": 1},
            {"droppedAttributesCount": 1},
        ]


class TestLogs:
    def test_a_log_record_with_every_field_is_written_as_the_specification_says(self):
        """Severity is OTLP's number, the body keeps its shape, and the record names its span."""
        batch = emitted(
            timestamp=10,
            observed_timestamp=11,
            severity_number=SeverityNumber.ERROR,
            severity_text="error",
            body={"event": "tool failed", "tries": [1, None]},
            attributes={"request_id": "req-3"},
            event_name="autogen.fault",
            context=set_span_in_context(NonRecordingSpan(context(1)), Context()),
        )

        assert document(LOGS, log_items(batch)) == {
            "resourceLogs": [
                {
                    "resource": ENCODED_RESOURCE,
                    "schemaUrl": "https://r",
                    "scopeLogs": [
                        {
                            "scope": ENCODED_SCOPE,
                            "schemaUrl": "https://s",
                            "logRecords": [
                                {
                                    "timeUnixNano": "10",
                                    "observedTimeUnixNano": "11",
                                    "severityNumber": 17,
                                    "severityText": "error",
                                    "eventName": "autogen.fault",
                                    "body": {
                                        "kvlistValue": {
                                            "values": [
                                                {"key": "event", "value": {"stringValue": "tool failed"}},
                                                {
                                                    "key": "tries",
                                                    "value": {"arrayValue": {"values": [{"intValue": "1"}, {}]}},
                                                },
                                            ]
                                        }
                                    },
                                    "attributes": [{"key": "request_id", "value": {"stringValue": "req-3"}}],
                                    "flags": 1,
                                    "traceId": "00000000000000000000000000000abc",
                                    "spanId": "0000000000000001",
                                }
                            ],
                        }
                    ],
                }
            ]
        }

    def test_a_record_outside_a_span_has_no_ids(self):
        """A log record without time, severity, body and span says only when it was observed."""
        (item,) = log_items(emitted(observed_timestamp=11, context=Context()))

        assert item.data == {"observedTimeUnixNano": "11"}


CUMULATIVE = AggregationTemporality.CUMULATIVE
EXEMPLAR = Exemplar({"a": "b"}, 0.5, 19, span_id=1, trace_id=0xABC)
ENCODED_EXEMPLAR = {
    "timeUnixNano": "19",
    "asDouble": 0.5,
    "traceId": "00000000000000000000000000000abc",
    "spanId": "0000000000000001",
    "filteredAttributes": [{"key": "a", "value": {"stringValue": "b"}}],
}
LABELS = [{"key": "k", "value": {"stringValue": "v"}}]
TIMES = {"startTimeUnixNano": "10", "timeUnixNano": "20"}


def histogram_point(low, high):
    """Return a histogram point with these least and greatest values."""
    return HistogramDataPoint({"k": "v"}, 10, 20, 3, 1.5, [1, 2], [0.5], low, high, [EXEMPLAR])


def exponential_point():
    """Return a point of an exponential histogram with nothing below zero."""
    positive, negative = Buckets(-1, [1, 2]), Buckets(0, [])
    return ExponentialHistogramDataPoint({"k": "v"}, 10, 20, 3, 2, 5, 0, positive, negative, 1, 0.5, 1.0)


class TestMetrics:
    @pytest.mark.parametrize(
        ("data", "encoded"),
        [
            (
                Sum([NumberDataPoint({"k": "v"}, 10, 20, 2**60, [EXEMPLAR])], CUMULATIVE, is_monotonic=True),
                {
                    "sum": {
                        "dataPoints": [
                            {**TIMES, "asInt": str(2**60), "attributes": LABELS, "exemplars": [ENCODED_EXEMPLAR]}
                        ],
                        "aggregationTemporality": 2,
                        "isMonotonic": True,
                    }
                },
            ),
            (
                Gauge([NumberDataPoint({}, None, 20, math.nan, [Exemplar({}, 1, 19)])]),
                {
                    "gauge": {
                        "dataPoints": [
                            {
                                "timeUnixNano": "20",
                                "asDouble": "NaN",
                                "exemplars": [{"timeUnixNano": "19", "asInt": "1"}],
                            }
                        ]
                    }
                },
            ),
            (
                Histogram([histogram_point(0.5, 1.0)], AggregationTemporality.DELTA),
                {
                    "histogram": {
                        "dataPoints": [
                            {
                                **TIMES,
                                "count": "3",
                                "sum": 1.5,
                                "min": 0.5,
                                "max": 1.0,
                                "bucketCounts": ["1", "2"],
                                "explicitBounds": [0.5],
                                "attributes": LABELS,
                                "exemplars": [ENCODED_EXEMPLAR],
                            }
                        ],
                        "aggregationTemporality": 1,
                    }
                },
            ),
            (
                ExponentialHistogram([exponential_point()], CUMULATIVE),
                {
                    "exponentialHistogram": {
                        "dataPoints": [
                            {
                                **TIMES,
                                "count": "3",
                                "sum": 2.0,
                                "min": 0.5,
                                "max": 1.0,
                                "scale": 5,
                                "zeroCount": "0",
                                "positive": {"offset": -1, "bucketCounts": ["1", "2"]},
                                "flags": 1,
                                "attributes": LABELS,
                            }
                        ],
                        "aggregationTemporality": 2,
                    }
                },
            ),
        ],
        ids=["sum", "gauge", "histogram", "exponential"],
    )
    def test_each_kind_of_metric_is_written_as_the_specification_says(self, data, encoded):
        """Counts are strings, doubles are numbers, and exemplars point to their span."""
        metric = Metric("requests", "How many.", "1", data)
        scopes = [ScopeMetrics(SCOPE, [metric], "https://s")]

        assert document(METRICS, metric_items(MetricsData([ResourceMetrics(RESOURCE, scopes, "https://r")]))) == {
            "resourceMetrics": [
                {
                    "resource": ENCODED_RESOURCE,
                    "schemaUrl": "https://r",
                    "scopeMetrics": [
                        {
                            "scope": ENCODED_SCOPE,
                            "schemaUrl": "https://s",
                            "metrics": [{"name": "requests", "description": "How many.", "unit": "1", **encoded}],
                        }
                    ],
                }
            ]
        }

    def test_least_and_greatest_are_left_out_where_they_are_not_recorded(self):
        """The infinities that the SDK starts from are no measurements."""
        data = Histogram([histogram_point(math.inf, -math.inf)], CUMULATIVE)
        scopes = [ScopeMetrics(SCOPE, [Metric("m", None, None, data)], "")]
        (item,) = metric_items(MetricsData([ResourceMetrics(RESOURCE, scopes, "")]))

        assert {"min", "max"}.isdisjoint(item.data["histogram"]["dataPoints"][0])


class TestValues:
    @pytest.mark.parametrize(
        ("value", "encoded"),
        [
            (None, {}),
            ("", {"stringValue": ""}),
            (True, {"boolValue": True}),
            (-(2**63), {"intValue": "-9223372036854775808"}),
            (2**63, {"stringValue": "9223372036854775808"}),
            (Level.HIGH, {"intValue": "3"}),
            (1.0, {"doubleValue": 1.0}),
            (b"\xff", {"bytesValue": "/w=="}),
            ([], {"arrayValue": {"values": []}}),
            ({1: 2}, {"kvlistValue": {"values": [{"key": "1", "value": {"intValue": "2"}}]}}),
            ({3}, {"stringValue": "{3}"}),
            (Unprintable(), {"stringValue": "<unprintable Unprintable: RuntimeError>"}),
        ],
    )
    def test_a_value_becomes_what_otlp_has_for_it(self, value, encoded):
        """What OTLP has no kind of value for becomes text."""
        assert any_value(value) == encoded

    @pytest.mark.parametrize(
        ("number", "encoded"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (0.1, 0.1)]
    )
    def test_a_double_that_json_cannot_write_is_a_string(self, number, encoded):
        """proto3 JSON names the three doubles that are no JSON numbers."""
        assert double(number) == encoded

    def test_a_value_that_contains_itself_has_an_end(self):
        """Below 16 levels a value is text."""
        body = []
        body.append(body)
        text = json.dumps(any_value(body))

        assert text.count("arrayValue") == 16


class TestLines:
    def test_a_batch_that_is_too_long_is_split_between_spans(self):
        """No line is longer than allowed, and together they hold each span once, in order."""
        batch = [span(number, attributes={"text": "x" * 300}) for number in range(1, 10)]
        written = list(lines(TRACES, span_items(batch), 2000))
        found = [
            int(one["spanId"], 16)
            for line in written
            for one in json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
        ]

        assert (found, max(map(len, written)) <= 2000, len(written) > 1) == (list(range(1, 10)), True, True)

    def test_a_span_that_is_too_long_alone_stays_whole(self):
        """There is nothing to split a single span at."""
        batch = [span(1), span(2, attributes={"text": "x" * 3000})]

        assert len(list(lines(TRACES, span_items(batch), 2000))) == 2

    def test_an_empty_batch_is_no_line(self):
        """Nothing is written for nothing."""
        assert list(lines(TRACES, [], 2000)) == []

    def test_half_a_surrogate_pair_is_replaced(self):
        """A text that UTF-8 cannot write does not lose the line; whole pairs and other characters stay."""
        (line,) = lines(TRACES, span_items([span(name="a\ud83d \ud83d\ude00 é\n")]), 2000)

        assert json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] == "a\ufffd \U0001f600 é\n"

    def test_a_line_begins_with_what_is_its_own(self):
        """The Collector tells files apart by their first 1000 bytes, so a trace ID comes before the resource."""
        (line,) = lines(TRACES, span_items([span(resource=Resource({"long": "x" * 2000}))]), 9000)

        assert line.startswith(
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000abc"'
        )
