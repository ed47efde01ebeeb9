"""`autogen.beta`, which classic AutoGen 0.14 brings: what became ag2 1.x, with other places to lose an exception in."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import pytest

import autogen_otel
from autogen_otel.core import names
from autogen_otel.demo.provider import Provider, Status, per_model

pytest.importorskip("autogen.beta", reason="this version of AutoGen does not have it", exc_type=ImportError)

from autogen.beta import Agent
from autogen.beta.config import OpenAIConfig

if TYPE_CHECKING:
    from support.recorder import Recorder

ASSISTANT = "assistant"
POLICIES: dict[str, str] = {}
BOOM = Status(500, "boom", retry_after=0.001)


def lookup_policy(policy_id: str) -> str:
    """Look a policy up."""
    return POLICIES[policy_id]


LINE = lookup_policy.__code__.co_firstlineno + 2


def agent_of(provider: Provider, *tools: Any, name: str = ASSISTANT, model: str = "gpt-4o-mini") -> Any:
    """Return an agent with a model and tools."""
    config = OpenAIConfig(model, api_key="sk-" + "a" * 48, base_url=provider.base_url, max_retries=0)
    return Agent(name, config=config, tools=list(tools))


async def ask(agent: Any, message: str) -> str:
    """Ask in request req-42 and return the answer."""
    with autogen_otel.request("req-42"):
        reply = await agent.ask(message)
    return str(reply.body)


def story(tool: str | None, type_: str, **more: Any) -> dict[str, Any]:
    return {
        "type": type_,
        "agent": ASSISTANT,
        "tool": tool,
        "request": "req-42",
        "kind": "raised",
        "masked": [True],
        **more,
    }


def tree(recorder: Recorder) -> list[str]:
    """Return the tree of the request without its HTTP attempts."""
    return [line for line in recorder.tree() if line.strip(" !") != "POST"]


async def test_exception_of_a_tool_is_told(recorder, provider):
    """The model gets the traceback as a text, and the run looks well; the exception is told with its line."""
    answer = await ask(agent_of(provider, lookup_policy), 'call lookup_policy {"policy_id": "p9"}')

    frame = recorder.fault.raised_at
    assert ("KeyError: 'p9'" in answer, recorder.story(), (frame.file, frame.line), tree(recorder)) == (
        True,
        story("lookup_policy", "KeyError", message="'p9'", function="lookup_policy"),
        (__file__, LINE),
        [
            "request",
            f"  invoke_agent {ASSISTANT}",
            "    chat gpt-4o-mini",
            "    execute_tool lookup_policy!",
            "    chat gpt-4o-mini",
        ],
    )


@pytest.mark.parametrize(
    ("call", "tool", "kind"),
    [("call nope {}", "nope", "unknown_tool"), ("call lookup_policy {}", "lookup_policy", "bad_arguments")],
)
async def test_call_that_reaches_no_tool_is_told(recorder, provider, call, tool, kind):
    """A tool that the model made up, and arguments that do not fit, are no exception of a tool."""
    await ask(agent_of(provider, lookup_policy), call)

    fault = recorder.fault
    (span,) = recorder.named(f"execute_tool {tool}")
    assert (
        (fault.kind.value, fault.agent_name, fault.tool_name, fault.request_id, recorder.masked),
        span.attributes.get(names.TOOL_KNOWN),
    ) == ((kind, ASSISTANT, tool, "req-42", [True]), False if tool == "nope" else None)


async def test_exception_of_a_model_call_keeps_its_traceback(recorder):
    """`Agent.ask` wipes the traceback on Python 3.11 to 3.13; the application gets it back."""
    with Provider(BOOM) as provider, pytest.raises(Exception, match="boom") as caught:
        await ask(agent_of(provider), "hello")

    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    frame = recorder.fault.raised_at
    assert ({**recorder.story(), "message": None}, (frame.file, frame.line)) == (
        story(None, "openai.InternalServerError", message=None, function="request", masked=[False]),
        (last.filename, last.lineno),
    )


async def test_failure_of_an_agent_as_a_tool_is_told(recorder):
    """What became of the child is a text to the model; its exception is told, and the tool call shows it."""
    with Provider(per_model({"gpt-4o": BOOM})) as provider:
        child = agent_of(provider, name="researcher", model="gpt-4o")
        await ask(
            agent_of(provider, child.as_tool(description="Finds things.")), 'call task_researcher {"objective": "x"}'
        )

    (tool,) = recorder.named("execute_tool task_researcher")
    assert ({**recorder.story(), "message": None}, tool.attributes[names.FAULT_ID] == recorder.fault.id) == (
        story(None, "openai.InternalServerError", agent="researcher", message=None, function="request"),
        True,
    )
