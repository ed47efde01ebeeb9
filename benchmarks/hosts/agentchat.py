"""An agent of autogen_agentchat that explains what its tool returned."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, Final

import autogen_core._telemetry._genai
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_core import CancellationToken
from autogen_core.tools import BaseTool, FunctionTool
from autogen_ext.models.openai import OpenAIChatCompletionClient
from autogen_ext.models.openai._openai_client import BaseOpenAIChatCompletionClient
from opentelemetry.trace import NoOpTracer

from benchmarks.hosts.model import CALL_ID, KEY, MODEL, TOOL, answer_at_once, lookup_policy_async

PLACES: Final[dict[str, tuple[Any, str]]] = {
    "invoke_agent": (BaseChatAgent, "run"),
    "chat": (BaseOpenAIChatCompletionClient, "create"),
    "execute_tool": (BaseTool, "run_json"),
}


def silence() -> None:
    """Make its own spans of agents and tools as cheap as without a TracerProvider: the limit opens them."""
    nothing = NoOpTracer()
    own = autogen_core._telemetry._genai.trace
    autogen_core._telemetry._genai.trace = SimpleNamespace(  # type: ignore[assignment]
        **{**vars(own), "get_tracer": lambda *_, **__: nothing}
    )


class Host:
    """An agent and what can be asked of it."""

    def __init__(self) -> None:
        answer_at_once()
        self._loop = asyncio.new_event_loop()
        self._tool = FunctionTool(lookup_policy_async, name=TOOL, description="Look up a policy.")
        client = OpenAIChatCompletionClient(model=MODEL, api_key=KEY)
        self._agent = AssistantAgent("assistant", client, tools=[self._tool], reflect_on_tool_use=True)

    def chat(self, times: int) -> None:
        """Hold chats: a model call that asks for the tool, the tool call, a second model call."""
        self._loop.run_until_complete(self._chat(times))

    def tool(self, times: int) -> None:
        """Call the tool as AutoGen does."""
        self._loop.run_until_complete(self._call_tool(times))

    async def _chat(self, times: int) -> None:
        for _ in range(times):
            await self._agent.on_reset(CancellationToken())
            await self._agent.run(task="How long?")

    async def _call_tool(self, times: int) -> None:
        for _ in range(times):
            await self._tool.run_json({"policy_id": "p1"}, CancellationToken(), call_id=CALL_ID)
