"""Agents that ag2 serves by a protocol: who asks gets a text, and the exception is told where it was raised."""

from __future__ import annotations

from typing import Any

import pytest
from support.ag2 import ASSISTANT, agent_of

import autogen_otel
from autogen_otel.demo.provider import Provider, Status

ag2 = pytest.importorskip("ag2", reason="ag2 1.x is not installed")

from ag2 import Agent

BOOM = Status(500, "boom", retry_after=0.001)


def told(recorder: Any) -> list[tuple[Any, ...]]:
    """Return of each fault: type, agent, and the line that raised, without its path."""
    return [
        (fault.type, fault.agent_name, fault.tool_name, fault.raised_at.file.rpartition("/")[2])
        for fault in recorder.facts.faults
    ]


async def test_agent_behind_a2a_that_fails_is_told(recorder):
    """The other agent hears that a task has failed; the exception is told for the agent that was served."""
    testing = pytest.importorskip("ag2.a2a.testing", reason="a2a-sdk is not installed", exc_type=ImportError)
    from ag2.a2a import A2AConfig, A2AServer

    with Provider(BOOM) as provider, autogen_otel.request("req-42"):
        client = testing.make_test_client_factory(A2AServer(agent_of(provider)), url="http://test")
        remote = Agent("remote", config=A2AConfig(card_url="http://test", httpx_client_factory=client))
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the protocol makes of it
            await remote.ask("hello")

    assert (
        "InternalServerError" in type(caught.value).__name__,
        ("openai.InternalServerError", ASSISTANT, None, "_base_client.py") in told(recorder),
    ) == (False, True)


async def test_agent_behind_mcp_that_fails_is_told(recorder):
    """The client of the tool gets the text; the model call's exception is told, once."""
    testing = pytest.importorskip("ag2.mcp.testing", reason="mcp is not installed", exc_type=ImportError)
    from ag2.mcp import MCPServer

    with Provider(BOOM) as provider:
        async with testing.connect(MCPServer(agent_of(provider))) as session:
            (tool,) = (await session.list_tools()).tools
            answer = await session.call_tool(tool.name, {"message": "hello"})

    # The name that it had in mcp 1.
    failed = answer.isError if hasattr(answer, "isError") else answer.is_error
    assert (failed, told(recorder)) == (
        True,
        [("openai.InternalServerError", ASSISTANT, None, "_base_client.py")],
    )
