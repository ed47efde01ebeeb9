"""Agents that run without a chat, behind A2A and AG-UI or on a voice line: their failures are recorded all the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from support.classic import ASSISTANT, USER, a_chat, agent_of, chain, mute, needs, raised, refusing, told

import autogen_otel
from autogen_otel.demo.provider import Provider, Status

BOOM = Status(500, "boom", retry_after=0.001)
POLICIES: dict[str, str] = {}
ASK = 'call lookup_policy {"policy_id": "p9"}'


def lookup_policy(policy_id: str) -> str:
    return POLICIES[policy_id]


async def alookup_policy(policy_id: str) -> str:
    return POLICIES[policy_id]


# A2A and AG-UI


async def serve(agent: Any, message: str) -> list[Any]:
    """Let a service run an agent, as A2A and AG-UI do."""
    remote = pytest.importorskip("autogen.agentchat.remote")
    state = remote.RequestMessage(messages=[{"role": "user", "content": message}])
    return [response async for response in remote.AgentService(agent)(state)]


@needs(0, 10)
async def test_agent_of_a_service_is_one_tree(recorder, provider):
    """A service calls an agent's reply functions itself; model and tool stand below the agent all the same."""
    with autogen_otel.request("req-42"):
        await serve(agent_of(provider, ASSISTANT, functions=[lookup_policy]), ASK)

    assert (recorder.tree(), set(recorder.request_ids()), recorder.fault.agent_name) == (
        [
            "request",
            "  invoke_agent assistant",
            "    chat gpt-4o-mini",
            "      POST",
            "    execute_tool lookup_policy!",
            "    chat gpt-4o-mini",
            "      POST",
        ],
        {"req-42"},
        ASSISTANT,
    )


@needs(0, 10)
async def test_fault_of_a_service(recorder):
    """A 500 in a service is recorded with the agent."""
    with Provider(BOOM) as provider:
        agent = agent_of(provider, ASSISTANT)
        with pytest.raises(Exception, match="boom") as caught, autogen_otel.request("req-42"):
            await serve(agent, "hello")

    assert told(recorder) == raised(caught.value, **{key: told(recorder)[key] for key in ("place", "function")})


async def test_error_of_an_a2a_server(recorder):
    """`InternalError("InternalServerError(...)")`, all that A2A tells its caller, is told by the 500 behind it."""
    pytest.importorskip("a2a.compat.v0_3")
    from a2a.compat.v0_3 import conversions
    from a2a.compat.v0_3.types import Message, Part, Role, TextPart
    from autogen.a2a.agent_executor import AutogenAgentExecutor

    class Queue:
        async def enqueue_event(self, _: Any) -> None:
            """Forget it."""

    hello = Message(message_id="1", role=Role.user, parts=[Part(root=TextPart(text="hello"))])
    context = SimpleNamespace(message=conversions.to_core_message(hello), current_task=None)
    with Provider(BOOM) as provider:
        executor = AutogenAgentExecutor(agent_of(provider, ASSISTANT))
        with pytest.raises(Exception, match="InternalServerError") as caught, autogen_otel.request("req-42"):
            await executor.execute(context, Queue())

    original = autogen_otel.original_exception(caught.value)
    found = {key: told(recorder)[key] for key in ("type", "message", "agent", "request", "masked")}
    assert (type(caught.value).__name__, found) == (
        "InternalError",
        {
            "type": "openai.InternalServerError",
            "message": str(original),
            "agent": ASSISTANT,
            "request": "req-42",
            "masked": [False],
        },
    )


async def test_agent_behind_a2a_that_is_not_there(recorder):
    """`A2aAgentNotFoundError` is told with the connection that was refused as its cause."""
    pytest.importorskip("a2a")
    from autogen.a2a import A2aRemoteAgent

    remote = A2aRemoteAgent(url=refusing(), name="remote")
    with pytest.raises(Exception, match="not found") as caught, autogen_otel.request("req-42"):
        await a_chat(mute(USER), remote, "hello")

    expected = raised(caught.value, agent="remote", **{key: told(recorder)[key] for key in ("place", "function")})
    assert (told(recorder), chain(recorder)[-1]) == (expected, ("ConnectionRefusedError", "cause"))


# Voice


class Line:
    """The voice line: what the observer sends back."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def send_function_result(self, call_id: str, result: str) -> None:
        self.sent.append(result)


def observer(line: Line, *functions: Any) -> Any:
    """Return the observer that calls tools by voice."""
    package = pytest.importorskip("autogen.agentchat.realtime.experimental.function_observer")
    from autogen.tools import Tool

    tools = {one.__name__: Tool(name=one.__name__, description="A tool.", func_or_tool=one) for one in functions}
    found = package.FunctionObserver()
    found._agent = SimpleNamespace(registered_realtime_tools=tools, realtime_client=line, _name="voice")
    return found


@pytest.mark.parametrize("tool", [lookup_policy, alookup_policy])
async def test_tool_by_voice(recorder, tool):
    """`Function call failed`, all that AutoGen says, is told by the exception of the tool; it is masked."""
    line = Line()

    with autogen_otel.request("req-42"):
        await observer(line, tool).call_function(call_id="1", name=tool.__name__, kwargs={"policy_id": "p9"})

    assert (line.sent, recorder.story()) == (
        ["Function call failed"],
        {
            "type": "KeyError",
            "message": "'p9'",
            "function": tool.__name__,
            "agent": "voice",
            "tool": tool.__name__,
            "request": "req-42",
            "kind": "raised",
            "masked": [True],
        },
    )


async def test_unknown_tool_by_voice(recorder):
    """A tool that the model made up is answered by nobody; it is told as such."""
    line = Line()

    with autogen_otel.request("req-42"):
        await observer(line).call_function(call_id="1", name="nope", kwargs={})

    assert (line.sent, recorder.story()["kind"], recorder.story()["tool"]) == ([], "unknown_tool", "nope")


async def test_tool_by_voice_is_put_back(recorder):
    """After `uninstrument()` a tool holds the very function that it was made with."""
    asked = observer(Line(), lookup_policy)
    tool = asked._agent.registered_realtime_tools["lookup_policy"]
    before = tool._func

    await asked.call_function(call_id="1", name="lookup_policy", kwargs={"policy_id": "p9"})
    during = tool._func
    autogen_otel.uninstrument()

    assert (during is before, tool._func is before) == (False, True)
