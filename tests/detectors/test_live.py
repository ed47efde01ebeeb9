"""Causes, live: on the request's span, in one log record and in one counter, whatever is sampled."""

from __future__ import annotations

import contextlib
import threading
import warnings

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import autogen_otel
from autogen_otel.core import names
from autogen_otel.core.facts import Kind
from autogen_otel.core.settings import Settings
from autogen_otel.errors import SharedStateError, SharedStateWarning
from autogen_otel.operations.opening import open_operation
from autogen_otel.operations.shapes import around


def failing_tool() -> str:
    """Run a tool that raises, as AutoGen does, and return the ID of its span."""
    tool = open_operation(Kind.TOOL, "lookup_policy", agent="user", tool="lookup_policy")
    tool.enter()
    span_id = trace.format_span_id(trace.get_current_span().get_span_context().span_id)
    try:
        raise KeyError("p9")
    except KeyError as error:
        tool.catch(error)
    tool.finish()
    tool.leave()
    return span_id


def causes(recorder) -> dict[tuple[str, str], int]:
    return {
        (point.attributes[names.CAUSE], point.attributes[names.CAUSE_DETAIL]): point.value
        for point in recorder.points(names.CAUSES)
    }


def test_the_request_span_carries_the_cause_and_what_proves_it(recorder):
    """In Jaeger one searches for `autogen.cause=tool_exception`, and finds the span of the tool by its ID."""
    with autogen_otel.request("req-42"):
        span_id = failing_tool()

    (span,) = recorder.named("request")
    told = {key: value for key, value in span.attributes.items() if key.startswith(names.CAUSE)}
    summary, called_at = told.pop(names.CAUSE_SUMMARY), told.pop(names.CALLED_AT)
    assert (told, "lookup_policy" in summary, called_at.partition(":")[0]) == (
        {
            names.CAUSE: "tool_exception",
            names.CAUSE_DETAIL: "raised",
            names.CAUSE_CERTAIN: True,
            names.CAUSE_EVIDENCE: (f"span:{span_id} KeyError: 'p9'", f"fault:{recorder.fault.id} KeyError: 'p9'"),
        },
        True,
        __file__,
    )


def test_one_log_record_tells_the_same_and_the_last_line_names_it(recorder):
    """A warning, between the fault and the end of the request."""
    with autogen_otel.request("req-42"):
        failing_tool()

    (span,), (line,), (last,) = recorder.named("request"), recorder.events("cause"), recorder.events("request finished")
    attributes = span.attributes
    assert (
        line["level"],
        line["request_id"],
        [line[key] for key in ("cause", "detail", "summary", "certain", "evidence")],
        line["span_id"],
        last["cause"],
    ) == (
        "warning",
        "req-42",
        [
            *(attributes[name] for name in (names.CAUSE, names.CAUSE_DETAIL, names.CAUSE_SUMMARY, names.CAUSE_CERTAIN)),
            list(attributes[names.CAUSE_EVIDENCE]),
        ],
        trace.format_span_id(span.context.span_id),
        "tool_exception",
    )


def test_a_request_that_is_well_has_no_cause(recorder):
    """Nowhere."""
    with autogen_otel.request("req-42"):
        open_operation(Kind.TOOL, "lookup_policy").finish()

    (span,), (last,) = recorder.named("request"), recorder.events("request finished")
    assert (names.CAUSE in span.attributes, recorder.events("cause"), "cause" in last) == (False, [], False)


def test_requests_are_counted_by_cause(recorder):
    """One for each request; a client that went away is none."""
    before = causes(recorder)
    for _ in range(2):
        with autogen_otel.request():
            failing_tool()
    with pytest.raises(GeneratorExit), autogen_otel.request("req-gone"):
        raise GeneratorExit

    after = causes(recorder)
    grown = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
    assert (grown, [(line["level"], line["cause"]) for line in recorder.events("cause")][-1]) == (
        {("tool_exception", "raised"): 2},
        ("info", "cancelled"),
    )


def test_causes_do_not_depend_on_sampling(recorder, monkeypatch):
    """Without a recorded span the evidence is the fault's ID, which stands in the log."""
    tracer = TracerProvider(sampler=ALWAYS_OFF).get_tracer("test")
    monkeypatch.setattr(autogen_otel.instrument()._listeners[0], "_find_tracer", lambda: tracer)
    before = causes(recorder)

    with autogen_otel.request("req-42"):
        failing_tool()

    (line,), after = recorder.events("cause"), causes(recorder)
    assert (recorder.spans, line["evidence"], after != before) == (
        [],
        [f"fault:{recorder.fault.id} KeyError: 'p9'"],
        True,
    )


def test_evidence_of_a_request_that_has_ended_is_cited_by_its_span(recorder):
    """The other request of an overlap may be over when this one ends."""
    first = open_operation(Kind.WORKFLOW, "first", request_id="r-1")
    second = open_operation(Kind.WORKFLOW, "second", request_id="r-2")
    first.use("1-2")
    second.use("1-2")
    first.finish()
    second.finish()

    ids = {trace.format_span_id(span.context.span_id): span.name for span in recorder.spans}
    cited = {span.name: [ids[text[5:21]] for text in span.attributes[names.CAUSE_EVIDENCE]] for span in recorder.spans}
    both = ["invoke_workflow first", "invoke_workflow second"]
    assert cited == {both[0]: both, both[1]: both[::-1]}


