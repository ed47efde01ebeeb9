"""Sync and async: what only waits first."""

from __future__ import annotations

import pytest

from autogen_otel.core import names
from autogen_otel.core.facts import Frame, Kind, Outcome

from .facts import APP, MS, RUNNERS, Facts, findings, only

TIMEOUTS = Frame("/usr/lib/python3.12/asyncio/timeouts.py", 115, "Timeout.__aexit__")


def test_a_slow_model_is_not_a_blocked_loop():
    """It takes long and answers; nobody blocks anything."""
    facts = Facts()
    root, chat = facts.request(loop=1)
    facts.model(chat, ms=30_000)
    facts.end(root, chat)

    assert findings(facts) == {}


def test_who_blocks_the_loop_and_answers_has_not_failed():
    """Only those that had to wait did, and here nobody waited."""
    facts = Facts()
    root, chat = facts.request(loop=1)
    tool = facts.open(Kind.TOOL, "report", chat)
    facts.stall(tool, 3_000)
    facts.end(root, chat, tool)

    assert findings(facts) == {}


def waiting(facts: Facts, *, blocked_ms: float, ms: float, loop: int = 1, pid: int = 100) -> None:
    """One request waits for its model, and another one blocks a loop meanwhile."""
    victim, chat = facts.request("r-victim", loop=1)
    call = facts.open(Kind.MODEL, "gpt-4o-mini", chat)
    blocker, other = facts.request("r-blocker", loop=loop)
    facts.pid = pid
    tool = facts.open(Kind.TOOL, "report", other, agent="clerk")
    facts.stall(tool, blocked_ms)
    facts.end(blocker, other, tool)
    fault = facts.after(ms).fault(call, "openai.APITimeoutError", "Request timed out.")
    facts.end(victim, chat, call, fault=fault)


def test_the_tool_that_blocked_the_loop_is_to_blame_for_a_timeout_of_another_request():
    """It has answered well itself; the evidence is both operations."""
    facts = Facts()
    waiting(facts, blocked_ms=3_000, ms=5)

    finding = only(facts)
    says = [one.says for one in finding.evidence]
    assert (findings(facts), finding.blame[names.TOOL_NAME], finding.blame[names.AGENT_NAME], says) == (
        {"r-victim": ["async_boundary/blocked_loop"]},
        "report",
        "clerk",
        ["openai.APITimeoutError: Request timed out.", "kept the event loop for 3000 ms"],
    )


@pytest.mark.parametrize(
    "more", [{"loop": 2}, {"pid": 7}, {"blocked_ms": 120.0}], ids=["another loop", "another process", "a moment"]
)
def test_who_did_not_keep_it_waiting_is_not_to_blame(more):
    """Another loop, another process, or far too short."""
    facts = Facts()
    waiting(facts, **{"blocked_ms": 3_000.0, "ms": 3_000.0 if "blocked_ms" in more else 5.0, **more})

    assert findings(facts)["r-victim"] == ["provider/timeout"]


def test_the_innermost_of_what_blocked_is_named():
    """The agent and the chat around the tool were only waiting for it."""
    facts = Facts()
    victim, chat = facts.request("r-victim", loop=1)
    call = facts.open(Kind.MODEL, "gpt-4o-mini", chat)
    blocker, other = facts.request("r-blocker", loop=1)
    agent = facts.open(Kind.AGENT, "clerk", other)
    tool = facts.open(Kind.TOOL, "report", agent)
    facts.stall(tool, 3_000)
    for outer in (agent, other):
        (stalled,) = facts.told[-1][1]
        around = stalled._replace(
            operation=outer, started_ns=stalled.started_ns - 2 * MS, ended_ns=stalled.ended_ns + MS
        )
        facts.told.append(("stalled", (around,)))
    facts.end(blocker, other, agent, tool)
    fault = facts.fault(call, "openai.APITimeoutError")
    facts.end(victim, chat, call, fault=fault)

    assert only(facts).blame[names.TOOL_NAME] == "report"


def test_a_deadline_of_the_application_that_a_blocked_loop_let_pass():
    """`asyncio.timeout` around the chat: the model call is broken off, and the request ends with a TimeoutError."""
    facts = Facts()
    victim, chat = facts.request("r-victim", loop=1)
    call = facts.open(Kind.MODEL, "gpt-4o-mini", chat)
    blocker, other = facts.request("r-blocker", loop=1)
    tool = facts.open(Kind.TOOL, "report", other)
    facts.stall(tool, 3_000)
    facts.end(blocker, other, tool)
    facts.close(call, outcome=Outcome.CANCELLED)
    facts.close(chat, outcome=Outcome.CANCELLED)
    fault = facts.fault(victim, "TimeoutError", "", TIMEOUTS)
    facts.close(victim, fault)

    assert findings(facts) == {"r-victim": ["async_boundary/blocked_loop"]}


