"""State shared between concurrent requests.

Symptom: Alone every request is fine; under load users read each other's text, and some get a 500.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.demo.provider import Slow, echo_tools

if TYPE_CHECKING:
    from autogen_otel.demo.provider import Script

REQUESTS: Final = 16


def script() -> Script:
    """Return a model that takes 0.1 s, and calls a tool when a line of the prompt begins with "call"."""
    return lambda chat: Slow(0.1, echo_tools(chat))


def prompt(number: int) -> str:
    """Return what the client asks; the model calls a tool when a line says so, for every fourth user."""
    question = f"I am user {number}. Which of my claims are open?"
    return f'{question}\ncall open_claims {{"user": {number}}}' if number % 4 == 0 else question


def open_claims(user: int) -> str:
    """List the open claims of a user."""
    return f"[rq:user-{user:02}] claim {user}-A is open"
