"""Sync and async code call each other in the wrong way.

Symptom: It worked in a script; behind a web framework it fails every time, or answers 200 and speaks of event loops.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.demo.provider import echo_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from autogen_otel.demo.provider import Script

REQUESTS: Final = 6


def script() -> Script:
    """Return a model that calls a tool when a line of the prompt begins with "call"."""
    return echo_tools


def prompt(number: int) -> str:
    """Return what the client asks."""
    return f'Where is my parcel {number}?\ncall track_parcel {{"number": {number}}}'


def expected(number: int) -> str:
    """Return what stands in a right answer."""
    return f"parcel {number} is in the depot"


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
