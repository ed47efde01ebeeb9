"""F1. The client is made with the module and used once, and then the server forks its workers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from autogen_otel.demo.cases.stale_client import script as printing
from autogen_otel.demo.provider.chat import tokens_in
from benchmarks.why500.case import CLIENT, Proof

if TYPE_CHECKING:
    from autogen_otel.demo.provider import Script
    from benchmarks.why500.app import App
    from benchmarks.why500.web import Question

CAUSES = {"stale_client": CLIENT}
LINES = ("classic", "agentchat", "ag2")


def script(app: App) -> Script:  # noqa: ARG001 - each case is asked for it in the same way
    """A model that takes a moment; what it prints of a document does not fit into one read of a socket."""
    return printing()


def serve(app: App) -> None:
    """Four workers; the model is greeted before, so that the first user need not wait."""
    ask = asking(app)
    ask("Hello.")

    def handle(question: Question) -> str:
        app.note(os.getpid())
        answer: str = ask(question.text)
        return answer

    least = app.rng.randint(24, 40)
    questions = app.questions([f"{'Print' if n > least - 9 else 'Summarise'} document {n}." for n in range(least)])
    app.forks(handle, questions, 4)


def proof(app: App) -> Proof:
    """Workers got each other's answers, or their connections broke; the parent and its workers are the pid log."""
    hit = frozenset(
        answer.question.id
        for answer in app.answers
        if answer.status != 200 or set(tokens_in(answer.text)) != {answer.question.token}
    )
    lost = frozenset(question.id for question in app.asked) - {answer.question.id for answer in app.answers}
    errors = {answer.error.type for answer in app.answers if answer.error}
    says = f"{len(hit)} wrong and {len(lost)} lost of {len(app.asked)} in workers {app.pids}: {errors}"
    everybody = frozenset(question.id for question in app.asked)
    return Proof(bool(hit) and len(set(app.pids)) == 4, says, hit, everybody)


def asking(app: App) -> Any:
    """Return a function that asks one client's model, whoever calls it."""
    if app.line.name == "ag2":
        import httpx2

        model = app.line.model(app, timeout=2, http_client=httpx2.AsyncClient(timeout=2))
    else:
        model = app.line.model(app, timeout=2)
    if app.line.name == "classic":
        agents = app.line.agents(app, model)
        return lambda text: app.line.ask(agents, text)
    if app.line.name == "agentchat":
        model = model.shared
    return lambda text: app.line.ask(app.line.agents(app, model), text)
