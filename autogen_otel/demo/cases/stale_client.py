"""A client is carried over a fork.

Fix: Make clients and agents after the fork: in the request, or in the hook that the server runs in each new worker.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from autogen_otel.demo.provider import ChatRequest, Reply, Text, echo_tools

if TYPE_CHECKING:
    from autogen_otel.demo.provider import Script

AVAILABLE: Final = hasattr(os, "fork")
REQUESTS: Final = 30
WORKERS: Final = 6
_CLAUSE: Final = "The party of the first part bears the cost of all of it. "


def script() -> Script:
    """Return a model that takes a moment; what it prints of a contract does not fit into one read of a socket."""

    def slowly(chat: ChatRequest) -> Reply:
        time.sleep(0.06)
        reply = echo_tools(chat)
        if isinstance(reply, Text) and "Print" in reply.content:
            return Text(reply.content.replace("Print", _CLAUSE * (4_000 + 200 * (chat.number % 10))))
        return reply

    return slowly


def prompt(number: int) -> str:
    """Return what the client asks; the last of each worker asks for much."""
    return f"{'Summarise' if number % REQUESTS in range(1, REQUESTS - WORKERS + 1) else 'Print'} my contract {number}."
