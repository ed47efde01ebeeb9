"""`asyncio.run` inside a loop, and a forgotten `await`.

Cause: Everything here is a coroutine. `asyncio.run` takes one, but not in a thread whose event loop runs already, as it
does inside an async framework. Without `await` there is a coroutine and no result.

Fix: Stay async all the way down: `await agent.run(...)`, `await` in async tools, and `asyncio.run` nowhere but at the
start of the program.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from autogen_otel.demo.cases.async_boundary import made_sync, track_parcel
from autogen_otel.demo.lines.agentchat.agents import ask, build_agent, build_client
from autogen_otel.demo.web import Answer, Question, in_loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.lines import Model


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Mix sync and async in three wrong places."""
    client = build_client(model)

    async def inside_a_loop(text: str) -> str:
        agent = build_agent(client, track_parcel)
        result = asyncio.run(agent.run(task=text))
        return str(result.messages[-1].content)

    async def not_awaited(text: str) -> str:
        agent = build_agent(client, track_parcel)
        result = agent.run(task=text)
        return str(result.messages[-1].content)

    async def inside_a_tool(text: str) -> str:
        async def track(number: int) -> str:
            """Tell where a parcel is."""
            return made_sync(track_parcel)(number)

        return await ask(build_agent(client, track), text.replace("track_parcel", "track"))

    third = len(questions) // 3
    return [
        *in_loop(inside_a_loop, questions[:third]),
        *in_loop(not_awaited, questions[third : 2 * third]),
        *in_loop(inside_a_tool, questions[2 * third :]),
    ]


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Stay async all the way down."""
    client = build_client(model)

    async def handle(text: str) -> str:
        return await ask(build_agent(client, track_parcel), text)

    return in_loop(handle, questions)
