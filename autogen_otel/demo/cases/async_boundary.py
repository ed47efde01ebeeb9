"""Sync and async code that call each other in the wrong way.

Symptom: An endpoint fails every time, or only when it is called from a web framework; in a script it worked. Some
answers are 200 and complain of an event loop.

Cause: `asyncio.run` wants a coroutine, and a thread without a running event loop. `initiate_chat` returns a result and
no coroutine, so the whole chat has run, and is paid for, before the error. Inside a web framework a loop is running.

Fix: Pick one mode. In an async application await `a_initiate_chat` and write tools as `async def`; no `asyncio.run`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from autogen_otel.demo.agents import Model, ask_async, build_agents
from autogen_otel.demo.provider import echo_tools
from autogen_otel.demo.web import Answer, Question, in_loop, in_threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.provider import Script

REQUESTS: Final = 6


def script() -> Script:
    """Return a model that calls a tool when a line of the prompt begins with "call"."""
    return echo_tools


def prompt(number: int) -> str:
    """Return what the client asks."""
    return f'Where is my parcel {number}?\ncall track_parcel {{"number": {number}}}'


async def fetch_position(number: int) -> str:
    """Ask another service, as async code does."""
    await asyncio.sleep(0.01)
    return f"parcel {number} is in the depot"


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Put `asyncio.run` around whatever does not fit, in three places."""

    async def track_parcel(number: int) -> str:
        """Tell where a parcel is."""
        return await fetch_position(number)

    def chat_in_run(text: str) -> str:
        assistant, user_proxy = build_agents(model, track_parcel)
        result = asyncio.run(user_proxy.initiate_chat(assistant, message=text, silent=True))
        return str(result.summary)

    async def run_in_loop(text: str) -> str:
        assistant, user_proxy = build_agents(model, track_parcel)
        result = asyncio.run(user_proxy.a_initiate_chat(assistant, message=text, silent=True))
        return str(result.summary)

    async def run_in_tool(text: str) -> str:
        return await ask_async(build_agents(model, track_parcel_now), text)

    def track_parcel_now(number: int) -> str:
        """Tell where a parcel is."""
        return asyncio.run(fetch_position(number))

    track_parcel_now.__name__ = "track_parcel"
    return [
        *in_threads(chat_in_run, questions[0::3]),
        *in_loop(run_in_loop, questions[1::3]),
        *in_loop(run_in_tool, questions[2::3]),
    ]


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Stay async all the way down."""

    async def track_parcel(number: int) -> str:
        """Tell where a parcel is."""
        return await fetch_position(number)

    async def handle(text: str) -> str:
        return await ask_async(build_agents(model, track_parcel), text)

    return in_loop(handle, questions)
