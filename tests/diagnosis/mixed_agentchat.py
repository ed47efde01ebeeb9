"""Requests of autogen_agentchat that fail in different ways, and healthy ones; run as a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from live import tell_of
from mixed_async import Line, requests
from support.agentchat import assistant_of, client_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from autogen_otel.demo.provider import Provider


async def ask(provider: Provider, text: str, *tools: Any, **client: Any) -> Any:
    """Ask an assistant of its own."""
    return await assistant_of(provider, *tools, model_client=client_of(provider, **client)).run(task=text)


def conversation(provider: Provider) -> Callable[[str], Awaitable[Any]]:
    """Return how one assistant is asked, which keeps what was said."""
    agent = assistant_of(provider)
    return lambda text: agent.run(task=text)


if __name__ == "__main__":
    tell_of(lambda: requests(Line(ask, conversation)))
