"""R4. The account has no money left, at any load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import Sequence, insufficient_quota
from benchmarks.why500 import oracles
from benchmarks.why500.case import PROVIDER, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from autogen_otel.demo.provider import Script
    from benchmarks.why500.app import App

CAUSES = {"rate_limit": PROVIDER}
LINES = ALL


def script(app: App) -> Script:
    """A provider that answers until the money is gone."""
    return Sequence([*[app.think] * app.rng.randint(0, 8), insufficient_quota()])


def serve(app: App) -> None:
    """One request after the other."""
    model = app.line.model(app)
    app.serially(lambda question: app.line.ask(app.line.agents(app, model), question.text), app.ask(20, 26))


def proof(app: App) -> Proof:
    """The provider counted its refusals."""
    return oracles.refused(app, {429})
