"""An HTTP client made before the fork.

Symptom: The server warms up its client and forks; the first request of every worker ends in a 500.

Cause: AG2 makes a model client for each turn, but the `http_client=` of its configuration is shared by all. It keeps
open connections, and they belong to the event loop in which it opened them. In a worker that loop is closed: "Event
loop is closed". The same happens without a fork when `asyncio.run` is called twice.

Fix: Leave `http_client=` out, or make the HTTP client after the fork, in the hook that the server runs in each worker.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from autogen_otel.demo.cases.stale_client import WORKERS
from autogen_otel.demo.lines.ag2.agents import ask, build_agent
from autogen_otel.demo.workers import in_async_workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.lines import Model
    from autogen_otel.demo.web import Answer, Question


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Make an HTTP client, say hello to the model so that the first user need not wait, and fork."""
    from openai import DefaultAsyncHttpxClient

    agent = build_agent(model, http_client=DefaultAsyncHttpxClient())
    asyncio.run(ask(agent, "Hello."))

    async def handle(text: str) -> str:
        return await ask(agent, text)

    return in_async_workers(handle, questions, WORKERS)


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Share the agent only."""
    agent = build_agent(model)
    asyncio.run(ask(agent, "Hello."))

    async def handle(text: str) -> str:
        return await ask(agent, text)

    return in_async_workers(handle, questions, WORKERS)
