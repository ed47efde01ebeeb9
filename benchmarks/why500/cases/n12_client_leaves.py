"""N12. Some clients close the connection before they are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.why500 import oracles
from benchmarks.why500.case import Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autogen_otel.demo.provider import Script
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES: Mapping[str, str] = {}
LINES = ALL


def script(app: App) -> Script:
    """A model that takes long enough to leave meanwhile."""
    app.latency = 0.4
    return app.think


def serve(app: App) -> None:
    """The framework cancels the task of a client that went away."""
    model = app.line.model(app)

    async def handle(question: Question) -> str:
        return await app.line.ask_async(app.line.agents(app, model), question.text)

    questions = app.ask(20, 30)
    leaving = app.rng.sample(questions, len(questions) // app.rng.randint(4, 7))
    leaves = {question.id: app.rng.uniform(0.02, 0.2) for question in leaving}
    app.note(set(leaves))
    app.loop(handle, questions, at_once=app.rng.randint(4, 10), leaves=leaves)


def proof(app: App) -> Proof:
    """Who left, left; everybody else got the right answer."""
    (left,) = app.notes
    gone = {answer.question.id for answer in app.answers if answer.status == 499}
    wrong = [answer for answer in app.answers if answer.question.id not in left and not oracles.right(answer)]
    return Proof(gone == left and not wrong, f"{len(gone)} of {len(app.answers)} left, {len(wrong)} wrong")
