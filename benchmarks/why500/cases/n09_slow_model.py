"""N9. The model takes its time, and everybody has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import Slow, echo_tools
from benchmarks.why500 import oracles
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autogen_otel.demo.provider import Script
    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof
    from benchmarks.why500.web import Question

CAUSES: Mapping[str, str] = {}
LINES = ALL


def script(app: App) -> Script:
    """A model that is slow, and now and then very slow."""
    return lambda chat: Slow(app.rng.choice([0.6, 0.8, 1.0, 2.2]), echo_tools(chat))


def serve(app: App) -> None:
    """Agents are made for each request."""
    model = app.line.model(app, timeout=20)

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model), question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model), question.text)

    app.serve(handle, handle_async, app.ask(20, 26), 10)


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app)
