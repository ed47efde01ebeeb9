"""How a request ended, which faults it had, and what was reported instead."""

from __future__ import annotations

import pytest

from autogen_otel.core import names
from autogen_otel.diagnosis.grouping import requests_in
from autogen_otel.diagnosis.story import Ending, Reported, reports_of, story_of

from .records import MS, fault, log, raised, span

STACK = """Traceback (most recent call last):
  File "/app/tools.py", line 12, in lookup_policy
    return POLICIES[policy_id]
KeyError: 'p9'
"""


def story(*records):
    """Return the story of the only request in these records."""
    (request,) = requests_in(records)
    return story_of(request)


def ending(*records):
    return story(*records).ending


def test_ending_is_that_of_the_requests_span():
    """Outcome attribute, else the status of the span, tell how a request ended."""
    found = [
        ending(span("r", name="request")),
        ending(span("r", name="request", failed=True)),
        ending(span("r", name="request", autogen__outcome="cancelled")),
    ]

    assert found == [Ending.OK, Ending.ERROR, Ending.CANCELLED]


def test_ending_of_a_request_that_was_not_sampled_is_in_its_log():
    """Without any span the log records tell outcome and duration."""
    told = story(log("request started", span_id="r"), log("request finished", 9, "r", outcome="error", duration_ms=8.5))

    assert (told.ending, told.duration_ns) == (Ending.ERROR, 8.5 * MS)


@pytest.mark.parametrize("records", [[log("request started", span_id="r")], [span("c", "lost")]])
def test_request_without_an_end_is_open(records):
    """A beginning without an end, or operations without their request, are an open request."""
    assert (ending(*records), story(*records).duration_ns) == (Ending.OPEN, None)


def test_fault_record_alone_does_not_tell_how_a_request_ended():
    """Sampled out, and with a log level that leaves out the rest: unknown, and not open."""
    assert ending(log("fault", span_id="c", fault_id="f1", masked=True)) is Ending.UNKNOWN


def test_fault_is_told_by_its_span_alone():
    """The event on the span tells type, message, place, agent, tool and whether it was masked."""
    (found,) = story(
        span("r", name="request"),
        span(
            "t",
            "r",
            "execute_tool lookup_policy",
            failed=True,
            events=(raised(stacktrace=STACK),),
            gen_ai__agent__name="user",
            gen_ai__tool__name="lookup_policy",
            **fault(autogen__fault__masked=True, autogen__fault__transient=False),
        ),
    ).faults

    frame = found.frame
    assert (found.type, found.message, found.agent_name, found.tool_name, found.masked, found.transient) == (
        *("KeyError", "'p9'", "user", "lookup_policy"),
        *(True, False),
    )
    assert (frame.file, frame.line, frame.function, frame.source) == (
        *("/app/tools.py", 12),
        *("lookup_policy", "return POLICIES[policy_id]"),
    )


def test_fault_whose_span_never_arrived_is_told_by_the_request():
    """The request's own span says type, text, agent, tool and place."""
    (found,) = story(
        span(
            "r",
            name="request",
            failed=True,
            message="'p9'",
            **fault(
                autogen__fault__agent="user",
                autogen__fault__tool="lookup_policy",
                autogen__fault__raised_at="/app/tools.py:12 in lookup_policy",
            ),
        )
    ).faults

    assert (found.type, found.message, found.agent_name, found.tool_name, found.raised_at, found.frame) == (
        *("KeyError", "'p9'", "user", "lookup_policy"),
        *("/app/tools.py:12 in lookup_policy", None),
    )


def test_fault_with_which_a_request_failed_comes_first():
    """A fault that was masked earlier stands behind the one that ended the request."""
    told = story(
        span("r", name="request", failed=True, **fault("ValueError", "f2")),
        span("a", "r", at=1, failed=True, events=(raised("f1"),), **fault(autogen__fault__masked=True)),
        span("b", "r", at=2, failed=True, events=(raised("f2", type_="ValueError"),), **fault("ValueError", "f2")),
    )

    assert ([one.id for one in told.faults], told.fatal.id, [one.id for one in told.masked]) == (
        ["f2", "f1"],
        "f2",
        ["f1"],
    )


def test_what_autogen_raised_instead_is_told_once():
    """Of the operations above a fault, those that raised something else are named, innermost first."""
    told = story(
        span("r", name="request", failed=True, message="boom", **fault("RuntimeError")),
        span("w", "r", "invoke_workflow team", failed=True, message="boom", **fault("RuntimeError")),
        span("a", "w", failed=True, message="'value'", **fault("KeyError")),
        span("t", "a", "execute_tool x", failed=True, message="'p9'", events=(raised(),), **fault()),
    )

    assert reports_of(told.request, told.faults[0]) == (
        Reported("KeyError", "'value'", "invoke_agent user"),
        Reported("RuntimeError", "boom", "invoke_workflow team"),
    )


def test_original_that_the_request_says_again_is_not_reported():
    """A request that failed although the application caught the exception says the original again."""
    told = story(
        span("r", name="request", failed=True, message="'p9'", **fault()),
        span("w", "r", "invoke_workflow team", failed=True, message="boom", **fault("RuntimeError")),
        span("t", "w", "execute_tool x", failed=True, message="'p9'", events=(raised(),), **fault()),
    )

    assert [one.type for one in reports_of(told.request, told.faults[0])] == ["RuntimeError"]


def test_fields_of_another_type_are_no_reason_to_fail():
    """A store is untrusted: where a text is expected anything may stand."""
    told = story(
        span("r", name="request", failed=True, process__pid=["x"], error__type=7, autogen__fault__id={"a": 1}),
        log("fault", fault_id=3, masked="yes", exception="[1"),
        log("request finished", 9, "r", outcome=7, duration_ms="long"),
    )

    assert (told.ending, told.faults, told.pid) == (Ending.ERROR, (), "['x']")


def test_process_and_service_are_told():
    """Service, process and thread of the request are those of its own span, or of its first log record."""
    told = [
        story(span("r", name="request", process__pid=7, thread__name="main")),
        story(log("request started", span_id="r", **{names.LOG_PID: 7, names.LOG_THREAD: "main"})),
    ]

    assert [(one.service, one.pid, one.thread) for one in told] == [("insurance", "7", "main")] * 2
