"""H32. A tool asks a helper that lies in the module, behind a lock, and cleans it before."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from benchmarks.why500 import oracles
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.why500.app import App
    from benchmarks.why500.case import Proof

CAUSES: Mapping[str, str] = {}
LINES = ALL
HOLD_OUT = True


def serve(app: App) -> None:
    """The chats around the tools all go on at the same time."""
    model = app.line.model(app)
    helper = app.line.agents(app, model.shared if app.line.name == "agentchat" else model, name=app.words.agents[1])
    lock, turn = threading.Lock(), asyncio.Lock()

    def consult(item: str) -> str:
        with lock:
            return app.line.ask(helper, f"Is {item} there? found {item}")

    async def consult_async(item: str) -> str:
        async with turn:
            if app.line.name == "agentchat":
                from autogen_core import CancellationToken

                await helper.on_reset(CancellationToken())
            return await app.line.ask_async(helper, f"Is {item} there? found {item}")

    name = app.words.tools[0]
    questions = app.ask(20, 26, lambda n: f'What about k{n}?\ncall {name} {{"item": "k{n}"}}')
    at_once = app.rng.randint(3, 6)
    if app.line.name == "classic":
        handle, _ = app.fresh(model, app.tool(consult, name))
        app.threads(handle, questions, at_once)
    else:
        _, handle_async = app.fresh(model, app.tool(consult_async, name))
        app.loop(handle_async, questions, at_once=at_once)


def proof(app: App) -> Proof:
    """Everybody got the right answer."""
    return oracles.healthy(app, lambda _: "found k")
