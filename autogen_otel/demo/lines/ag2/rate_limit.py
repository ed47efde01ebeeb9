"""A burst of turns in one event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from autogen_otel.demo.cases.rate_limit import ATTEMPTS, passes, pause
from autogen_otel.demo.lines.ag2.agents import ask, build_agent
from autogen_otel.demo.web import Answer, Question, in_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from autogen_otel.demo.lines import Model


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Ask for everybody at once."""
    agent = build_agent(model)

    async def handle(text: str) -> str:
        return await ask(agent, text)

    return in_loop(handle, questions)


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Let two turns run at a time, and wait when the provider says so."""
    agent = build_agent(model)
    slots = asyncio.Semaphore(2)

    async def handle(text: str) -> str:
        async with slots:
            return await _with_retries(lambda: ask(agent, text))

    return in_loop(handle, questions)


async def _with_retries(call: Callable[[], Awaitable[str]]) -> str:
    from openai import RateLimitError

    for attempt in range(1, ATTEMPTS):
        try:
            return await call()
        except RateLimitError as error:  # noqa: PERF203 - retrying is a try in a loop
            if not passes(error):
                raise
            await asyncio.sleep(pause(error, attempt))
    return await call()
