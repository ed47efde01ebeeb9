"""R5. The provider answers a fifth of the requests with a server error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import Status
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
    """A provider in trouble."""
    code = app.rng.choice([500, 502, 503])

    def troubled(chat: ChatRequest) -> Reply:
        return Status(code) if chat.number % 5 == 2 else app.think(chat)

    return troubled


def serve(app: App) -> None:
    """Agents are made for each request, and nobody retries."""
    model = app.line.model(app)

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model), question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model), question.text)

    app.serve(handle, handle_async, app.ask(22, 45), app.rng.randint(2, 10))


def proof(app: App) -> Proof:
    """The provider counted its errors."""
    return oracles.refused(app, {500, 502, 503})
