"""R1. Everybody comes at once, and the client does not retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import RateLimit
from benchmarks.why500 import oracles
from benchmarks.why500.case import PROVIDER, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from autogen_otel.demo.provider import Script
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"rate_limit": PROVIDER}
LINES = ALL


def script(app: App) -> Script:
    """A provider with a token bucket."""
    return RateLimit(app.rng.uniform(5, 20), app.rng.randint(4, 8), app.think)


def serve(app: App) -> None:
    """Agents are made for each request."""
    model = app.line.model(app)

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model), question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model), question.text)

    app.serve(handle, handle_async, app.ask(22, 45), app.rng.randint(12, 20))


def proof(app: App) -> Proof:
    """The provider counted its refusals."""
    return oracles.refused(app, {429})
