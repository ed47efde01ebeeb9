"""Tools that raise: what the model made good first."""

from __future__ import annotations

import pytest

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind, Outcome

from .facts import Facts, findings, only


def test_a_tool_that_did_its_work_in_the_end_is_no_finding():
    """The model saw the error, asked again with other arguments, and got an answer."""
    facts = Facts()
    root, chat = facts.request()
    facts.failing_tool(chat)
    facts.tool(chat)
    facts.end(root, chat)

    assert findings(facts) == {}


def test_code_that_the_model_corrected_is_no_finding():
    """Code that fails and is written anew is how such a chat works."""
    facts = Facts()
    root, chat = facts.request()
    code = facts.open(Kind.CODE, "LocalCommandLineCodeExecutor", chat)
    fault = facts.fault(code, "ZeroDivisionError", kind=FaultKind.CODE_FAILED)
    facts.settle(code, fault, masked=True)
    facts.close(code, fault)
    facts.close(facts.open(Kind.CODE, "LocalCommandLineCodeExecutor", chat))
    facts.end(root, chat)

    assert findings(facts) == {}


def test_a_made_up_tool_is_made_good_by_one_that_exists():
    """The model corrects itself."""
    facts = Facts()
    root, chat = facts.request()
    facts.failing_tool(chat, "find_policy", "unknown_tool", kind=FaultKind.UNKNOWN_TOOL)
    facts.tool(chat, "lookup_policy")
    facts.end(root, chat)

    assert findings(facts) == {}


def test_a_tool_that_went_well_before_makes_nothing_good():
    """The order counts."""
    facts = Facts()
    root, chat = facts.request()
    facts.tool(chat)
    facts.failing_tool(chat)
    facts.end(root, chat)

    assert findings(facts) == {"r-1": ["tool_exception/raised"]}


def test_a_masked_exception_names_tool_agent_and_line():
    """The request has answered, with a text of AutoGen's in place of a policy."""
    facts = Facts()
    root, chat = facts.request()
    call, fault = facts.failing_tool(chat)
    facts.model(chat)
    facts.end(root, chat)

    finding = only(facts)
    assert (finding.certain, dict(finding.blame), [(one.operation_id, one.fault_id) for one in finding.evidence]) == (
        True,
        {
            names.PROCESS_PID: 100,
            names.AGENT_NAME: "user",
            names.TOOL_NAME: "lookup_policy",
            names.FAULT_RAISED_AT: "/srv/app/tools.py:41 in lookup_policy",
        },
        [(call.id, fault.id)],
    )


@pytest.mark.parametrize("kind", [FaultKind.BAD_ARGUMENTS, FaultKind.UNKNOWN_TOOL, FaultKind.RETURNED])
def test_what_no_tool_has_raised_is_told_apart(kind):
    """Arguments that do not fit, a tool that does not exist, and an error that a tool returned as its value."""
    facts = Facts()
    root, chat = facts.request()
    facts.failing_tool(chat, kind=kind)
    facts.end(root, chat)

    assert findings(facts) == {"r-1": [f"tool_exception/{kind.value}"]}


def test_a_fatal_exception_of_a_tool():
    """Where AutoGen lets it through, the request ends with it."""
    facts = Facts()
    root, chat = facts.request()
    call = facts.open(Kind.TOOL, "lookup_policy", chat)
    fault = facts.fault(call, "KeyError", "'p9'")
    facts.end(root, chat, call, fault=fault)

    assert (findings(facts), "ended with it" in only(facts).summary) == ({"r-1": ["tool_exception/raised"]}, True)


def test_a_blanket_retry_of_what_cannot_succeed():
    """The same exception in each of the chats that the application starts again."""
    facts = Facts()
    root = facts.open(Kind.REQUEST, "request")
    for _ in range(3):
        chat = facts.open(Kind.WORKFLOW, "user -> assistant", root)
        call = facts.open(Kind.TOOL, "lookup_policy", chat)
        fault = facts.fault(call, "KeyError", "'p9'", transient=False)
        facts.close(call, fault)
        facts.settle(chat, fault, masked=False)
        facts.close(chat, fault)
    facts.close(root, fault)

    assert findings(facts) == {"r-1": ["tool_exception/repeated"]}


def test_an_application_that_retries_a_wrong_answer_and_gives_up():
    """No chat has failed; the exception at the end is the application's own."""
    facts = Facts()
    root = facts.open(Kind.REQUEST, "request")
    for _ in range(2):
        chat = facts.open(Kind.WORKFLOW, "user -> assistant", root)
        facts.failing_tool(chat, transient=False)
        facts.model(chat)
        facts.close(chat)
    fault = facts.fault(root, "RuntimeError", "gave up")
    facts.close(root, fault)

    assert findings(facts) == {"r-1": ["tool_exception/repeated"]}


def test_an_exception_after_which_autogen_waits_for_ever():
    """It reached nobody: the client went away in the end, and that is not the cause."""
    facts = Facts()
    root, chat = facts.request()
    call = facts.open(Kind.TOOL, "lookup_policy", chat)
    fault = facts.fault(call, "SystemExit")
    facts.settle(call, fault, masked=False)
    facts.close(call, fault)
    facts.after(60_000).close(chat, outcome=Outcome.CANCELLED)
    facts.close(root, outcome=Outcome.CANCELLED)

    assert findings(facts) == {"r-1": ["tool_exception/raised"]}


def test_the_limit_of_a_tools_own_api_is_the_tools():
    """A 429 that a tool got is no rate limit of the model's provider."""
    facts = Facts()
    root, chat = facts.request()
    facts.failing_tool(chat, type_="httpx.HTTPStatusError", message="429 Too Many Requests", HTTP_STATUS=429)
    facts.end(root, chat)

    assert findings(facts) == {"r-1": ["tool_exception/raised"]}
