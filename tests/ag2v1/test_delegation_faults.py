"""Agents that work for other agents: their failures look like success, and are recorded all the same."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from support.ag2 import ASSISTANT, agent_of, ask, config, wrong

from autogen_otel.core import names
from autogen_otel.demo.provider import Provider, Status, echo_tools, per_model

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")

from ag2 import Agent, MemoryStream, TaskConfig
from ag2.tools.subagents.background import background_agent_tool

# openai's client tries again after so many seconds.
BOOM = per_model({"gpt-4o": Status(500, "boom", retry_after=0.001)})
FAULT = {
    "type": "openai.InternalServerError",
    "agent": "researcher",
    "tool": None,
    "request": "req-42",
    "kind": "raised",
    "masked": [True],
}


def told(recorder: Any) -> dict[str, Any]:
    """Return the only fault without its text and place, which are openai's."""
    return {key: value for key, value in recorder.story().items() if key in FAULT}


def researcher(provider: Provider) -> Any:
    """Return an agent whose model fails."""
    return Agent("researcher", config=config(provider, "gpt-4o"))


async def test_agent_as_a_tool_that_fails(recorder):
    """`Sub-task 'researcher' failed: ...` is the child's exception; the tool call shows it, the parent is fine."""
    with Provider(BOOM) as provider:
        boss = agent_of(provider, tools=[researcher(provider).as_tool(description="Finds things.")])
        answer = await ask(boss, 'call task_researcher {"objective": "x"}')

    (tool,) = recorder.named("execute_tool task_researcher")
    assert (
        "failed: Error code: 500" in answer,
        told(recorder),
        wrong(recorder),
        tool.attributes[names.FAULT_ID] == recorder.fault.id,
        len([event for span in recorder.spans for event in span.events]),
    ) == (
        True,
        FAULT,
        ["execute_tool task_researcher", "invoke_agent researcher", "chat gpt-4o"],
        True,
        1,
    )


async def test_child_stands_below_the_tool_that_runs_it(recorder, provider):
    """Delegation is one trace: agent, tool, agent."""
    boss = agent_of(provider, tools=[Agent("researcher", config=config(provider)).as_tool(description="Finds.")])

    await ask(boss, 'call task_researcher {"objective": "x"}')

    assert recorder.tree() == [
        "request",
        f"  invoke_agent {ASSISTANT}",
        "    chat gpt-4o-mini",
        "      POST",
        "    execute_tool task_researcher",
        "      invoke_agent researcher",
        "        chat gpt-4o-mini",
        "          POST",
        "    chat gpt-4o-mini",
        "      POST",
    ]


@pytest.mark.parametrize(
    "call",
    [
        'call run_subtask {"task": "x"}',
        'call run_subtasks {"tasks": ["x"]}',
        'call run_subtasks {"tasks": ["x"], "parallel": false}',
    ],
)
async def test_subtask_that_fails(recorder, call):
    """The bare agents that ag2 makes for subtasks are seen; `Error: ...` is told by their exception."""
    with Provider(BOOM) as provider:
        boss = agent_of(provider, tasks=TaskConfig(config=config(provider, "gpt-4o")))
        answer = await ask(boss, call)

    tool = f"execute_tool {call.split()[1]}"
    fault = recorder.fault
    assert (
        "Error: Error code: 500" in answer,
        {**told(recorder), "agent": fault.agent_name.partition("-")[0]},
        wrong(recorder),
    ) == (True, {**FAULT, "agent": "subtask"}, [tool, f"invoke_agent {fault.agent_name}", "chat gpt-4o"])


