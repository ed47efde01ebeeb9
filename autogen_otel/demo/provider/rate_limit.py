"""A token bucket in front of a script: more requests than it refills are refused with 429."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from autogen_otel.demo.provider.replies import Reply, Status, rate_limit_exceeded
from autogen_otel.demo.provider.scripts import Step, echo_tools, play

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.demo.provider.chat import ChatRequest


class RateLimit:
    """A script that lets `rate_per_second` requests through to another one, and refuses the rest.

    Args:
        rate_per_second: Requests per second in the long run, above 0.
        burst: Requests that may come at once after a rest.
        then: The reply or script behind the limit.
        refuse: Makes the refusal from the seconds until the next request would pass; `insufficient_quota` is the
            other one that OpenAI has.
        clock: Returns seconds that only grow; a test gives its own.
    """

    def __init__(
        self,
        rate_per_second: float,
        burst: int,
        then: Step = echo_tools,
        *,
        refuse: Callable[[float], Status] = rate_limit_exceeded,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = rate_per_second
        self._burst = burst
        self._then = then
        self._refuse = refuse
        self._clock = clock
        self._lock = threading.Lock()
        self._level = float(burst)
        self._at = clock()

    def __call__(self, chat: ChatRequest) -> Reply:
        """Return what the script behind the limit replies, or the refusal."""
        wait = self._take()
        return self._refuse(wait) if wait > 0 else play(self._then, chat)

    def _take(self) -> float:
        """Take one token out of the bucket; return 0, or the seconds until there will be one."""
        with self._lock:
            now = self._clock()
            self._level = min(self._burst, self._level + (now - self._at) * self._rate)
            self._at = now
            if self._level < 1:
                return (1 - self._level) / self._rate
            self._level -= 1
            return 0.0
