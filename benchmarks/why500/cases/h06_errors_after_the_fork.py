"""H6. Forked workers, each with clients of its own, meet a provider in trouble: the fork has nothing to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import Drop, Status
from benchmarks.why500 import oracles
from benchmarks.why500.case import PROVIDER, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from autogen_otel.demo.provider import ChatRequest, Reply, Script
    from benchmarks.why500.app import App

CAUSES = {"provider": PROVIDER}
LINES = ALL
HOLD_OUT = True


def script(app: App) -> Script:
    """A provider that now closes the connection, now answers 504."""

    def troubled(chat: ChatRequest) -> Reply:
        if chat.number % 4 == 1:
            return app.rng.choice([Drop(), Status(504), Status(520)])
        return app.think(chat)

    return troubled


def serve(app: App) -> None:
    """Three workers."""
    handle, _ = app.fresh(app.line.model(app))
    app.forks(handle, app.ask(24, 36), 3)


def proof(app: App) -> Proof:
    """The provider counted its errors; nobody read another one's answer."""
    foreign = oracles.crosstalk(app)
    return oracles.refused(app, {0, 504, 520}) & Proof(not foreign.happened, foreign.says)
