"""H21. Each request runs several chats, one after the other, and carries a summary from each to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.why500 import oracles
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof
    from benchmarks.why500.web import Question

CAUSES: Mapping[str, str] = {}
LINES = ALL
HOLD_OUT = True


def serve(app: App) -> None:
    """`initiate_chats`; agents whose results are passed on by hand elsewhere."""
    handle = _chats(app) if app.line.name == "classic" else _by_hand(app)
    app.loop(handle, app.ask(20, 26, lambda number: f"Report on number {number}."), at_once=app.rng.randint(3, 8))


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app)


def _chats(app: App) -> Any:
    from benchmarks.why500.lines.classic import last

    model = app.line.model(app)

    async def handle(question: Question) -> str:
        first, user = app.line.agents(app, model, name=app.words.agents[0])
        second, _ = app.line.agents(app, model, name=app.words.agents[1])
        common = {"silent": True, "summary_method": "last_msg"}
        results = await user.a_initiate_chats(
            [
                {"chat_id": 1, "recipient": first, "message": question.text, **common},
                {"chat_id": 2, "prerequisites": [1], "recipient": second, "message": "Shorten that.", **common},
                {"chat_id": 3, "prerequisites": [2], "recipient": first, "message": "Check that.", **common},
            ]
        )
        return last(results[3])

    return handle


def _by_hand(app: App) -> Any:
    model = app.line.model(app)

    async def handle(question: Question) -> str:
        agents = app.line.agents(app, model)
        said = await app.line.ask_async(agents, question.text)
        summary = await app.line.ask_async(app.line.agents(app, model, name=app.words.agents[1]), f"Shorten: {said}")
        return await app.line.ask_async(agents, f"Check: {summary}")

    return handle
