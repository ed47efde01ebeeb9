"""H15. Something between answers in the provider's place: a login page, half a JSON, a connection that breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import BrokenJson, DropMidway, Html
from benchmarks.why500.case import PROVIDER, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from autogen_otel.demo.provider import ChatRequest, Reply, Script
    from benchmarks.why500.app import App

CAUSES = {"provider": PROVIDER}
LINES = ALL
HOLD_OUT = True


def script(app: App) -> Script:
    """One of three kinds of no answer, now and then."""
    nonsense = app.rng.choice([BrokenJson(), DropMidway(), Html()])
    every = app.rng.randint(3, 5)

    def between(chat: ChatRequest) -> Reply:
        if chat.number % every == 0:
            app.note(chat.tokens)
            return nonsense
        return app.think(chat)

    return between


def serve(app: App) -> None:
    """Nobody retries."""
    app.serve(*app.fresh(app.line.model(app)), app.ask(20, 30), app.rng.randint(2, 6))


def proof(app: App) -> Proof:
    """Who was sent no answer of a model failed, and nobody else."""
    sent = {token for tokens in app.notes for token in tokens}
    hit = frozenset(question.id for question in app.asked if question.token in sent)
    failed = {answer.question.id for answer in app.answers if answer.status != 200}
    return Proof(bool(hit) and failed == hit, f"{len(failed)} failed, {len(hit)} were sent no answer", hit, hit)
