"""The provider refuses what it is asked, every time.

Symptom: Each request of a kind fails, at any load: 401, 403, 404 or 400, or an exception before any chat begins.

Cause: A key that is wrong or has no right to the model, a model or an endpoint that does not exist, parameters or a
prompt that the provider does not take, or text that its content filter stops; or AutoGen itself does not accept the
configuration of an agent or a client.

Fix: Compare key, `base_url`, model and parameters with what the provider documents; do not retry. What a content filter
stops, tell the user. A prompt that is too long needs a limit on the history that is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.core.causes import Cause, Finding
from autogen_otel.core.facts import Kind
from autogen_otel.detectors.exceptions import (
    code_of,
    in_words,
    raised_in_autogen,
    says,
    short_place,
    status_of,
    types_of,
)
from autogen_otel.detectors.findings import agent_of, blame_for, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.core.facts import Fault
    from autogen_otel.detectors.failures import Failure
    from autogen_otel.detectors.findings import Explained
    from autogen_otel.detectors.request_facts import RequestFacts
    from autogen_otel.detectors.world import World

_REFUSALS: Final = frozenset({"ImportError", "NotImplementedError", "TypeError", "ValidationError", "ValueError"})
_SAYS: Final = {
    "credentials": "refused the key",
    "content_filter": "stopped the text with its content filter",
    "not_found": "does not know the model or the endpoint",
    "too_long": "takes no prompt of this length",
    "bad_request": "did not accept what it was asked",
}


def find(request: RequestFacts, world: World, explained: Explained) -> Iterator[Finding]:  # noqa: ARG001
    """Find what a provider refuses."""
    for failure in request.unrecovered():
        fault, operation = failure.fault, failure.operation
        status = status_of(fault)
        if operation.kind in {Kind.TOOL, Kind.CODE} or fault in explained:
            continue
        if _not_accepted(failure):
            explained.add(fault)
            yield Finding(
                Cause.CONFIGURATION,
                "not_accepted",
                f"AutoGen does not accept what it was given{short_place(fault)} ({in_words(fault)}).",
                False,
                (seen(fault),),
                blame_for(fault, operation),
            )
        if status is None or not 400 <= status < 500 or fault in explained:
            continue
        explained.add(fault)
        detail = _detail(fault, status)
        yield Finding(
            Cause.CONFIGURATION,
            detail,
            f"The provider of model '{operation.name}'{agent_of(operation)} {_SAYS[detail]} ({in_words(fault)}).",
            True,
            (seen(fault),),
            blame_for(fault, operation),
        )


def _not_accepted(failure: Failure) -> bool:
    """Tell whether AutoGen refused what an agent, or a client, was to be made of: before any chat began."""
    fault, kind = failure.fault, failure.operation.kind
    return kind is Kind.REQUEST and not _REFUSALS.isdisjoint(types_of(fault)) and raised_in_autogen(fault)


def _detail(fault: Fault, status: int | None) -> str:
    if status in {401, 403}:
        return "credentials"
    if status == 404:
        return "not_found"
    if code_of(fault) == "content_filter" or says(fault, "content_filter", "content management policy"):
        return "content_filter"
    if code_of(fault) == "context_length_exceeded" or says(fault, "maximum context length"):
        return "too_long"
    return "bad_request"
