"""Stored telemetry is read back as it was recorded, and what cannot be read costs nothing else."""

import gc
import json
import logging
import math
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from autogen_otel.diagnosis.load import Problem, StoredEvent, StoredLog, StoredSpan, StoreNotFound, load
from autogen_otel.diagnosis.load_records import records_of
from autogen_otel.telemetry.otlp_json import TRACES, lines
from autogen_otel.telemetry.otlp_json_spans import span_items

SPAN = {"traceId": "0ABC", "spanId": "01", "name": "a", "startTimeUnixNano": "10", "endTimeUnixNano": "20"}


def spans(*found):
    """Return an OTLP document of these spans."""
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(found)}]}]}


def line(number, **fields):
    """Return a line with one span of this ID."""
    return json.dumps(spans({**SPAN, "spanId": f"{number:016x}", **fields})) + "\n"


def read(path, **settings):
    """Return the IDs of the spans at a path, and the problems."""
    problems = []
    found = [int(record.span_id, 16) for record in load(path, on_problem=problems.append, **settings)]
    return found, problems


INT64 = st.integers(-(2**63), 2**63 - 1)
SCALARS = st.text() | st.booleans() | INT64 | st.floats(allow_nan=False) | st.binary()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
ATTRIBUTES = st.dictionaries(st.text(), VALUES, max_size=4)
TIMES = st.integers(1, 2**63 - 1)


class TestRoundTrip:
    @settings(max_examples=50, deadline=None)
    @given(
        ids=st.tuples(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(1, 2**64 - 1)),
        name=st.text(),
        kind=st.sampled_from(SpanKind),
        times=st.tuples(TIMES, TIMES),
        attributes=ATTRIBUTES,
        event=st.tuples(st.text(), TIMES, ATTRIBUTES),
        message=st.text(),
        resource=st.dictionaries(st.text(min_size=1), SCALARS, max_size=2),
        scope=st.text(),
    )
    def test_a_span_comes_back_as_it_was(self, ids, name, kind, times, attributes, event, message, resource, scope):
        """Span to line to StoredSpan loses nothing that a StoredSpan has."""
        trace_id, span_id, parent_id = ids
        span = ReadableSpan(
            name=name,
            context=SpanContext(trace_id, span_id, is_remote=False),
            parent=SpanContext(trace_id, parent_id, is_remote=False),
            resource=Resource(resource),
            attributes=attributes,
            events=[Event(event[0], event[2], timestamp=event[1])],
            kind=kind,
            instrumentation_scope=InstrumentationScope(scope),
            status=Status(StatusCode.ERROR, message),
            start_time=times[0],
            end_time=times[1],
        )
        (written,) = lines(TRACES, span_items([span]), 2**20)

        assert list(records_of(json.loads(written), 0)) == [
            StoredSpan(
                trace_id=f"{trace_id:032x}",
                span_id=f"{span_id:016x}",
                parent_span_id=f"{parent_id:016x}",
                name=name,
                kind=kind.value + 1,
                start_ns=times[0],
                end_ns=times[1],
                attributes=attributes,
                events=(StoredEvent(event[0], event[1], plain(span.events[0].attributes)),),
                status_code=2,
                status_message=message,
                resource=plain(span.resource.attributes),
                scope=scope,
            )
        ]

    def test_doubles_that_json_cannot_write_come_back(self):
        """NaN and the infinities are strings in between."""
        texts = ("NaN", "Infinity", "-Infinity")
        pairs = [{"key": text, "value": {"doubleValue": text}} for text in texts]
        (record,) = records_of(spans({**SPAN, "attributes": pairs}), 0)

        assert [str(record.attributes[text]) for text in texts] == [str(n) for n in (math.nan, math.inf, -math.inf)]


