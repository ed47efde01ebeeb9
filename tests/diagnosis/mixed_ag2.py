"""Requests of ag2 1.x that fail in different ways, and healthy ones; run as a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ag2
from live import tell_of
from mixed_async import Line, requests
from support.ag2 import agent_of, config

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from autogen_otel.demo.provider import Provider


async def ask(provider: Provider, text: str, *tools: Any, **client: Any) -> Any:
    """Ask an agent of its own."""
    return await agent_of(provider, *tools, config=config(provider, **client)).ask(text)


def conversation(provider: Provider) -> Callable[[str], Awaitable[Any]]:
    """Return how an agent is asked with one stream, which keeps what was said."""
    agent, stream = agent_of(provider), ag2.MemoryStream()
    return lambda text: agent.ask(text, stream=stream)


if __name__ == "__main__":
    tell_of(lambda: requests(Line(ask, conversation)))
