"""AG2 1.x: `import ag2`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.why500.app import App

name = "ag2"


def model(app: App, *, max_retries: int = 0, timeout: float = 8, **more: Any) -> Any:
    """Return how to reach the model."""
    from ag2.config import OpenAIConfig

    settings = {"model": app.words.model, "api_key": "sk-why500", "base_url": app.provider_url, **more}
    return OpenAIConfig(max_retries=max_retries, timeout=timeout, **settings)


def agents(
    app: App, model: Any, *tools: Callable[..., Any], name: str | None = None, system: str = "You are helpful."
) -> Any:
    """Return an agent with tools."""
    from ag2 import Agent

    return Agent(name or app.words.agents[0], system, config=model, tools=list(tools))


def ask(agents: Any, text: str, **how: Any) -> str:
    """Ask an agent in a loop of its own."""
    return asyncio.run(ask_async(agents, text, **how))


async def ask_async(agents: Any, text: str, **how: Any) -> str:
    """Ask an agent."""
    return str((await agents.ask(text, **how)).body)
