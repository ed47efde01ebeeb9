"""R6. A few answers of the model take longer than the client waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import Slow, echo_tools
from benchmarks.why500 import oracles
from benchmarks.why500.case import PROVIDER, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from autogen_otel.demo.provider import ChatRequest, Reply, Script
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"provider": PROVIDER}
LINES = ALL


def script(app: App) -> Script:
    """A model that now and then thinks for long."""
    every = app.rng.randint(4, 7)

    def tailed(chat: ChatRequest) -> Reply:
        return Slow(6, echo_tools(chat)) if chat.number % every == 1 else app.think(chat)

    return tailed


def serve(app: App) -> None:
    """A short timeout, and no retry."""
    model = app.line.model(app, timeout=app.rng.uniform(1.4, 1.9))

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model), question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model), question.text)

    app.serve(handle, handle_async, app.ask(20, 26), app.rng.randint(4, 6))


def proof(app: App) -> Proof:
    """The provider saw clients go away before it had answered."""
    return oracles.refused(app, {0})
