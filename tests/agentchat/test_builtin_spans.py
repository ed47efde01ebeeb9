"""AutoGen 0.7 makes spans of agents and tools by itself: ours stand in their place, once, with their attributes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken, trace_invoke_agent_span, trace_tool_span
from autogen_core.tools import FunctionTool
from opentelemetry import trace
from support.agentchat import Saying, assistant_of

import autogen_otel
from autogen_otel.core import names
from autogen_otel.diagnosis.grouping import requests_in
from autogen_otel.diagnosis.load import load

POLICIES: dict[str, str] = {}


async def lookup_policy(policy_id: str) -> str:
    """Look a policy up."""
    trace.get_current_span().set_attribute("mine", policy_id)
    return POLICIES[policy_id]


def by_scope(recorder: Any, name: str) -> list[str]:
    """Return who has made the spans of a name."""
    return [span.instrumentation_scope.name for span in recorder.named(name)]


async def test_agent_and_tool_have_one_span_each(recorder, provider):
    """`run` and a tool call are ours alone, and what AutoGen says on its own spans stands on them."""
    agent = assistant_of(provider, lookup_policy, description="It looks policies up.")

    await agent.run(task='call lookup_policy {"policy_id": "p9"}')

    (turn,), (tool,) = recorder.named("invoke_agent assistant"), recorder.named("execute_tool lookup_policy")
    assert (
        turn.instrumentation_scope.name,
        tool.instrumentation_scope.name,
        turn.attributes[names.AGENT_DESCRIPTION],
        tool.attributes[names.TOOL_DESCRIPTION],
        tool.attributes[names.TOOL_CALL_ID],
        tool.attributes["mine"],
    ) == ("autogen_otel", "autogen_otel", "It looks policies up.", "Look a policy up.", "call_1_1", "p9")


async def test_exception_stands_once(recorder, provider):
    """AutoGen records an exception twice on each of its spans; here it is one event on one span."""
    await assistant_of(provider, lookup_policy).run(task='call lookup_policy {"policy_id": "p9"}')

    events = [(span.name, event.name) for span in recorder.spans for event in span.events]
    assert events == [("execute_tool lookup_policy", "exception")]


async def test_member_of_a_team_has_one_span(recorder):
    """The container around a member makes one as well; it knows the member's ID in the runtime."""
    await RoundRobinGroupChat([Saying("a")], max_turns=1).run(task="go")

    (turn,) = recorder.named("invoke_agent a")
    kind, _, key = turn.attributes[names.AGENT_ID].partition("/")
    assert (turn.instrumentation_scope.name, kind == f"a_{key}") == ("autogen_otel", True)


async def test_id_of_a_member_is_not_that_of_an_agent_it_asks(recorder, provider):
    """An agent that a member asks in turn has no ID in the team's runtime."""
    inner = Saying("a")

    class Asking(Saying):
        async def on_messages(self, messages: Any, cancellation_token: Any) -> Any:
            await inner.run(task="go")
            return await super().on_messages(messages, cancellation_token)

    await RoundRobinGroupChat([Asking("b")], max_turns=1).run(task="go")

    found = [names.AGENT_ID in recorder.named(f"invoke_agent {name}")[0].attributes for name in "ab"]
    assert found == [False, True]


async def test_application_may_make_such_spans_itself(recorder):
    """AutoGen's context managers are public; who calls them gets their spans, as before."""
    with trace_invoke_agent_span("mine"), trace_tool_span("mine"):
        pass

    assert (by_scope(recorder, "invoke_agent mine"), by_scope(recorder, "execute_tool mine")) == (
        ["autogen-core"],
        ["autogen-core"],
    )


async def test_spans_are_autogens_again_after_uninstrument(recorder):
    """Without us AutoGen makes its own."""
    autogen_otel.uninstrument()

    with pytest.raises(KeyError):
        await FunctionTool(lookup_policy, "A tool.").run_json({"policy_id": "p9"}, CancellationToken())

    assert by_scope(recorder, "execute_tool lookup_policy") == ["autogen-core"]


PRIVATE = """
import asyncio
from support.agentchat import Saying, assistant_of
import autogen_otel
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_otel.demo.provider import Provider

def lookup_policy(policy_id: str) -> str:
    "Look a policy up."
    return {}[policy_id]

async def main():
    with Provider() as provider, autogen_otel.request("req-42"):
        team = RoundRobinGroupChat([assistant_of(provider, lookup_policy), Saying("b")], max_turns=2)
        await team.run(task='call lookup_policy {"policy_id": "p9"}')

autogen_otel.instrument()
asyncio.run(main())
"""


def test_program_without_a_provider_has_the_same_spans(tmp_path):
    """AutoGen's spans need a global TracerProvider; ours are stored without one, each once."""
    environ = {"AUTOGEN_OTEL_STORE": str(tmp_path), "PYTHONPATH": str(Path(__file__).parent.parent)}
    subprocess.run([sys.executable, "-c", PRIVATE], timeout=60, env=environ, capture_output=True, check=True)

    (request,) = requests_in(load(tmp_path))
    tree = [("  " * node.depth) + node.span.name for node in request.nodes if node.span.name != "POST"]
    assert tree == [
        "request",
        "  invoke_workflow RoundRobinGroupChat",
        "    invoke_agent assistant",
        "      chat gpt-4o-mini",
        "      execute_tool lookup_policy",
        "      chat gpt-4o-mini",
        "    invoke_agent b",
    ]
