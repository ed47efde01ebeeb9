"""S7. A tool reads a number of a module's dict, thinks, and writes it back: updates of others are lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from autogen_otel import watch
from benchmarks.why500.case import TOOL, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"shared_state": TOOL}
LINES = ALL


def serve(app: App) -> None:
    """Agents are made for each request; only the dict is shared, and watched."""
    totals = watch({"sold": 0})
    pause = app.rng.uniform(0.004, 0.02)

    def count(item: str) -> str:
        sold = totals["sold"]
        time.sleep(pause)
        totals["sold"] = sold + 1
        return f"found {item}, number {sold + 1}"

    tool = app.tool(count)
    model = app.line.model(app)

    def handle(question: Question) -> str:
        return app.line.ask(app.line.agents(app, model, tool), question.text)

    async def handle_async(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model, tool), question.text)

    questions = app.ask(24, 40, lambda number: f'Sell {number}.\ncall {tool.__name__} {{"item": "i{number}"}}')
    if app.line.name == "classic":
        app.threads(handle, questions, 8)
    else:
        app.loop(handle_async, questions, at_once=8)
    app.note(totals["sold"])


def proof(app: App) -> Proof:
    """The dict counted fewer sales than there were."""
    (sold,) = app.notes
    calls = sum(answer.status == 200 for answer in app.answers)
    everybody = frozenset(question.id for question in app.asked)
    return Proof(sold < calls, f"{sold} counted of {calls}", frozenset(), everybody)
