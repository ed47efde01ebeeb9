"""All findings about one request, the one that explains it first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from autogen_otel.core import names
from autogen_otel.detectors import (
    async_boundary,
    cancelled,
    configuration,
    framework,
    provider,
    rate_limit,
    shared_state,
    stale_client,
    tool_exception,
    undetermined,
)
from autogen_otel.detectors.findings import Explained

if TYPE_CHECKING:
    from autogen_otel.core.causes import Finding
    from autogen_otel.detectors.findings import Detector
    from autogen_otel.detectors.request_facts import RequestFacts
    from autogen_otel.detectors.world import World

# Who comes first explains a fault, and who comes later is not asked about it: what is proved by more than the fault's
# own text stands before what is only read from it.
_DETECTORS: Final[tuple[Detector, ...]] = (
    shared_state.find,
    stale_client.find,
    async_boundary.find,
    rate_limit.find,
    tool_exception.find,
    provider.find,
    configuration.find,
    framework.find,
)
# Said where nothing else is found.
_LAST: Final[tuple[Detector, ...]] = (cancelled.find, undetermined.find)
# Worth knowing, and no reason for which an answer is missing or wrong.
_BESIDES: Final = frozenset({rate_limit.HIDDEN, stale_client.EXPORTER})


def explain(request: RequestFacts, world: World) -> tuple[Finding, ...]:
    """Return what is found about a request that has ended; nothing of one that is well."""
    if request.is_well:
        return ()
    explained = Explained()
    findings = [finding for find in _DETECTORS for finding in find(request, world, explained)]
    # An exception of the application's own, after something else went wrong, is what it made of that.
    if all(one.detail in _BESIDES for one in findings):
        findings += [finding for find in _LAST for finding in find(request, world, explained)]
    # What the request ended with before what it survived, proofs before hints, what is worth knowing in the end.
    findings.sort(key=lambda one: (not _ends_it(one, request), not one.certain, one.detail in _BESIDES))
    called = {names.CALLED_AT: request.called_at} if request.called_at else {}
    return tuple(replace(one, blame={**one.blame, **called}) for one in findings)


def _ends_it(finding: Finding, request: RequestFacts) -> bool:
    fatal = request.fatal
    return fatal is not None and any(one.fault_id == fatal.id for one in finding.evidence)
