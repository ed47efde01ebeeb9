"""H35. A service without state reads the conversation from its store for each turn, and does not speak of sessions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from autogen_otel import request
from benchmarks.why500 import oracles
from benchmarks.why500.cases import ALL, h33_examples_in_the_prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof
    from benchmarks.why500.web import Question

CAUSES: Mapping[str, str] = {}
LINES = ALL
HOLD_OUT = True
_TURNS = 4


def serve(app: App) -> None:
    """Fresh agents for each turn; the conversations go on beside each other."""
    ask = h33_examples_in_the_prompt.asking(app)
    questions = app.ask(24, 32, lambda number: f"Turn {number % _TURNS}.")
    conversations = [questions[first : first + _TURNS] for first in range(0, len(questions), _TURNS)]

    async def conversation(turns: list[Question]) -> None:
        store: list[tuple[str, str]] = []
        for turn in turns:
            with request(turn.id):
                answer = await ask(store, turn.text)
            store.append((turn.text, answer))
            app.note((turn, answer))

    async def everybody() -> None:
        await asyncio.gather(*map(conversation, conversations))

    asyncio.run(everybody())
    app.note(conversations)


def proof(app: App) -> Proof:
    """Each turn was answered by itself."""
    conversations = app.notes.pop()
    return oracles.turns(app, conversations, app.notes)