def plain(value):
    """Return attributes as the SDK left them, with the lists that it made tuples."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if hasattr(value, "items") else value


class TestRecords:
    def test_a_log_record_has_all_its_fields(self):
        """The time of the event comes before the time of observing it."""
        log = {
            "timeUnixNano": "10",
            "observedTimeUnixNano": "11",
            "severityNumber": 17,
            "severityText": "error",
            "eventName": "autogen.fault",
            "body": {"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": [{"intValue": 1}]}}}]}},
            "attributes": [{"key": "request_id", "value": {"stringValue": "req-3"}}],
            "traceId": "0ABC",
            "spanId": "01",
        }
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "chat"}}]}
        scopes = [{"scope": {"name": "autogen_otel"}, "logRecords": [log]}]

        assert list(records_of({"resourceLogs": [{"resource": resource, "scopeLogs": scopes}]}, 0)) == [
            StoredLog(
                time_ns=10,
                severity_text="error",
                severity_number=17,
                body={"a": [1]},
                event_name="autogen.fault",
                attributes={"request_id": "req-3"},
                trace_id="0abc",
                span_id="01",
                resource={"service.name": "chat"},
                scope="autogen_otel",
            )
        ]

    @pytest.mark.parametrize(
        "span",
        [
            {"traceId": "0abc", "spanId": "01"},
            {"traceId": "0ABC", "spanId": "01", "name": None, "attributes": None, "events": None, "status": None},
            {**SPAN, "name": "", "startTimeUnixNano": 0, "endTimeUnixNano": 0, "kind": "SPAN_KIND_UNSPECIFIED"},
        ],
    )
    def test_what_is_missing_has_its_default(self, span):
        """Fields may be missing or null, numbers may be strings, and enum values names."""
        assert list(records_of(spans(span), 0)) == [
            StoredSpan("0abc", "01", "", "", 0, 0, 0, {}, (), 0, "", {}, ""),
        ]

    @pytest.mark.parametrize(("given_as", "number"), [(3, 3), ("3", 3), ("SPAN_KIND_CLIENT", 3), ("STATUS_CODE_OK", 1)])
    def test_an_enum_value_is_its_number(self, given_as, number):
        """The specification asks for numbers, protobuf's own JSON has names."""
        (record,) = records_of(spans({**SPAN, "kind": given_as, "status": {"code": given_as}}), 0)

        assert (record.kind, record.status_code) == (number, number)

    def test_a_value_of_a_later_otlp_is_none(self):
        """A kind of value that is not known does not lose the span."""
        pairs = [{"key": "a", "value": {"mapValue": 1}}, {"key": "b", "value": {}}, {"key": "c"}]
        (record,) = records_of(spans({**SPAN, "attributes": pairs}), 0)

        assert record.attributes == {"a": None, "b": None, "c": None}


class TestFiles:
    def test_a_folder_is_read_in_the_order_of_its_files(self, tmp_path):
        """Files of the store are as old as they say, others as old as their last change; metrics are passed over."""
        contents = {
            "traces-20260101T000000000000-9.jsonl": line(1),
            "logs-20260102T000000000000-1.jsonl": line(2),
            "traces-20260103T000000000000-5.jsonl": line(4),
            "metrics-20260101T000000000000-1.jsonl": "not read\n",
            "collector.json": line(3),
            "notes.txt": "not read\n",
        }
        for name, text in contents.items():
            (tmp_path / name).write_text(text)
        os.utime(tmp_path / "collector.json", (1767398390, 1767398390))  # 2 January, before midnight UTC

        assert read(tmp_path) == ([1, 2, 3, 4], [])

    @pytest.mark.parametrize(
        "text",
        [
            line(1) + line(2),
            line(1) + "\n" + line(2).rstrip(),
            json.dumps(spans(SPAN, {**SPAN, "spanId": "02"})),
            json.dumps(spans(SPAN, {**SPAN, "spanId": "02"}), indent=2),
            json.dumps({"result": spans(SPAN, {**SPAN, "spanId": "02"})}),
            json.dumps({"result": spans(SPAN, {**SPAN, "spanId": "02"})}, indent="\t"),
            json.dumps([spans(SPAN), spans({**SPAN, "spanId": "02"})], indent=1),
            '{"resourceMetrics": []}\n{}\n{"result": {}}\n' + line(1) + line(2),
        ],
        ids=["lines", "blank", "document", "pretty", "jaeger", "jaeger-pretty", "slurped", "with-metrics"],
    )
    def test_a_file_is_read_in_each_form(self, tmp_path, text):
        """JSON lines, one document bare or below `result`, compact or pretty, and a list of documents."""
        file = tmp_path / "file"
        file.write_text(text)

        assert read(file) == ([1, 2], [])

    def test_what_ended_before_is_left_out(self, tmp_path):
        """`since_ns` looks at the end of a span and the time of a log record."""
        file = tmp_path / "file.jsonl"
        logs = {
            "resourceLogs": [
                {
                    "scopeLogs": [
                        {
                            "logRecords": [
                                {"spanId": "03", "observedTimeUnixNano": "29"},
                                {"spanId": "04", "timeUnixNano": 30},
                            ]
                        }
                    ]
                }
            ]
        }
        file.write_text(line(1, endTimeUnixNano="29") + line(2, endTimeUnixNano=30) + json.dumps(logs))

        assert read(file, since_ns=30) == ([2, 4], [])

    def test_a_file_of_the_store_that_is_older_is_not_read(self, tmp_path):
        """What ended later cannot stand in a file that was not written to since."""
        file = tmp_path / "traces-20260101T000000000000-9.jsonl"
        file.write_text("not read\n")
        os.utime(file, ns=(100, 100))

        assert read(tmp_path, since_ns=101) == ([], [])

    def test_the_records_of_an_export_share_their_resource(self, tmp_path):
        """A million spans do not hold a million dictionaries of the same."""
        file = tmp_path / "file.jsonl"
        file.write_text(json.dumps(spans(SPAN, SPAN)))
        first, second = load(file)

        assert first.resource is second.resource


