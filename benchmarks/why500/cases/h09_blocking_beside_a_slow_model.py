"""H9. A tool waits for a slow API on the event loop; the model is slow too, and healthy."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from autogen_otel.demo.provider import Slow, echo_tools
from benchmarks.why500.case import TOOL
from benchmarks.why500.cases import ALL
from benchmarks.why500.heartbeat import beating, blocking, stalled

if TYPE_CHECKING:
    from autogen_otel.demo.provider import ChatRequest, Reply, Script
    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof
    from benchmarks.why500.web import Question

CAUSES = {"async_boundary": TOOL}
LINES = ALL
HOLD_OUT = True
_MODEL_SECONDS = 0.6
_DEADLINE = 2


def script(app: App) -> Script:
    """A model that thinks for half a second and more."""

    def slow(chat: ChatRequest) -> Reply:
        seconds = app.rng.uniform(0.4, _MODEL_SECONDS)
        app.thought = max(app.thought, seconds)
        return Slow(seconds, echo_tools(chat))

    return slow


def serve(app: App) -> None:
    """Who asks waits a little longer than the model takes."""
    pause = app.rng.uniform(2.4, 2.8)

    async def fetch(item: str) -> str:
        with blocking(app):
            time.sleep(pause)  # noqa: ASYNC251 - the fault: a library that knows nothing of async code
        return f"found {item}"

    def greet(item: str) -> str:
        return f"found {item}"

    tool, quick = app.tool(fetch), app.tool(greet, app.words.tools[1])
    model = app.line.model(app)
    every = app.rng.randint(11, 14)

    async def handle(question: Question) -> str:
        agents = app.line.agents(app, model, tool, quick)
        if "catalogue" in question.text:
            return await app.line.ask_async(agents, question.text)
        return await asyncio.wait_for(app.line.ask_async(agents, question.text), _DEADLINE)

    def text(number: int) -> str:
        if number % every == 6:
            return f'The catalogue of n{number}.\ncall {tool.__name__} {{"item": "n{number}"}}'
        return f'Hello, this is number {number}.\ncall {quick.__name__} {{"item": "n{number}"}}'

    app.loop(beating(app, handle), app.ask(24, 30, text), gap=app.rng.uniform(0.25, 0.35))


def proof(app: App) -> Proof:
    """The loop's own heartbeat stopped, who waited was too late, and the model was not."""
    return stalled(app, _DEADLINE, _MODEL_SECONDS)
