"""H14. A gateway before the provider makes a server error of each rate limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import RateLimit, Status
from benchmarks.why500 import oracles
from benchmarks.why500.case import PROVIDER, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from autogen_otel.demo.provider import Script
    from benchmarks.why500.app import App

CAUSES = {"rate_limit": PROVIDER}
LINES = ALL
HOLD_OUT = True


def script(app: App) -> Script:
    """A gateway with a token bucket behind it."""
    says = app.rng.choice(["Upstream: rate limit reached for this deployment", "upstream said: Too Many Requests"])
    code = app.rng.choice([500, 502, 503])
    return RateLimit(app.rng.uniform(4, 9), app.rng.randint(5, 9), app.think, refuse=lambda _: Status(code, says))


def serve(app: App) -> None:
    """Nobody retries."""
    app.serve(*app.fresh(app.line.model(app)), app.ask(24, 40), app.rng.randint(10, 16))


def proof(app: App) -> Proof:
    """The gateway counted what it refused."""
    return oracles.refused(app, {500, 502, 503})
