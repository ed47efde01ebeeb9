"""N10. One request meets a 429, and the client's retry is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import rate_limit_exceeded
from benchmarks.why500 import oracles
from benchmarks.why500.case import Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autogen_otel.demo.provider import ChatRequest, Reply, Script
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES: Mapping[str, str] = {}
LINES = ALL


def script(app: App) -> Script:
    """A provider that refuses one request out of all."""
    one = app.rng.randint(3, 15)

    def almost(chat: ChatRequest) -> Reply:
        return rate_limit_exceeded(app.rng.uniform(0.05, 0.3)) if chat.number == one else app.think(chat)

    return almost


def serve(app: App) -> None:
    """Two retries are what the client does by itself."""
    model = app.line.model(app, max_retries=2)

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model), question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model), question.text)

    app.serve(handle, handle_async, app.ask(20, 30), app.rng.randint(1, 6))


def proof(app: App) -> Proof:
    """Everybody got the right answer, and the provider counts one refusal."""
    fine = oracles.healthy(app, statuses=(200, 429))
    return fine & Proof(app.provider.statuses()[429] == 1, "one refusal")
