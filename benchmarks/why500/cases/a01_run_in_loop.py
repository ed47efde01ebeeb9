"""A1. A handler of an async framework calls `asyncio.run`, in the loop that runs it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from benchmarks.why500 import oracles
from benchmarks.why500.case import LINE, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"async_boundary": LINE}
LINES = ALL


def serve(app: App) -> None:
    """Some routes have been ported to async, one has not."""
    model = app.line.model(app)
    every = app.rng.randint(2, 5)

    def legacy(question: Question) -> str:
        return asyncio.run(app.line.ask_async(app.line.agents(app, model), question.text))

    async def handle(question: Question) -> str:
        if "legacy" in question.text:
            return legacy(question)
        return await app.line.ask_async(app.line.agents(app, model), question.text)

    def text(number: int) -> str:
        return f"{'By the legacy route: ' if number % every == 0 else ''}what about case {number}?"

    app.loop(handle, app.ask(20, 40, text), at_once=app.rng.randint(3, 10))


def proof(app: App) -> Proof:
    """Exactly those of the old route failed, with Python's own words."""
    return oracles.failed(app, [question for question in app.asked if "legacy" in question.text], "RuntimeError")
