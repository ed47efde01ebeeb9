"""Tools of an MCP server: what it fails with, and how the connection to it is lost."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from support.agentchat import ASSISTANT, assistant_of, client_of, raised, told

import autogen_otel

mcp = pytest.importorskip("autogen_ext.tools.mcp", reason="mcp is not installed", exc_type=ImportError)

from autogen_agentchat.agents import AssistantAgent
from autogen_core import CancellationToken

if TYPE_CHECKING:
    from pathlib import Path

SERVER = """
from mcp.server.fastmcp import FastMCP

server = FastMCP("server")


@server.tool()
def boom(policy_id: str) -> str:
    raise KeyError(f"mcp {policy_id}")


@server.tool()
def leave() -> str:
    import os

    os._exit(3)


server.run()
"""
BOOM = 'boom {"policy_id": "p9"}'
ERROR = "Error executing tool boom: 'mcp p9'"


@pytest.fixture
def server(tmp_path: Path) -> Any:
    """Return how to start a server of two tools."""
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    return mcp.StdioServerParams(command=sys.executable, args=[str(path)], read_timeout_seconds=20)


def agent_of(provider: Any, workbench: Any) -> AssistantAgent:
    """Return an assistant with the tools of a workbench."""
    return AssistantAgent(ASSISTANT, model_client=client_of(provider), workbench=workbench)


async def ask(agent: Any, task: str) -> str:
    """Run an agent in request req-42 and return its answer."""
    with autogen_otel.request("req-42"):
        result = await agent.run(task=task)
    return str(result.messages[-1].content)


@pytest.mark.parametrize(
    ("call", "type_", "message", "function"),
    [(BOOM, "tool_error", ERROR, None), ("leave {}", "mcp.shared.exceptions.McpError", "Connection closed", "request")],
)
async def test_tool_of_a_server_that_fails_is_told(recorder, provider, server, call, type_, message, function):
    """T5: a tool of an MCP server that fails, and a server that dies, are texts to the model and faults to us."""
    async with mcp.McpWorkbench(server) as workbench:
        await ask(agent_of(provider, workbench), f"call {call}")

    (span,) = recorder.named(f"execute_tool {call.partition(' ')[0]}")
    assert (
        {**recorder.story(), "function": function},
        span.status.status_code.name,
        recorder.fault.raised_at is None,
    ) == (
        {
            "type": type_,
            "message": message,
            "function": function,
            "agent": ASSISTANT,
            "tool": call.partition(" ")[0],
            "request": "req-42",
            "kind": "raised" if function else "returned",
            "masked": [True],
        },
        "ERROR",
        function is None,
    )


async def _by_an_agent(provider: Any, boom: Any) -> None:
    await ask(assistant_of(provider, boom), f"call {BOOM}")


async def _by_itself(provider: Any, boom: Any) -> None:
    with autogen_otel.request("req-42"), pytest.raises(Exception):  # noqa: B017, PT011
        await boom.run_json({"policy_id": "p9"}, CancellationToken())


@pytest.mark.parametrize(("call", "agent", "masked"), [(_by_an_agent, ASSISTANT, True), (_by_itself, None, False)])
async def test_tool_of_a_server_without_a_workbench_is_told(recorder, provider, server, call, agent, masked):
    """T7: the adapter of one tool raises a bare Exception of what the server says, and anyio a group of that."""
    (boom,) = [tool for tool in await mcp.mcp_server_tools(server) if tool.name == "boom"]

    await call(provider, boom)

    assert {**recorder.story(), "message": json.loads(recorder.fault.message)[0]["text"]} == {
        "type": "Exception",
        "message": ERROR,
        "function": "_run",
        "agent": agent,
        "tool": "boom",
        "request": "req-42",
        "kind": "raised",
        "masked": [masked],
    }


async def test_server_that_does_not_start_is_told(recorder, provider):
    """T6: who waits for the list of tools gets the exception, and it is told once."""
    workbench = mcp.McpWorkbench(mcp.StdioServerParams(command="/nonexistent", args=[]))

    with pytest.raises(FileNotFoundError) as caught:
        await ask(agent_of(provider, workbench), "hello")

    assert told(recorder) == raised(caught.value)


async def test_server_that_has_never_started_is_the_cause_of_every_later_failure(recorder, provider):
    """T6: the next run is told to call initialize() first; the exception that was the reason is its cause."""
    agent = agent_of(provider, mcp.McpWorkbench(mcp.StdioServerParams(command="/nonexistent", args=[])))
    with pytest.raises(FileNotFoundError) as first:
        await agent.run(task="hello")
    recorder.facts.faults.clear()
    recorder.facts.settlements.clear()

    with pytest.raises(RuntimeError) as caught:
        await ask(agent, "hello")

    assert (
        caught.value.__cause__ is first.value,
        told(recorder),
        [(data.type, data.link) for data in recorder.fault.chain],
    ) == (True, raised(caught.value), [("RuntimeError", ""), ("FileNotFoundError", "cause")])


async def test_server_that_has_died_is_told_by_the_next_run(recorder, provider, server):
    """T6: after a server has died, the next run ends with an exception that has no text."""
    workbench = mcp.McpWorkbench(server)
    agent = agent_of(provider, workbench)
    await agent.run(task="call leave {}")
    recorder.facts.faults.clear()
    recorder.facts.settlements.clear()

    with pytest.raises(Exception, match="") as caught:  # noqa: PT011 - compared below
        await ask(agent, "hello")
    await workbench.stop()

    assert (told(recorder), recorder.fault.type) == (raised(caught.value), "anyio.ClosedResourceError")


@pytest.mark.parametrize("ended", [False, True])
async def test_connection_that_is_lost_while_nobody_waits_is_told(recorder, ended):
    """T6: AutoGen writes a line; it is told in the request that opened the connection, or in one of its own after."""
    workbench = mcp.McpWorkbench(mcp.StdioServerParams(command="/nonexistent", args=[]))
    with autogen_otel.request("req-42"):
        await workbench.start()
        task = workbench._actor._actor_task
        if not ended:
            await asyncio.wait([task])
    await asyncio.wait([task])

    story = recorder.story()
    assert ([story[key] for key in ("type", "agent", "tool", "masked")], story["request"] == "req-42") == (
        ["FileNotFoundError", None, None, [True]],
        not ended,
    )
