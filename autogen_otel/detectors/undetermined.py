"""The request failed, and nothing that was recorded decides why.

Symptom: A failed request without another cause.

Cause: The application's own code raised, outside of tools and AutoGen; or what failed was not observed.

Fix: Look at the raising line of the original exception. Where it says too little, `autogen-otel show REQUEST` prints
what came before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.core.causes import Cause, Evidence, Finding
from autogen_otel.detectors.exceptions import in_words, short_place
from autogen_otel.detectors.findings import blame_for, blame_on, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.detectors.findings import Explained
    from autogen_otel.detectors.request_facts import RequestFacts
    from autogen_otel.detectors.world import World


def find(request: RequestFacts, world: World, explained: Explained) -> Iterator[Finding]:  # noqa: ARG001
    """Say of a request that failed that nothing tells why."""
    if not request.failed or request.end is None:
        return
    fault = request.fatal
    if fault is None:
        evidence, blame = Evidence(request.root.id, "failed"), blame_on(request.root)
        summary = f"The request failed with {request.end.error_type or 'an error'}, and nothing more is known of it."
    elif fault in explained:
        return
    else:
        failure = next(request.unrecovered())
        evidence, blame = seen(fault), blame_for(fault, failure.operation)
        summary = (
            f"The request ended with {in_words(fault)}{short_place(fault)}; nothing that was recorded explains it."
        )
    yield Finding(Cause.UNDETERMINED, "unexplained", summary, False, (evidence,), blame)