async def test_parallel_subtasks_are_told_one_by_one(recorder):
    """Two of three fail: two faults, one tool call that shows it."""
    script = per_model(
        {"gpt-4o": lambda chat: Status(500, "boom") if "bad" in str(chat.messages) else echo_tools(chat)}
    )
    with Provider(script) as provider:
        boss = agent_of(provider, tasks=TaskConfig(config=config(provider, "gpt-4o")))
        await ask(boss, 'call run_subtasks {"tasks": ["bad 1", "good", "bad 2"]}')

    (tool,) = recorder.named("execute_tool run_subtasks")
    below = [span for span in recorder.spans if span.parent and span.parent.span_id == tool.context.span_id]
    assert (len(recorder.facts.faults), recorder.masked, len(below), len({span.name for span in below})) == (
        2,
        [True, True],
        3,
        3,
    )


async def test_agent_in_the_background_that_fails(recorder):
    """Its failure becomes a message in a later turn; it is told with the request that started it."""
    with Provider(BOOM) as provider:
        tool = background_agent_tool(researcher(provider), description="Finds things, later.")
        stream = MemoryStream()
        await ask(agent_of(provider, tools=[tool]), 'call background_task_researcher {"objective": "x"}', stream=stream)
        await asyncio.gather(*stream._background_tasks)

    assert (told(recorder), wrong(recorder)) == (
        FAULT,
        ["invoke_workflow background researcher", "invoke_agent researcher", "chat gpt-4o"],
    )


async def test_tool_that_copes_with_an_agents_failure(recorder):
    """A tool of the application's that asks an agent and answers without it is fine; the fault is masked."""
    with Provider(BOOM) as provider:
        child = researcher(provider)

        async def research(topic: str) -> str:
            """Find things."""
            try:
                return str((await child.ask(topic)).body)
            except Exception:  # noqa: BLE001 - as applications do
                return "nothing found"

        answer = await ask(agent_of(provider, research), 'call research {"topic": "x"}')

    assert (answer, told(recorder), wrong(recorder)) == (
        "nothing found TERMINATE",
        FAULT,
        ["invoke_agent researcher", "chat gpt-4o"],
    )


def dynamic(provider: Provider, model: str) -> Any:
    """Return a tool that makes agents as a model describes them."""
    module = pytest.importorskip("ag2.tools.dynamic", reason="this version of ag2 does not have it")
    return module.dynamic_agent(available_tools=[], config=config(provider, model))


def spec(*tools: str) -> str:
    """Return the call that makes an agent with these tools."""
    described = {"name": "researcher", "prompt": ["Find."], "tool_names": list(tools)}
    return f"call create_and_run_agent {json.dumps({'spec': described, 'objective': 'x'})}"


async def test_agent_that_a_model_has_described_fails(recorder):
    """`Error: ...` of an agent that a model has made is told by its exception."""
    with Provider(BOOM) as provider:
        await ask(agent_of(provider, dynamic(provider, "gpt-4o")), spec())

    assert (told(recorder), wrong(recorder)) == (
        FAULT,
        ["execute_tool create_and_run_agent", "invoke_agent researcher", "chat gpt-4o"],
    )


async def test_agent_that_a_model_has_described_wrongly(recorder, provider):
    """A model that names tools which are not there gets a text; the exception is told in its tool call."""
    answer = await ask(agent_of(provider, dynamic(provider, "gpt-4o")), spec("nope"))

    assert (
        "Error: unknown tools ['nope']" in answer,
        recorder.fault.raised_at.function.rpartition(".")[2],
        told(recorder),
    ) == (
        True,
        "to_agent",
        {
            **FAULT,
            "type": "ag2.exceptions.ToolResolutionError",
            "agent": ASSISTANT,
            "tool": "create_and_run_agent",
            "kind": "bad_arguments",
        },
    )


async def test_agent_that_cannot_be_set_up(recorder, provider):
    """A child without a model fails before any middleware runs, and is told below the tool."""
    boss = agent_of(provider, tools=[Agent("researcher").as_tool(description="Finds things.")])

    await ask(boss, 'call task_researcher {"objective": "x"}')

    assert (told(recorder) | {"type": None}, wrong(recorder)) == (
        {**FAULT, "type": None},
        ["execute_tool task_researcher", "invoke_agent researcher"],
    )
