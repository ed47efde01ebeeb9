"""H23. A provider stumbles now and then; the client tries again, or the application does, and everybody is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import Drop, Status
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
HOLD_OUT = True


def script(app: App) -> Script:
    """A provider that stumbles at every seventh request."""
    stumbles = app.rng.choice([Status(503), Status(500), Drop()])
    return lambda chat: stumbles if chat.number % 7 == 4 else app.think(chat)


def serve(app: App) -> None:
    """One of the two retries."""
    by_client = app.rng.random() < 0.5
    handle, handle_async = app.fresh(app.line.model(app, max_retries=2 if by_client else 0))

    def again(question: Question) -> str:
        try:
            return handle(question)
        except Exception:  # noqa: BLE001 - whatever it was
            return handle(question)

    async def again_async(question: Question) -> str:
        try:
            return await handle_async(question)
        except Exception:  # noqa: BLE001 - likewise
            return await handle_async(question)

    # One at a time, for two in a row must not both meet it.
    how = (handle, handle_async) if by_client else (again, again_async)
    app.serve(*how, app.ask(20, 30), 1)


def proof(app: App) -> Proof:
    """Everybody got the right answer, though the provider has stumbled."""
    stumbled = sum(count for status, count in app.provider.statuses().items() if status != 200)
    fine = oracles.healthy(app, statuses=(0, 200, 500, 503))
    return fine & Proof(stumbled > 0, f"{stumbled} stumbles")
