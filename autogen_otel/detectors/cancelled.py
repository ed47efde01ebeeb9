"""Whoever asked has gone away.

Symptom: The request ends with `asyncio.CancelledError`, or its stream is closed before the end.

Cause: The client disconnected, or the application no longer wanted the answer. Nothing has failed.

Fix: Nothing to fix. If it happens often, the answers may be slower than your users, or the proxy before you, will wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.core.causes import Cause, Evidence, Finding
from autogen_otel.detectors.findings import blame_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.detectors.findings import Explained
    from autogen_otel.detectors.request_facts import RequestFacts
    from autogen_otel.detectors.world import World


def find(request: RequestFacts, world: World, explained: Explained) -> Iterator[Finding]:  # noqa: ARG001
    """Say of a request that was cancelled that it was."""
    if request.was_cancelled:
        yield Finding(
            Cause.CANCELLED,
            "cancelled",
            "The request was cancelled before it had an answer.",
            True,
            (Evidence(request.root.id, "was cancelled"),),
            blame_on(request.root),
        )
