"""Clients that bring connections from elsewhere: the harmless ones first."""

from __future__ import annotations

import pytest

from autogen_otel.core import names
from autogen_otel.core.facts import ExceptionData

from .facts import Facts, findings, only

CLOSED = ExceptionData("RuntimeError", "Event loop is closed", ())


def test_a_client_that_was_made_before_the_fork_and_not_used_is_harmless():
    """It tells of no connection that it has brought."""
    facts = Facts()
    root, chat = facts.request()
    facts.model(chat, CLIENT_INSTANCE=1)
    facts.end(root, chat)

    assert findings(facts) == {}


def test_a_client_that_moved_to_another_loop_and_works_is_harmless():
    """It opens new connections."""
    facts = Facts()
    root, chat = facts.request()
    facts.model(chat, CLIENT_INSTANCE=1, CLIENT_LOOP=1, CLIENT_LOOP_CLOSED=True)
    facts.end(root, chat)

    assert findings(facts) == {}


def test_connections_that_were_carried_over_a_fork_make_each_answer_doubtful():
    """The request has answered, perhaps with the answer of another process."""
    facts = Facts(pid=7)
    root, chat = facts.request()
    call = facts.model(chat, CLIENT_INSTANCE=1, CLIENT_FORKED_FROM=3)
    facts.end(root, chat)

    finding = only(facts)
    assert (finding.detail, finding.certain, dict(finding.blame), [one.operation_id for one in finding.evidence]) == (
        "forked",
        True,
        {names.PROCESS_PID: 7, names.CLIENT_INSTANCE: 1},
        [call.id],
    )


@pytest.mark.parametrize(
    ("type_", "fields", "explained"),
    [
        ("openai.APIConnectionError", {}, True),
        ("json.decoder.JSONDecodeError", {}, True),
        ("openai.BadRequestError", {"HTTP_STATUS": 400}, True),
        ("openai.AuthenticationError", {"HTTP_STATUS": 401}, False),
        ("openai.InternalServerError", {"HTTP_STATUS": 500}, False),
    ],
)
def test_what_two_processes_on_one_socket_explain(type_, fields, explained):
    """Broken connections and answers; not a wrong key, and not a failing provider."""
    facts = Facts()
    root, chat = facts.request()
    _, fault = facts.failing_model(chat, type_, start={"CLIENT_FORKED_FROM": 3}, **fields)
    facts.end(root, chat, fault=fault)

    found = findings(facts)["r-1"]
    assert (found[0] == "stale_client/forked", len(found)) == (explained, 1 if explained else 2)


def test_a_client_of_a_loop_that_is_closed():
    """Each call has run a loop of its own."""
    facts = Facts()
    root, chat = facts.request(loop=2)
    start = {"CLIENT_INSTANCE": 1, "CLIENT_LOOP": 1, "CLIENT_LOOP_CLOSED": True}
    _, fault = facts.failing_model(chat, "openai.APIConnectionError", caused_by=CLOSED, start=start)
    facts.end(root, chat, fault=fault)

    assert findings(facts) == {"r-1": ["stale_client/closed_loop"]}


def test_a_tools_own_client_of_a_loop_that_is_closed():
    """Nobody observes that client; what Python says is enough."""
    facts = Facts()
    root, chat = facts.request()
    facts.failing_tool(chat, "fetch", "RuntimeError", "Event loop is closed")
    facts.end(root, chat)

    assert (findings(facts), only(facts).blame[names.TOOL_NAME]) == ({"r-1": ["stale_client/closed_loop"]}, "fetch")


def test_a_broken_connection_of_a_client_that_moved_is_a_hint():
    """It may be the old loop, or the network."""
    facts = Facts()
    root, chat = facts.request(loop=2)
    start = {"CLIENT_LOOP": 1, "CLIENT_LOOP_CLOSED": True}
    _, fault = facts.failing_model(chat, "openai.APIConnectionError", start=start)
    facts.end(root, chat, fault=fault)

    assert findings(facts) == {"r-1": ["stale_client/closed_loop?"]}


def test_an_exporter_that_was_started_before_the_fork_comes_behind_what_is_wrong():
    """It loses telemetry; that is not why the tool has raised."""
    facts = Facts()
    root, chat = facts.request()
    facts.failing_tool(chat)
    facts.close(chat)
    facts.close(root, EXPORTER_NAME="OTLPSpanExporter", EXPORTER_FORKED_FROM=3)

    assert findings(facts) == {"r-1": ["tool_exception/raised", "stale_client/exporter"]}
