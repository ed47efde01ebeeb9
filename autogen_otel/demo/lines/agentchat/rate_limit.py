"""A burst of teams in one event loop.

Cause: The provider refuses what exceeds its limit (429). The two retries of the client come back all at once as well.
The team makes a RuntimeError of it, so that `except RateLimitError` never sees it.

Fix: Bound the teams that run at a time, and retry a 429 at the edge, after the time that the provider asks for, with
another team: one that has failed stops after a single message ever after. `original_exception` tells a 429 from others.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from autogen_otel import original_exception
from autogen_otel.demo.cases.rate_limit import ATTEMPTS, passes, pause
from autogen_otel.demo.lines.agentchat.agents import ask, build_client, build_team
from autogen_otel.demo.web import Answer, Question, in_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from autogen_otel.demo.lines import Model


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Start a team for everybody at once."""
    client = build_client(model)

    async def handle(text: str) -> str:
        return await ask(build_team(client), text)

    return in_loop(handle, questions)


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Let two teams run at a time, and wait when the provider says so."""
    client = build_client(model)
    slots = asyncio.Semaphore(2)

    async def handle(text: str) -> str:
        async with slots:
            return await _with_retries(lambda: ask(build_team(client), text))

    return in_loop(handle, questions)


async def _with_retries(call: Callable[[], Awaitable[str]]) -> str:
    from openai import RateLimitError

    for attempt in range(1, ATTEMPTS):
        try:
            return await call()
        except RuntimeError as error:  # noqa: PERF203 - retrying is a try in a loop
            original = original_exception(error)
            if not isinstance(original, RateLimitError) or not passes(original):
                raise
            await asyncio.sleep(pause(original, attempt))
    return await call()
