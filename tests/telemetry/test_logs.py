"""JSON log lines, and an application that has logging of its own."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import textwrap

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

import autogen_otel
from autogen_otel.core.facts import Kind
from autogen_otel.operations.opening import open_operation
from autogen_otel.telemetry.log_setup import json_formatter
from autogen_otel.telemetry.logs import readable


def program(script: str, tmp_path) -> tuple[str, list[str]]:
    """Run a program and return what it wrote to standard output and, line by line, to standard error."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={"AUTOGEN_OTEL_STORE": str(tmp_path / "store"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout, done.stderr.splitlines()


def test_line_carries_the_fields_in_order(recorder):
    """A line begins with time, level, event, logger, request, agent, tool, exception and trace, in this order."""
    with pytest.raises(KeyError), autogen_otel.request("req-42"):
        operation = open_operation(Kind.TOOL, "lookup", agent="user", tool="lookup")
        operation.enter()
        try:
            raise KeyError("p9")
        except KeyError as error:
            operation.fail(error)
            operation.leave()
            raise

    (line,) = [line for line in recorder.lines if '"event": "fault"' in line]
    wanted = "timestamp level event logger request_id agent_name tool_name exception_type trace_id span_id"
    assert (list(json.loads(line))[:10], '"request_id": "req-42"' in line) == (wanted.split(), True)


def test_story_of_a_request_is_in_order(recorder):
    """The lines of a request begin with its start and end with its end, with the fault between."""
    with pytest.raises(ValueError, match="bad"), autogen_otel.request("req-42"):
        raise ValueError("bad")

    story = [line["event"] for line in recorder.logs if line["request_id"] == "req-42"]
    assert story == ["request started", "fault", "cause", "request finished"]


def test_line_points_to_the_span_in_which_it_was_raised(recorder):
    """trace_id and span_id of the fault's line are those of the span that carries the exception event."""
    with pytest.raises(ValueError, match="bad"), autogen_otel.request("req-42"):
        raise ValueError("bad")

    (span,) = [span for span in recorder.spans if span.events]
    (line,) = recorder.events("fault")
    assert (int(line["trace_id"], 16), int(line["span_id"], 16)) == (span.context.trace_id, span.context.span_id)


def test_record_of_the_standard_library_gets_the_same_fields(recorder):
    """A record of any logger carries request, exception type and frames as data, without local variables."""
    secret = "sk-" + "s" * 40
    with autogen_otel.request("req-42"):
        try:
            raise KeyError(secret)
        except KeyError:
            logging.getLogger("app.orders").exception("order %s failed", 7)

    (line,) = [line for line in recorder.logs if line["logger"] == "app.orders"]
    frame = line["exception"][0]["frames"][-1]
    assert (
        line["event"],
        line["level"],
        line["request_id"],
        line["exception_type"],
        frame["file"],
        secret in str(line),
    ) == (
        "order 7 failed",
        "error",
        "req-42",
        "KeyError",
        __file__,
        False,
    )


@pytest.mark.parametrize("evil", ['x\n{"event": "forged"}', "a\r\x1b[2Jb", "\u2028forged", "\x00"])
def test_message_cannot_forge_a_line(recorder, evil):
    """Line breaks and control characters in a message, an agent's name or an ID stay inside one JSON string."""
    with autogen_otel.request(evil):
        logging.getLogger("app").error(evil)
        open_operation(Kind.AGENT, evil, agent=evil).finish()

    unsafe = [line for line in recorder.lines if not line.isascii() or not line.isprintable()]
    assert (unsafe, [line["event"] for line in recorder.logs if line["logger"] == "app"]) == ([], [evil])


# Lone halves of surrogate pairs too, which no UTF-8 can hold.
ANYTHING = st.text(st.characters(exclude_categories=()))


@given(ANYTHING, ANYTHING, st.dictionaries(ANYTHING, ANYTHING))
def test_record_is_one_line_whatever_it_holds(message, name, more):
    """Message, logger, extra fields and exception of a record make one line of printable ASCII, and nothing is lost."""
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, message, (), (ValueError, ValueError(message), None))
    vars(record).update({f"extra {key}": value for key, value in more.items()})

    line = json_formatter().format(record)
    told = json.loads(line)
    assert (
        line.isascii() and line.isprintable(),
        [told[key] for key in ("event", "logger", "exception_type")],
        {key.removeprefix("extra "): value for key, value in told.items() if key.startswith("extra ")},
    ) == (True, [message, name, "ValueError"], more)


class Unprintable:
    """A thing that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (Unprintable(), "<unprintable Unprintable: RuntimeError>"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        (CIRCLE, "[[...]]"),
        ({"a": {1}}, {"a": "{1}"}),
    ],
    ids=["unprintable", "key", "circle", "set"],
)
def test_field_that_is_no_json_is_told_as_text(extra, told):
    """A field of the application's that JSON cannot hold does not cost the line."""
    record = logging.LogRecord("app", logging.ERROR, __file__, 1, "here", (), None)
    record.odd = extra

    assert json.loads(json_formatter().format(record))["odd"] == told


@given(ANYTHING, ANYTHING)
def test_readable_text_is_one_line_whatever_it_holds(message, name):
    """An event of ours, for an application with a plain formatter, is one line of printable ASCII."""
    line = readable("fault", {"message": message, "agent_name": name})

    assert (line.isascii() and line.isprintable(), line.startswith("fault message=")) == (True, True)


