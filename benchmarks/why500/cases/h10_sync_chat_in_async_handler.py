"""H10. One route of an async application runs a sync chat: nobody else goes on until it is over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from autogen_otel.demo.provider import Slow, echo_tools
from autogen_otel.demo.provider.chat import text_of
from benchmarks.why500.case import AGENT
from benchmarks.why500.heartbeat import beating, blocking, stalled

if TYPE_CHECKING:
    from autogen_otel.demo.provider import ChatRequest, Reply, Script
    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof
    from benchmarks.why500.web import Question

CAUSES = {"async_boundary": AGENT}
# The other lines have no sync chat.
LINES = ("classic",)
HOLD_OUT = True
_DEADLINE = 1


def script(app: App) -> Script:
    """A model that thinks long about what the old route asks."""

    def mixed(chat: ChatRequest) -> Reply:
        if "essay" in text_of(chat.last_user_message):
            return Slow(app.rng.uniform(1.4, 1.8), echo_tools(chat))
        return app.think(chat)

    app.latency = 0.1
    return mixed


def serve(app: App) -> None:
    """It was quicker to write."""
    model = app.line.model(app)
    every = app.rng.randint(9, 12)

    async def handle(question: Question) -> str:
        agents = app.line.agents(app, model)
        if "essay" in question.text:
            with blocking(app):
                return app.line.ask(agents, question.text)
        return await asyncio.wait_for(app.line.ask_async(agents, question.text), _DEADLINE)

    def text(number: int) -> str:
        return f"An essay on {number}, please: essay." if number % every == 5 else f"Just {number}."

    app.loop(beating(app, handle), app.ask(24, 34, text), gap=app.rng.uniform(0.1, 0.15))


def proof(app: App) -> Proof:
    """The loop's own heartbeat stopped, who waited was too late, and for them the model was quick."""
    return stalled(app, _DEADLINE)