def test_a_client_that_went_away_while_the_loop_was_blocked_is_a_hint():
    """Perhaps it would not wait that long; perhaps it has changed its mind."""
    facts = Facts()
    victim, chat = facts.request("r-victim", loop=1)
    blocker, other = facts.request("r-blocker", loop=1)
    tool = facts.open(Kind.TOOL, "report", other)
    facts.stall(tool, 3_000)
    facts.end(blocker, other, tool)
    facts.close(chat, outcome=Outcome.CANCELLED)
    facts.close(victim, outcome=Outcome.CANCELLED)

    assert findings(facts) == {"r-victim": ["async_boundary/blocked_loop?"]}


def test_a_client_that_went_away_for_the_most_part_before_the_loop_was_blocked():
    """It had waited long when somebody kept the loop for a moment."""
    facts = Facts()
    victim, chat = facts.request("r-victim", loop=1)
    facts.after(700)
    blocker, other = facts.request("r-blocker", loop=1)
    tool = facts.open(Kind.TOOL, "report", other)
    facts.stall(tool, 300)
    facts.end(blocker, other, tool)
    facts.close(chat, outcome=Outcome.CANCELLED)
    facts.close(victim, outcome=Outcome.CANCELLED)

    assert findings(facts) == {"r-victim": ["cancelled/cancelled"]}


@pytest.mark.parametrize(
    ("type_", "message", "at", "detail"),
    [
        ("RuntimeError", "asyncio.run() cannot be called from a running event loop", RUNNERS, "nested_run"),
        ("RuntimeError", "This event loop is already running", RUNNERS, "nested_run"),
        ("ValueError", "a coroutine was expected, got <ChatResult>", RUNNERS, "sync_in_async"),
        ("TypeError", "object ChatResult can't be used in 'await' expression", APP, "sync_in_async"),
        ("TypeError", "'ChatResult' object can't be awaited", APP, "sync_in_async"),
        ("AttributeError", "'coroutine' object has no attribute 'summary'", APP, "never_awaited"),
        (
            "pydantic_core._pydantic_core.PydanticSerializationError",
            "Unable to serialize unknown type: <class 'coroutine'>",
            APP,
            "never_awaited",
        ),
        ("RuntimeError", "<Queue at 0x1> is bound to a different event loop", APP, "foreign_loop"),
    ],
)
def test_what_python_says_of_the_wrong_mode(type_, message, at, detail):
    """Raised in the application's own handler, around a chat that has run."""
    facts = Facts()
    root, chat = facts.request()
    facts.model(chat)
    facts.close(chat)
    fault = facts.fault(root, type_, message, at)
    facts.close(root, fault)

    assert findings(facts) == {"r-1": [f"async_boundary/{detail}"]}


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        ("RuntimeWarning", "coroutine 'look_up' was never awaited"),
        ("RuntimeError", "asyncio.run() cannot be called from a running event loop"),
    ],
)
def test_a_tool_in_the_wrong_mode_is_no_tool_that_raises(type_, message):
    """AutoGen made a text of it; what is to be changed is how the tool is called."""
    facts = Facts()
    root, chat = facts.request()
    facts.failing_tool(chat, type_=type_, message=message)
    facts.end(root, chat)

    assert [cause.partition("/")[0] for cause in findings(facts)["r-1"]] == ["async_boundary"]


def test_a_tool_that_awaits_nothing_is_to_blame_for_what_its_result_ends_in():
    """The turn fails where JSON is made of the coroutine; one finding says both, and names the tool."""
    facts = Facts()
    root, chat = facts.request()
    facts.failing_tool(chat, type_="RuntimeWarning", message="coroutine 'fetch' was never awaited")
    unserializable = "Unable to serialize unknown type: <class 'coroutine'>"
    _, fault = facts.failing_model(chat, "pydantic_core._pydantic_core.PydanticSerializationError", unserializable)
    facts.end(root, chat, fault=fault)

    finding = only(facts)
    assert (finding.detail, finding.blame[names.TOOL_NAME], len(finding.evidence)) == (
        "never_awaited",
        "lookup_policy",
        2,
    )


def test_a_client_that_two_loops_use_at_the_same_time():
    """The other loop lives on: it is no stale client."""
    facts = Facts()
    root, chat = facts.request(loop=2)
    start = {"CLIENT_INSTANCE": 3, "CLIENT_LOOP": 1, "CLIENT_LOOP_CLOSED": False}
    _, fault = facts.failing_model(chat, "RuntimeError", "Event loop is closed", start=start)
    facts.end(root, chat, fault=fault)

    assert (findings(facts), only(facts).blame[names.CLIENT_INSTANCE]) == ({"r-1": ["async_boundary/foreign_loop"]}, 3)
