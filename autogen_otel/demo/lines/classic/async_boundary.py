"""`asyncio.run` around whatever does not fit.

Cause: `asyncio.run` takes a coroutine, and no thread whose event loop runs already. `initiate_chat` returns a result:
the whole chat has been run, and paid for, before the error. Inside an async framework the loop is running.

Fix: Choose one mode: in an async application await `a_initiate_chat`, make tools `async def`, and never `asyncio.run`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from autogen_otel.demo.cases.async_boundary import made_sync, track_parcel
from autogen_otel.demo.lines.classic.agents import ask_async, build_agents
from autogen_otel.demo.web import Answer, Question, in_loop, in_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.lines import Model


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Use `asyncio.run` in three wrong places."""

    def around_a_result(text: str) -> str:
        assistant, user_proxy = build_agents(model, track_parcel)
        result = asyncio.run(user_proxy.initiate_chat(assistant, message=text, silent=True))
        return str(result.summary)

    async def inside_a_loop(text: str) -> str:
        assistant, user_proxy = build_agents(model, track_parcel)
        result = asyncio.run(user_proxy.a_initiate_chat(assistant, message=text, silent=True))
        return str(result.summary)

    async def inside_a_tool(text: str) -> str:
        return await ask_async(build_agents(model, made_sync(track_parcel)), text)

    third = len(questions) // 3
    return [
        *in_threads(around_a_result, questions[:third]),
        *in_loop(inside_a_loop, questions[third : 2 * third]),
        *in_loop(inside_a_tool, questions[2 * third :]),
    ]


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Stay async all the way down."""

    async def handle(text: str) -> str:
        return await ask_async(build_agents(model, track_parcel), text)

    return in_loop(handle, questions)
