"""H4. A tool gives up on what it waits for: a TimeoutError that is neither the model's nor the event loop's."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import TYPE_CHECKING

from benchmarks.why500 import oracles
from benchmarks.why500.case import TOOL, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from benchmarks.why500.app import App

CAUSES = {"tool_exception": TOOL}
LINES = ALL
HOLD_OUT = True


def serve(app: App) -> None:
    """A result that never comes, in sync code or in async code."""
    patience = app.rng.uniform(0.02, 0.2)

    def wait(item: str) -> str:
        if item.startswith("z"):
            Future[str]().result(timeout=patience)
        return f"found {item}"

    async def wait_async(item: str) -> str:
        if item.startswith("z"):
            await asyncio.wait_for(asyncio.Event().wait(), patience)
        return f"found {item}"

    every = app.rng.randint(3, 8)
    name = app.words.tools[1]

    def text(number: int) -> str:
        item = f"z{number}" if number % every == 2 else f"k{number}"
        return f'What about {item}?\ncall {name} {{"item": "{item}"}}'

    questions, model = app.ask(20, 40, text), app.line.model(app)
    if app.rng.random() < 0.5:
        handle, _ = app.fresh(model, app.tool(wait, name))
        app.threads(handle, questions, app.rng.randint(3, 9))
    else:
        _, handle_async = app.fresh(model, app.tool(wait_async, name))
        app.loop(handle_async, questions, at_once=app.rng.randint(3, 9))


def proof(app: App) -> Proof:
    """The model was given no result where the tool waited; a TimeoutError has no text to say more."""
    waited = [question for question in app.asked if "What about z" in question.text]
    return oracles.silent(app, waited) & oracles.sent_only(app, {200})
