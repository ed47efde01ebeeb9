"""R2. Everybody comes at once; the client retries until it is let through, and nobody sees an error."""

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
    """A provider with a token bucket, which says when to come back."""
    return RateLimit(app.rng.uniform(7, 10), app.rng.randint(2, 3), app.think)


def serve(app: App) -> None:
    """The client has more patience than the provider has refusals."""
    model = app.line.model(app, max_retries=40, timeout=20)

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model), question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model), question.text)

    app.serve(handle, handle_async, app.ask(20, 24), app.rng.randint(14, 20))


def proof(app: App) -> Proof:
    """The provider counted its refusals; every client got its answer."""
    answered = oracles.healthy(app, statuses=(200, 429))
    return oracles.refused(app, {429}, least=10) & answered