BAD = [
    ('{"resourceSpans": [', "JSONDecodeError"),
    ("\x00\x00\x00", "JSONDecodeError"),
    ('{"data": []}', "ValueError: no OTLP: it has neither resourceSpans nor resourceLogs"),
    ('"text"', "AttributeError"),
    ('{"resourceSpans": 3}', "TypeError"),
    ('{"resourceSpans": [{"scopeSpans": [{"spans": [{"spanId": "01"}]}]}]}', "KeyError"),
    (json.dumps(spans({**SPAN, "endTimeUnixNano": "soon"})), "ValueError"),
    (json.dumps(spans({**SPAN, "endTimeUnixNano": 1})).replace("1}", "1e999}"), ("OverflowError", "JSONDecodeError")),
]


class TestProblems:
    @pytest.mark.parametrize(("text", "reason"), BAD)
    def test_a_corrupt_line_loses_only_itself(self, tmp_path, text, reason):
        """It is told with its number and reason, and what stands before and behind it is read."""
        file = tmp_path / "file.jsonl"
        file.write_text(line(1) + text + "\n" + line(2))
        found, (problem,) = read(file)

        assert (found, problem.file, problem.line_number, problem.message.startswith(reason)) == ([1, 2], file, 2, True)

    def test_bytes_that_are_no_text_lose_only_their_line(self, tmp_path):
        """A damaged disk is no reason to give up."""
        file = tmp_path / "file.jsonl"
        file.write_bytes(b'{"\xff\xfe"}\n' + line(1).encode())
        found, problems = read(file)

        assert (found, [problem.line_number for problem in problems]) == ([1], [1])

    def test_half_a_line_at_the_end_says_what_happened(self, tmp_path):
        """A writer that was killed leaves half a line."""
        file = tmp_path / "file.jsonl"
        file.write_text(line(1) + line(2)[:40])
        found, (problem,) = read(file)

        assert (found, problem.line_number, problem.message.partition(" (")[0]) == (
            [1],
            2,
            "it has no end, its writer was killed or is still writing",
        )

    def test_half_a_pretty_document_is_one_problem(self, tmp_path):
        """Its lines are not told one by one."""
        file = tmp_path / "file.json"
        file.write_text(json.dumps(spans(SPAN), indent=2)[:-20])
        found, problems = read(file)

        assert (found, len(problems)) == ([], 1)

    def test_a_file_that_cannot_be_read_is_a_problem_of_its_own(self, tmp_path, monkeypatch):
        """The other files are read."""
        for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
            (tmp_path / name).write_text(line(1))
        real = Path.open

        def refuse(self, *args):
            if self.name == "b.jsonl":
                raise PermissionError(13, "Permission denied")
            return real(self, *args)

        monkeypatch.setattr(Path, "open", refuse)

        assert read(tmp_path) == ([1, 1], [Problem(tmp_path / "b.jsonl", 0, "Permission denied")])

    def test_a_file_that_the_store_removes_meanwhile_is_no_problem(self, tmp_path):
        """Between listing and opening a file it may become too old."""
        names = ["traces-20260101T000000000000-1.jsonl", "traces-20260102T000000000000-1.jsonl"]
        for name in names:
            (tmp_path / name).write_text(line(1))
        records = load(tmp_path)
        (tmp_path / names[0]).unlink()

        assert len(list(records)) == 1

    def test_problems_are_log_lines_unless_asked_for(self, tmp_path, caplog):
        """A program that does not care still finds them in its log."""
        file = tmp_path / "file.jsonl"
        file.write_text('{"data": []}\n')
        with caplog.at_level(logging.WARNING, "autogen_otel"):
            list(load(file))

        assert [record.getMessage() for record in caplog.records] == [
            f"{file}, line 1 is left out: ValueError: no OTLP: it has neither resourceSpans nor resourceLogs"
        ]

    def test_the_garbage_collector_goes_on(self, tmp_path):
        """It rests only while a line is decoded, also a corrupt one."""
        file = tmp_path / "file.jsonl"
        file.write_text("corrupt\n" + line(1))
        running = [gc.isenabled() for _ in load(file, on_problem=lambda _: None)]

        assert running == [True]


class TestNotFound:
    @pytest.mark.parametrize(("name", "reason"), [("nowhere", "does not exist"), ("", "no .jsonl or .json file")])
    def test_nothing_there_is_said_at_once_with_the_path(self, tmp_path, name, reason):
        """It is said before the first record is asked for."""
        with pytest.raises(StoreNotFound) as caught:
            load(tmp_path / name)

        assert (str(tmp_path / name) in str(caught.value), reason in str(caught.value)) == (True, True)
