"""A burst of requests runs into the provider's rate limit.

Symptom: A quiet service never fails; when many chats begin in the same second, most of them end in a 500.

Cause: The provider refuses what exceeds its limit (429). The two retries of the client come back all at once as well.

Fix: Bound the chats that run at a time, and retry a 429 at the edge, after the time that the provider asks for.

Never retry what is not transient: a quota that is used up, or an exception that Python itself has raised.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.demo.provider import RateLimit, Slow, echo_tools

if TYPE_CHECKING:
    from autogen_otel.demo.provider import Script

REQUESTS: Final = 16
ATTEMPTS: Final = 6


def script() -> Script:
    """Return a model that takes 0.3 s and, after a burst of 4, at most 5 requests a second."""
    return RateLimit(5, 4, lambda chat: Slow(0.3, echo_tools(chat)))


def prompt(number: int) -> str:
    """Return what the client asks."""
    return f"Please translate sentence {number}."


def passes(error: Any) -> bool:
    """Tell whether an `openai.RateLimitError` passes by waiting; a quota that is used up does not."""
    return bool(error.code != "insufficient_quota")


def pause(error: Any, attempt: int) -> float:
    """Return the seconds to wait: what the provider says or twice as long each time, and a little at random."""
    asked = float(error.response.headers.get("retry-after", 0))
    backoff: float = 0.1 * 2**attempt
    return max(asked, backoff) * random.uniform(1, 1.25)  # noqa: S311 - no secret