def test_at_the_level_of_errors_no_cause_is_logged(recorder):
    """`AUTOGEN_OTEL_LOG_LEVEL=ERROR` leaves the faults that the application saw."""
    autogen_otel.uninstrument()
    autogen_otel.instrument(Settings(log_level="ERROR"))

    with autogen_otel.request("req-42"):
        failing_tool()

    assert recorder.events("cause") == []


# The guard


def call_model(calls: list[str]) -> str:
    """Call a model as an adapter does; the host's function notes that it was reached."""

    def create() -> str:
        calls.append("called")
        return "answer"

    return around(create, lambda *_: open_operation(Kind.MODEL, "gpt-4o-mini"))(create, None, (), {})


@pytest.fixture
def shared():
    """Open two requests that use one conversation, and run a model call in the second one."""
    calls: list[str] = []

    def run(on_shared: str) -> list[str]:
        autogen_otel.uninstrument()
        autogen_otel.instrument(on_shared=on_shared)
        first = open_operation(Kind.WORKFLOW, "first", request_id="r-1")
        first.use("1-2")
        second = open_operation(Kind.WORKFLOW, "second", request_id="r-2")
        second.use("1-2")
        second.enter()
        try:
            call_model(calls)
            call_model(calls)
        finally:
            second.finish()
            second.leave()
            first.finish()
        return calls

    run.calls = calls
    return run


def test_the_guard_stops_a_model_call_that_would_mix_two_requests(recorder, shared):
    """The provider is not called, and the request's cause says why."""
    with pytest.raises(SharedStateError, match="r-2 shares a conversation or a prompt with request r-1"):
        shared("raise")

    assert (shared.calls, {line["cause"] for line in recorder.events("cause")}) == ([], {"shared_state"})


def test_the_guard_warns_once_for_two_requests(recorder, shared):
    """The calls go through."""
    with pytest.warns(SharedStateWarning) as warned:
        shared("warn")

    assert ([str(one.message)[:11] for one in warned], shared.calls) == (["request r-2"], ["called", "called"])


def test_a_warning_that_the_application_makes_an_error_of_stops_the_call(recorder, shared):
    """As `python -W error` does, or pytest's `filterwarnings`."""
    with warnings.catch_warnings(), pytest.raises(SharedStateWarning):
        warnings.simplefilter("error", SharedStateWarning)
        shared("warn")

    assert shared.calls == []


def test_by_default_nothing_is_stopped(recorder, shared):
    """What is found is told afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shared("log")

    assert shared.calls == ["called", "called"]


def test_the_guard_lets_a_request_of_its_own_through(recorder):
    """Two requests at the same time, each with its own conversation."""
    autogen_otel.uninstrument()
    autogen_otel.instrument(on_shared="raise")
    calls: list[str] = []

    def serve(number: int) -> None:
        with autogen_otel.request(f"r-{number}"):
            chat = open_operation(Kind.WORKFLOW, "chat")
            chat.use(str(number))
            chat.enter()
            call_model(calls)
            chat.finish()
            chat.leave()

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert calls == ["called"] * 4


def test_who_starts_anew_with_other_agents_is_let_through(recorder):
    """The same request, after its first chat was stopped."""
    autogen_otel.uninstrument()
    autogen_otel.instrument(on_shared="raise")
    calls: list[str] = []
    other = open_operation(Kind.WORKFLOW, "other", request_id="r-1")
    other.use("1-2")
    with autogen_otel.request("r-2"):
        for conversation in ("1-2", "3-4"):
            chat = open_operation(Kind.WORKFLOW, "chat")
            chat.use(conversation)
            chat.enter()
            with contextlib.suppress(SharedStateError):
                call_model(calls)
                calls.append(conversation)
            chat.finish()
            chat.leave()
    other.finish()

    assert calls == ["called", "3-4"]


@pytest.mark.parametrize("on_shared", ["log", "warn", "raise"])
def test_the_environment_says_what_the_guard_does(on_shared):
    """`AUTOGEN_OTEL_ON_SHARED`, in any case of letters."""
    assert Settings.from_env({"AUTOGEN_OTEL_ON_SHARED": on_shared.upper()}).on_shared == on_shared


def test_a_word_that_is_not_known_leaves_the_default_and_is_logged(caplog):
    """A program must start all the same."""
    settings = Settings.from_env({"AUTOGEN_OTEL_ON_SHARED": "rise"})

    assert (settings.on_shared, "AUTOGEN_OTEL_ON_SHARED" in caplog.text) == ("log", True)


def test_a_word_that_is_not_known_in_the_program_is_an_error():
    """Who writes it in code shall see it at once."""
    with pytest.raises(ValueError, match="on_shared"):
        autogen_otel.instrument(on_shared="rise")
