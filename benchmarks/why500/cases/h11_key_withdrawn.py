"""H11. In the middle of the day the key is withdrawn, or the model is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.demo.provider import Sequence, Status
from benchmarks.why500 import oracles
from benchmarks.why500.case import PROVIDER, Proof
from benchmarks.why500.cases import ALL

if TYPE_CHECKING:
    from autogen_otel.demo.provider import Script
    from benchmarks.why500.app import App

CAUSES = {"configuration": PROVIDER}
LINES = ALL
HOLD_OUT = True


def script(app: App) -> Script:
    """A provider that answers for a while."""
    return Sequence([*[app.think] * app.rng.randint(6, 14), Status(app.rng.choice([401, 403, 404]))])


def serve(app: App) -> None:
    """With the retries that a client does by itself: it does none here."""
    app.serve(*app.fresh(app.line.model(app, max_retries=2)), app.ask(20, 30), app.rng.randint(2, 6))


def proof(app: App) -> Proof:
    """The provider counted its refusals."""
    return oracles.refused(app, {401, 403, 404})
