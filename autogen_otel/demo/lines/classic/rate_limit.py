"""A burst of chats, each in a thread of its own."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from autogen_otel.demo.cases.rate_limit import ATTEMPTS, passes, pause
from autogen_otel.demo.lines.classic.agents import ask, build_agents
from autogen_otel.demo.web import Answer, Question, in_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autogen_otel.demo.lines import Model


def broken(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Start a chat for everybody at once."""

    def handle(text: str) -> str:
        return ask(build_agents(model), text)

    return in_threads(handle, questions)


def fixed(model: Model, questions: Sequence[Question]) -> list[Answer]:
    """Let two chats run at a time, and wait when the provider says so."""
    slots = threading.BoundedSemaphore(2)

    def handle(text: str) -> str:
        with slots:
            return _with_retries(lambda: ask(build_agents(model), text))

    return in_threads(handle, questions)


def _with_retries(call: Callable[[], str]) -> str:
    from openai import RateLimitError

    for attempt in range(1, ATTEMPTS):
        try:
            return call()
        except RateLimitError as error:  # noqa: PERF203 - retrying is a try in a loop
            if not passes(error):
                raise
            time.sleep(pause(error, attempt))
    return call()
