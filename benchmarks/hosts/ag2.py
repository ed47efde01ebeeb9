"""An agent of ag2 1.x."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import ag2.tools.executor
from ag2 import Agent
from ag2.config import OpenAIConfig
from ag2.config.openai.openai_client import OpenAIClient
from openai import DefaultAsyncHttpxClient

from benchmarks.hosts.model import KEY, MODEL, answer_at_once, lookup_policy_async

PLACES: Final[dict[str, tuple[Any, str]]] = {
    "invoke_agent": (Agent, "ask"),
    "chat": (OpenAIClient, "__call__"),
    "execute_tool": (ag2.tools.executor, "_execute_call"),
}


def silence() -> None:
    """Do nothing: without its own middleware it opens no spans."""


class Host:
    """An agent and what can be asked of it."""

    def __init__(self) -> None:
        answer_at_once()
        self._loop = asyncio.new_event_loop()
        # One HTTP client for all turns: else each turn would read all certificates, which takes longer than the chat.
        config = OpenAIConfig(MODEL, api_key=KEY, http_client=DefaultAsyncHttpxClient())
        self._agent = Agent("assistant", config=config, tools=[lookup_policy_async])

    def chat(self, times: int) -> None:
        """Hold chats: a model call that asks for the tool, the tool call, a second model call."""
        self._loop.run_until_complete(self._chat(times))

    async def _chat(self, times: int) -> None:
        for _ in range(times):
            await self._agent.ask("How long?")
