"""The agent of all cases, as an application builds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.demo.lines import Model


def build_agent(model: Model, *tools: Callable[..., Any], **settings: Any) -> Any:
    """Return an agent. It keeps no conversation, so that all requests may share it.

    Args:
        model: How to reach the model.
        tools: Functions with a docstring, which it may call.
        settings: More of `OpenAIConfig`.
    """
    from ag2 import Agent
    from ag2.config import OpenAIConfig

    return Agent("assistant", config=OpenAIConfig(**model, timeout=3, **settings), tools=tools)


async def ask(agent: Any, text: str, **settings: Any) -> str:
    """Ask the agent and return its answer."""
    reply = await agent.ask(text, **settings)
    return str(reply.body)
