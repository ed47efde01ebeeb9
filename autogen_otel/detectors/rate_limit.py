"""The provider refuses what exceeds its limit.

Symptom: A quiet service never fails; when many chats begin in the same second, most of them end in a 500, or take far
longer than usual. With a quota that is used up, every request fails, at any load.

Cause: The provider answers 429. The retries of the client come back all at once as well, and a retry around the whole
chat multiplies them. Some gateways make a 500 or 503 of it.

Fix: Bound the chats that run at a time, and retry a 429 in one place only, after the time that the provider asks for:

    slots = threading.BoundedSemaphore(4)

    def handle(prompt):
        with slots:
            return ask(build_agents(), prompt)

In async code that is `asyncio.Semaphore(4)` and `async with slots`. Leave the client its retries (`max_retries` in an
entry of the `config_list`, of `OpenAIChatCompletionClient`, of ag2's `OpenAIConfig`), or take them away and retry
yourself; not both. A quota that is used up (`insufficient_quota`) comes back with a payment and not with time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.core import names
from autogen_otel.core.causes import Cause, Evidence, Finding
from autogen_otel.core.facts import Kind
from autogen_otel.detectors.exceptions import code_of, in_words, is_timeout, says, status_of
from autogen_otel.detectors.findings import MAX_EVIDENCE, agent_of, blame_for, blame_on, seen
from autogen_otel.detectors.request_facts import TOO_MANY_REQUESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.core.facts import Fault, Finished
    from autogen_otel.detectors.failures import Failure
    from autogen_otel.detectors.findings import Explained
    from autogen_otel.detectors.request_facts import RequestFacts
    from autogen_otel.detectors.world import World

_QUOTA: Final = (
    *("insufficient_quota", "exceeded your current quota", "billing_hard_limit", "credit balance is too low"),
    "quota has been exhausted",
)
_REFUSED: Final = ("rate limit", "rate_limit", "ratelimit", "too many requests", "throttl")
# A client tries three times by itself. From twice that on somebody else retries as well.
_STORM: Final = 6
# The one finding about a request that was only made slow.
HIDDEN: Final = "hidden_by_retries"
# So many other requests refused within a minute make it a burst, and not a hiccup of one request.
_BURST: Final = 2


def find(request: RequestFacts, world: World, explained: Explained) -> Iterator[Finding]:
    """Find where the provider has refused, fatally or at the cost of retries."""
    told = False
    for failure in request.unrecovered():
        if failure.fault in explained:
            continue
        detail = _detail(request, world, failure)
        if detail is None:
            continue
        explained.add(failure.fault)
        told = True
        yield _failed(request, failure, detail)
    if not told and request.refused:
        yield from _hidden(request, world)


def _detail(request: RequestFacts, world: World, failure: Failure) -> str | None:
    """Return what is told apart of a fault, None where it is no refusal."""
    fault = failure.fault
    if failure.operation.kind in {Kind.TOOL, Kind.CODE}:
        # The limit of a tool's own API is that tool's affair.
        return None
    if code_of(fault) in _QUOTA or (status_of(fault) in {400, 402, 403, 429} and says(fault, *_QUOTA)):
        return "quota"
    status = status_of(fault)
    if status != TOO_MANY_REQUESTS and not _spent(request, fault):
        if not says(fault, *_REFUSED):
            return None
        # A client that drops the status leaves nothing but the provider's words.
        dropped = status is None and failure.operation.kind is Kind.MODEL
        return "disguised" if status in {500, 502, 503} else "refused" if dropped else None
    if request.refusals >= _STORM:
        return "retry_storm"
    last = request.refused[-1] if request.refused else None
    beside = 0 if last is None else world.refused_beside(request.root.id, last)
    return "burst" if beside >= 1 else "refused"


def _spent(request: RequestFacts, fault: Fault) -> bool:
    """Tell whether a call ran out of time after the provider had refused its attempts."""
    return is_timeout(fault) and any(end.operation.id == fault.operation_id for end in request.refused)


def _failed(request: RequestFacts, failure: Failure, detail: str) -> Finding:
    fault, operation = failure.fault, failure.operation
    wait = fault.fields.get(names.RETRY_AFTER)
    asked = f"; it asks to wait {wait} s" if wait else ""
    tries = f" {request.refusals} times" if request.refusals > 1 else ""
    proved = detail != "refused" or status_of(fault) is not None or _spent(request, fault)
    what = {
        "quota": "refused the request because the quota is used up",
        "disguised": "sent a rate limit as a server error",
    }.get(detail, f"refused the request{tries} with 429" if proved else "says that it limits the rate of requests")
    return Finding(
        Cause.RATE_LIMIT,
        detail,
        f"The provider of model '{operation.name}'{agent_of(operation)} {what}{asked} ({in_words(fault)}).",
        proved,
        (seen(fault), *_calls(request, fault.operation_id)),
        blame_for(fault, operation),
    )


def _hidden(request: RequestFacts, world: World) -> Iterator[Finding]:
    """Find refusals that retries have hidden, once they strain the budget: one that is absorbed is what it is for."""
    last = request.refused[-1]
    beside = world.refused_beside(request.root.id, last)
    if request.refusals < 2 and beside < _BURST:
        return
    others = f", and {beside} other request{'s' if beside > 1 else ''} within a minute" if beside else ""
    yield Finding(
        Cause.RATE_LIMIT,
        HIDDEN,
        f"The provider of model '{last.operation.name}' refused {request.refusals} attempts with 429{others}; "
        "retries have hidden it, and made it slow.",
        True,
        tuple(_calls(request)),
        blame_on(last.operation),
    )


def _calls(request: RequestFacts, without: int = 0) -> list[Evidence]:
    return [
        Evidence(end.operation.id, f"statuses of the attempts: {_statuses(end)}")
        for end in request.refused
        if end.operation.id != without
    ][-MAX_EVIDENCE + 1 :]


def _statuses(end: Finished) -> str:
    return ", ".join(str(one) for one in end.attributes.get(names.MODEL_ATTEMPT_STATUSES, (TOO_MANY_REQUESTS,)))
