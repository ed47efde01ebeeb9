"""Sync and async code call each other in the wrong way.

Symptom: It worked in a script; behind a web framework it fails every time, or answers 200 and speaks of event loops.

Cause: `asyncio.run` takes a coroutine, and no thread whose event loop runs already. `initiate_chat` returns a result:
the whole chat has been run, and paid for, before the error. Inside an async framework the loop is running.

Fix: Choose one mode: in an async application await `a_initiate_chat`, make tools `async def`, and never `asyncio.run`.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.demo.agents import Model, ask_async, build_agents
from autogen_otel.demo.provider import echo_tools
from autogen_otel.demo.web import Answer, Question, in_loop, in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from autogen_otel.demo.provider import Script

REQUESTS: Final = 6


def script() -> Script:
    """Return a model that calls a tool when a line of the prompt begins with "call"."""
    return echo_tools


def prompt(number: int) -> str:
    """Return what the client asks."""
    return f'Where is my parcel {number}?\ncall track_parcel {{"number": {number}}}'


async def track_parcel(number: int) -> str:
    """Tell where a parcel is."""
    await asyncio.sleep(0.01)
    return f"parcel {number} is in the depot"


def made_sync(tool: Callable[[int], Coroutine[Any, Any, str]]) -> Callable[[int], str]:
    """Make a plain function of an async tool, in the way that is seen most often."""

    @functools.wraps(tool)
    def plain(number: int) -> str:
        return asyncio.run(tool(number))

    return plain


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Put `asyncio.run` around whatever does not fit, in three places."""

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
