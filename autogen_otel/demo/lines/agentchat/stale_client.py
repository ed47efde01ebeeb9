"""A model client made before the fork.

Symptom: The server warms up its client and forks; the first request of every worker ends in a 500.

Cause: A client keeps open connections, and they belong to the event loop in which it opened them. In a worker that loop
is closed: "Event loop is closed". The same happens without a fork when `asyncio.run` is called twice with one client.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from autogen_otel.demo.cases.stale_client import WORKERS
from autogen_otel.demo.lines.agentchat.agents import ask, build_agent, build_client
from autogen_otel.demo.workers import in_async_workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.lines import Model
    from autogen_otel.demo.web import Answer, Question


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Make the client once, say hello to the model so that the first user need not wait, and fork."""
    client = build_client(model)
    asyncio.run(ask(build_agent(client), "Hello."))

    async def handle(text: str) -> str:
        return await ask(build_agent(client), text)

    return in_async_workers(handle, questions, WORKERS)


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Fork first, and make the client when a request needs it."""

    async def handle(text: str) -> str:
        return await ask(build_agent(build_client(model)), text)

    return in_async_workers(handle, questions, WORKERS)
