"""H30. A request asks twice at the same time, takes what comes first, and breaks the other off."""

from __future__ import annotations

import asyncio
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
    """Or it breaks off what takes too long and asks anew."""
    model = app.line.model(app)
    _, ask = app.fresh(model)
    patience = app.latency * 0.7

    async def hedged(question: Question) -> str:
        tasks = [asyncio.ensure_future(ask(question)) for _ in range(2)]
        done, late = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return done.pop().result()

    async def impatient(question: Question) -> str:
        try:
            return await asyncio.wait_for(ask(question), patience)
        except asyncio.TimeoutError:
            return await ask(question)

    app.loop(app.rng.choice([hedged, impatient]), app.ask(20, 30), at_once=app.rng.randint(3, 6))


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app, statuses=(0, 200))