def test_readable_text_of_our_events_cannot_forge_a_line():
    """An application with a plain formatter gets one line for an event, whatever a message holds."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    logging.getLogger().addHandler(handler)
    autogen_otel.instrument()
    with pytest.raises(ValueError, match="forged"), autogen_otel.request("req-42"):
        raise ValueError("x\nforged line")
    autogen_otel.uninstrument()
    logging.getLogger().removeHandler(handler)

    (line,) = [line for line in out.getvalue().splitlines() if line.startswith("fault ")]
    assert ('message="x\\nforged line"' in line, "forged line" not in out.getvalue().splitlines()) == (True, True)


def test_program_without_logging_gets_json_on_standard_error(tmp_path):
    """Without any configuration our events and the application's warnings are JSON; its own output is untouched."""
    out, lines = program(
        """
        import logging, autogen_otel
        autogen_otel.instrument()
        with autogen_otel.request("req-1"):
            logging.getLogger("app").info("quiet")
            logging.getLogger("app").warning("loud")
            print("mine")
        """,
        tmp_path,
    )

    told = [(line["event"], line["request_id"]) for line in map(json.loads, lines)]
    assert (out, told) == (
        "mine\n",
        [("request started", "req-1"), ("loud", "req-1"), ("request finished", "req-1")],
    )


def test_basic_config_after_instrument_works_as_ever(tmp_path):
    """An application that configures logging later gets its own format, and its level decides."""
    _, lines = program(
        """
        import logging, autogen_otel
        autogen_otel.instrument()
        logging.basicConfig(format="MINE %(levelname)s %(message)s", level="WARNING")
        with autogen_otel.request("req-1"):
            logging.getLogger("app").warning("loud")
        """,
        tmp_path,
    )

    assert lines == ["MINE WARNING loud"]


def test_application_with_structlog_keeps_its_chain(tmp_path):
    """Structlog as the application configured it renders our events too; one processor adds the fields."""
    out, lines = program(
        """
        import structlog, autogen_otel
        structlog.configure(processors=[autogen_otel.add_request_fields, structlog.processors.LogfmtRenderer(
            key_order=["event", "request_id"], drop_missing=True)])
        autogen_otel.instrument()
        with autogen_otel.request("req-1"):
            structlog.get_logger().info("mine")
        """,
        tmp_path,
    )

    begins = [line.split(" pid=")[0] for line in out.splitlines()]
    assert (begins[1], begins[0].startswith('event="request started" request_id=req-1'), lines) == (
        "event=mine request_id=req-1",
        True,
        [],
    )


def test_configure_logging_joins_structlog_and_the_standard_library(tmp_path):
    """After `configure_logging(file)` both kinds of events stand in one file with the same fields."""
    path = tmp_path / "app.jsonl"
    program(
        f"""
        import logging, structlog, autogen_otel
        autogen_otel.configure_logging({str(path)!r})
        autogen_otel.instrument()
        with autogen_otel.request("req-1"):
            logging.getLogger("a").info("one")
            structlog.get_logger("b").info("two", key="value")
        """,
        tmp_path,
    )

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = [(line["event"], line["logger"], line["request_id"]) for line in lines]
    assert told == [
        ("request started", "autogen_otel", "req-1"),
        ("one", "a", "req-1"),
        ("two", "b", "req-1"),
        ("request finished", "autogen_otel", "req-1"),
    ]


def test_processor_does_not_overwrite_the_applications_fields():
    """A field that the event has already is kept."""
    with autogen_otel.request("req-42"):
        event = autogen_otel.add_request_fields(None, "info", {"event": "x", "request_id": "mine"})

    assert event["request_id"] == "mine"


def test_sampled_out_request_has_a_trace_id_in_its_logs(tmp_path):
    """At 0 % sampling the log lines still belong together by trace_id."""
    _, lines = program(
        """
        import os
        os.environ["OTEL_TRACES_SAMPLER"] = "always_off"
        import autogen_otel
        autogen_otel.instrument()
        with autogen_otel.request("req-1"):
            pass
        """,
        tmp_path,
    )

    traces = {json.loads(line)["trace_id"] for line in lines}
    assert (len(lines), len(traces)) == (2, 1)


def test_level_of_the_environment_is_the_least(tmp_path):
    """AUTOGEN_OTEL_LOG_LEVEL=ERROR leaves only the faults that the application saw."""
    _, lines = program(
        """
        import os
        os.environ["AUTOGEN_OTEL_LOG_LEVEL"] = "error"
        import autogen_otel
        autogen_otel.instrument()
        try:
            with autogen_otel.request("req-1"):
                raise ValueError("bad")
        except ValueError:
            pass
        """,
        tmp_path,
    )

    assert [json.loads(line)["event"] for line in lines] == ["fault"]


def test_exception_group_is_data():
    """The members of a group are told with their types."""
    if sys.version_info < (3, 11):
        pytest.skip("exception groups came with Python 3.11")
    record = logging.LogRecord("app", logging.ERROR, "", 0, "x", (), None)
    try:
        raise ExceptionGroup("two", [KeyError("a"), ValueError("b")])  # noqa: F821
    except ExceptionGroup:  # noqa: F821
        record.exc_info = sys.exc_info()
    line = json.loads(json_formatter().format(record))

    assert [member["type"] for member in line["exception"][0]["members"]] == ["KeyError", "ValueError"]


def test_uninstrument_takes_the_fallback_away():
    """The handler of last resort is Python's own again."""
    before = logging.lastResort
    autogen_otel.instrument()
    during = logging.lastResort
    autogen_otel.uninstrument()

    assert (during is before, logging.lastResort is before, structlog.is_configured()) == (False, True, False)
