"""Facts told again from spans that are incomplete, rounded, made by others or from several machines."""

from __future__ import annotations

import pytest

from autogen_otel.core import names
from autogen_otel.diagnosis.gathered import Gathered

from .documents import attributes, chat, document, found_in, raised, span


def causes(*documents):
    """Return cause and detail of each request that has any."""
    return {
        one.request_id: (one.verdict.findings[0].cause.value, one.verdict.findings[0].detail)
        for one in found_in(*documents).requests
        if one.verdict
    }


def test_order_of_records_does_not_matter():
    """Spans come in the order in which they end, in batches, and of several files in any order."""
    spans = [*chat("req-1", 10, 0), *chat("req-2", 20, 50)]

    assert (
        causes(document(*spans))
        == causes(*[document(one) for one in reversed(spans)])
        == {
            "req-1": ("shared_state", "overlap"),
            "req-2": ("shared_state", "overlap"),
        }
    )


def test_same_process_id_on_two_machines_is_two_processes():
    """In containers each process has the ID 1: what they call the same is not shared."""
    one, two = chat("req-1", 10, 0), chat("req-2", 20, 50)

    assert causes(document(*one, k8s__pod__name="a"), document(*two, k8s__pod__name="b")) == {}


def test_request_without_an_end_is_not_judged():
    """Of a request whose own span never arrived nothing is concluded, but it is counted."""
    found = found_in(document(*chat("req-1", 10, 0)[1:], span(30, 10, "invoke_agent a", 5, 1, trace=10)))

    assert ([(one.request_id, one.outcome) for one in found.requests], found.unfinished) == ([("req-1", None)], 1)


def test_request_below_the_applications_own_span_is_a_request():
    """A server span above it, stored or not, does not hide the request."""
    server = document(span(9, 0, "POST /chat", 0, 120, trace=10), scope="fastapi")
    one, two = chat("req-1", 10, 0), chat("req-2", 20, 50)
    one[0]["parentSpanId"] = two[0]["parentSpanId"] = f"{9:016x}"

    assert causes(server, document(*one, *two)) == causes(document(*one, *two)) != {}


def test_spans_of_others_in_between_are_passed_over():
    """Where another tracer's span stands between two of ours, the tree holds together."""
    between = document(span(11, 10, "create_agent a", 2, 90, trace=10), scope="autogen-core")
    tool = span(
        12,
        11,
        "execute_tool lookup",
        3,
        5,
        trace=10,
        error="KeyError",
        events=(raised(4, "KeyError", "f1", "'p9'"),),
        autogen__fault__id="f1",
        autogen__fault__masked=True,
    )

    assert causes(between, document(span(10, 0, "request", 0, 100, trace=10), tool)) == {
        "req-1": ("tool_exception", "raised")
    }


def test_model_call_that_another_tracer_has_recorded_counts():
    """Where another instrumentation makes the span of a model call, the exception on ours belongs to that call."""
    model = span(12, 11, "chat gpt-4o", 3, 5, trace=10, error="openai.InternalServerError")
    model["attributes"] += attributes({names.OPERATION_NAME: "chat"})
    agent = span(
        11,
        10,
        "invoke_agent a",
        2,
        90,
        trace=10,
        error="openai.InternalServerError",
        events=(raised(8.1, "openai.InternalServerError", "f1", "Error code: 500"),),
        autogen__fault__id="f1",
        http__response__status_code=500,
    )
    root = span(10, 0, "request", 0, 100, trace=10, error="openai.InternalServerError", autogen__fault__id="f1")
    model["attributes"] += attributes({names.HTTP_STATUS: 500})

    assert causes(document(model, scope="openinference"), document(agent, root)) == {
        "req-1": ("provider", "server_error")
    }


@pytest.mark.parametrize("late_us", [0, 1, 2])
def test_store_that_keeps_microseconds_is_read_alike(late_us):
    """Where times are cut to microseconds, a call may end a moment after the one around it."""
    tool = span(
        12,
        10,
        "execute_tool lookup",
        0,
        100 + late_us / 1000,
        trace=10,
        error="KeyError",
        events=(raised(0, "KeyError", "f1", "'p9'"),),
        autogen__fault__id="f1",
        autogen__fault__masked=True,
    )

    assert causes(document(tool, span(10, 0, "request", 0, 100, trace=10))) == {"req-1": ("tool_exception", "raised")}


def test_stalls_are_told_each():
    """Of several stretches during which a tool blocked its loop, the one that mattered is named."""
    loop = {"autogen__event_loop__id": 1}
    victim = [
        span(20, 0, "request", 0, 1000, "req-2", trace=20, autogen__outcome="cancelled", **loop),
        span(21, 20, "chat gpt-4o", 1, 998, "req-2", trace=20, autogen__outcome="cancelled", **loop),
    ]
    start = int(victim[0]["startTimeUnixNano"])
    times = [start + 100 * 10**6, start + 900 * 10**6, start + 2000 * 10**6, start + 5000 * 10**6]
    tool = span(11, 10, "execute_tool sleep", 1, 5990, trace=10, autogen__event_loop__stalls=times, **loop)

    assert causes(document(*victim, tool, span(10, 0, "request", 0, 6000, trace=10, **loop))) == {
        "req-2": ("async_boundary", "blocked_loop")
    }


@pytest.mark.parametrize("parent", [10, 11, 99])
def test_circles_and_strangers_end_nothing(parent):
    """Spans that are their own ancestors, or hang on nothing, do no harm."""
    found = found_in(
        document(span(10, parent, "request", 0, 100, trace=10)),
        document(span(11, 10, "POST", 1, 5, trace=10), scope="httpx"),
    )

    assert [one.request_id for one in found.requests] == ["req-1"]


def test_nothing_of_a_malformed_document_is_taken():
    """A document with a broken span leaves nothing behind."""
    gathered = Gathered()
    broken = {**span(11, 10, "invoke_agent a", 1, 5), "spanId": "no number"}
    with pytest.raises(ValueError, match="no number"):
        gathered.take(document(span(10, 0, "request", 0, 100), broken))

    assert gathered.spans == {}


def test_an_answer_that_is_broken_is_no_refusal():
    """The status of the call was 200; what has raised is the exception of a client that a fork has split."""
    failed = {"trace": 10, "error": "json.decoder.JSONDecodeError", "autogen__fault__id": "f1"}
    call = span(
        13,
        12,
        "chat m",
        3,
        5,
        events=(raised(4, "json.decoder.JSONDecodeError", "f1", "Expecting value"),),
        autogen__client__forked_from=3,
        http__response__status_code=200,
        **failed,
    )
    above = (span(10, 0, "request", 0, 100, **failed), span(12, 10, "invoke_workflow a -> b", 2, 8, **failed))

    assert causes(document(*above, call)) == {"req-1": ("stale_client", "forked")}
