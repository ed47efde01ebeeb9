"""H31. Slow tools run in threads, as they should: nobody has to wait for another one."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

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
    """In an async application: `asyncio.to_thread` in the tool, or around the whole chat."""
    pause = app.rng.uniform(0.4, 0.8)

    def grind(item: str) -> str:
        time.sleep(pause)
        return f"found {item}"

    async def grind_async(item: str) -> str:
        return await asyncio.to_thread(grind, item)

    name = app.words.tools[0]
    questions = app.ask(20, 24, lambda n: f'What about k{n}?\ncall {name} {{"item": "k{n}"}}')
    if app.rng.random() < 0.5:
        _, handle_async = app.fresh(app.line.model(app), app.tool(grind_async, name))
    else:
        handle, _ = app.fresh(app.line.model(app), app.tool(grind, name))

        async def handle_async(question: Question) -> str:
            return await asyncio.to_thread(handle, question)

    app.loop(handle_async, questions, at_once=8, deadline=30)


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app, lambda _: "found k")
