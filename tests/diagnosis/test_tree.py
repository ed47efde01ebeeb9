"""Records become requests with a tree, whatever their order and however many are missing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.diagnosis.grouping import requests_in
from autogen_otel.diagnosis.load import StoredSpan

from .records import TRACE, log, span

IDS = [f"{number:016x}" for number in range(12)]


@st.composite
def records(draw: st.DrawFn) -> list[Any]:
    """Draw spans of which each may be anybody's child, also its own grandparent's, and logs that name some of them."""
    ids = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=10))
    found: list[Any] = [
        span(
            span_id,
            draw(st.sampled_from(["", *IDS])),
            draw(st.sampled_from(["request", "invoke_workflow a -> b", "invoke_agent a", "POST"])),
            draw(st.integers(0, 5)),
            scope=draw(st.sampled_from(["autogen_otel", "opentelemetry.instrumentation.httpx"])),
            trace=draw(st.sampled_from([TRACE, "b" * 32])),
        )
        for span_id in ids
    ]
    for event in draw(st.lists(st.sampled_from(["request started", "request finished", "fault"]), max_size=4)):
        at, span_id = draw(st.integers(0, 9)), draw(st.sampled_from(["", *IDS]))
        found.append(log(event, at, span_id, trace=draw(st.sampled_from([TRACE, "b" * 32, ""]))))
    return found


@given(records(), st.randoms())
def test_tree_does_not_depend_on_the_order_of_records(found, random):
    """The same records in another order make the same requests."""
    shuffled = list(found)
    random.shuffle(shuffled)

    assert requests_in(shuffled) == requests_in(found)


@given(records(), st.data())
def test_nothing_is_lost_whatever_is_missing(found, data):
    """Of any part of the records each span and each log line is in exactly one request."""
    kept = [record for record in found if data.draw(st.booleans())]

    requests = requests_in(kept)

    spans = sorted(node.span.span_id for request in requests for node in request.nodes)
    assert (spans, sum(len(request.logs) for request in requests)) == (
        sorted(record.span_id for record in kept if isinstance(record, StoredSpan)),
        sum(not isinstance(record, StoredSpan) for record in kept),
    )


@given(records())
def test_node_follows_the_one_that_encloses_it(found):
    """Each node is one deeper than its parent, which stands before it; where that is missing it says so."""
    for request in requests_in(found):
        depths: dict[str, int] = {}
        for node in request.nodes:
            if node.orphan:
                assert node.depth == 1
            elif node.depth > 0:
                assert node.depth == depths[node.span.parent_span_id] + 1
            else:
                assert node.span.span_id == request.root_span_id
            depths[node.span.span_id] = node.depth


def shape(found: list[Any]) -> list[Any]:
    """Return each request as its trees' spans, indented, `?` marking those whose parent is missing."""
    return [
        ["  " * node.depth + ("?" if node.orphan else "") + node.span.span_id for node in request.nodes]
        for request in requests_in(found)
    ]


def test_siblings_stand_in_the_order_of_their_start():
    """Of operations side by side the first one that started comes first."""
    found = [span("c", "r", at=9), span("b", "r", at=3), span("d", "b", at=4), span("r", name="request")]

    assert shape(found) == [["r", "  b", "    d", "  c"]]


def test_span_without_its_parent_is_shown_below_the_request():
    """A gap in the export takes nothing along."""
    assert shape([span("r", name="request"), span("c", "lost"), span("d", "c")]) == [["r", "  ?c", "    d"]]


def test_request_that_was_never_finished_has_a_tree():
    """Without the request's own span, what has ended hangs below it all the same."""
    found = [log("request started", span_id="r"), span("c", "lost"), span("d", "c")]

    assert (shape(found), requests_in(found)[0].root_span_id) == ([["  ?c", "    d"]], "r")


def test_retry_in_one_trace_is_a_request_of_its_own():
    """A client that tries again within its own trace makes two requests of one ID."""
    found = [
        span("r1", "client", "request", at=0),
        span("a", "r1", at=1),
        span("r2", "client", "request", at=100),
        span("b", "r2", at=101),
    ]

    assert shape(found) == [["r1", "  a"], ["r2", "  b"]]


def test_orphan_belongs_to_the_request_during_which_it_began():
    """Of two requests of one ID, an orphan goes to the one that had begun last."""
    found = [
        span("r1", "client", "request", at=0),
        span("r2", "client", "request", at=100),
        span("a", "lost", at=50),
        span("b", "lost", at=150),
    ]

    assert shape(found) == [["r1", "  ?a"], ["r2", "  ?b"]]


def test_request_inside_a_request_of_the_same_id_is_a_part_of_it():
    """A service that calls another one with the request's ID: one tree."""
    found = [
        span("r1", name="request"),
        span("http", "r1", "POST", scope="opentelemetry.instrumentation.httpx"),
        span("r2", "http", "request", at=1),
        log("request started", 1, "r2"),
    ]

    assert shape(found) == [["r1", "  http", "    r2"]]


def test_chat_below_the_applications_server_span_is_the_request():
    """A chat that opened its request itself has a parent that is none of ours: it is no orphan."""
    assert shape([span("w", "server", "invoke_workflow a -> b"), span("c", "w")]) == [["w", "  c"]]


def test_spans_that_enclose_each_other_are_shown_once():
    """A broken exporter's circle does not hang the reader."""
    found = [span("r", name="request"), span("a", "b", at=1), span("b", "a", at=2), span("c", "c", at=3)]

    assert shape(found) == [["r", "  ?a", "    b", "  ?c"]]


def test_nesting_may_be_deeper_than_python_recurses():
    """Ten thousand operations inside each other are a tree like any other."""
    found = [span("0", name="request"), *(span(str(n), str(n - 1), at=n) for n in range(1, 10_000))]

    (request,) = requests_in(found)
    assert (len(request.nodes), request.nodes[-1].depth) == (10_000, 9_999)


def test_span_that_was_exported_twice_counts_once():
    """A Collector that writes what the store has too does not double the tree."""
    assert shape([span("r", name="request"), span("r", name="request")]) == [["r"]]


def test_log_line_without_a_trace_belongs_to_the_request_of_its_time():
    """A line from a thread that lost the trace is counted for the request that was running."""
    found = [
        span("r1", name="request", at=0),
        span("r2", name="request", at=100, trace="b" * 32),
        log("something", 150, trace=""),
    ]

    assert [len(request.logs) for request in requests_in(found)] == [0, 1]
