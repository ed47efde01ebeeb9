"""S5. One pair answers one request after the other and keeps the history of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.why500 import oracles
from benchmarks.why500.case import AGENT, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"shared_state": AGENT}
LINES = ALL


def serve(app: App) -> None:
    """Strictly one after the other, and `clear_history=False`; without it elsewhere, for there nothing clears."""
    agents = app.line.agents(app, app.line.model(app))
    questions = app.ask(20, 26)
    if app.line.name == "classic":
        app.serially(lambda question: app.line.ask(agents, question.text, clear_history=False), questions)
        return
    how = {}
    if app.line.name == "ag2":
        from ag2 import MemoryStream

        how["stream"] = MemoryStream()

    async def handle(question: Question) -> str:
        return await app.line.ask_async(agents, question.text, **how)

    app.loop(handle, questions, at_once=1)


def proof(app: App) -> Proof:
    """Users read the tokens of those before them."""
    return oracles.crosstalk(app)
