"""`asyncio.run` inside a loop, and a forgotten `await`.

Cause: Everything here is a coroutine. `asyncio.run` takes one, but not in a thread whose event loop runs already, as it
does inside an async framework. Without `await` there is a coroutine and no reply.

Fix: Stay async all the way down: `await agent.ask(...)`, `await` in async tools, and `asyncio.run` nowhere but at the
start of the program.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from autogen_otel.demo.cases.async_boundary import made_sync, track_parcel
from autogen_otel.demo.lines.ag2.agents import ask, build_agent
from autogen_otel.demo.web import Answer, Question, in_loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.lines import Model


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Mix sync and async in three wrong places."""
    agent = build_agent(model, track_parcel)

    async def inside_a_loop(text: str) -> str:
        reply = asyncio.run(agent.ask(text))
        return str(reply.body)

    async def not_awaited(text: str) -> str:
        reply = agent.ask(text)
        return str(reply.body)

    async def inside_a_tool(text: str) -> str:
        async def track(number: int) -> str:
            """Tell where a parcel is."""
            return made_sync(track_parcel)(number)

        return await ask(build_agent(model, track), text.replace("track_parcel", "track"))

    third = len(questions) // 3
    return [
        *in_loop(inside_a_loop, questions[:third]),
        *in_loop(not_awaited, questions[third : 2 * third]),
        *in_loop(inside_a_tool, questions[2 * third :]),
    ]


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Stay async all the way down."""
    agent = build_agent(model, track_parcel)

    async def handle(text: str) -> str:
        return await ask(agent, text)

    return in_loop(handle, questions)
