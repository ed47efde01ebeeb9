"""A tool raises, or code that a model wrote.

Symptom: Some users are answered with 200 and an error, or something made up, instead of what they asked for; or the
whole chat ends in a 500. The log knows of no exception.

Cause: AutoGen catches what a tool raises and hands the model a text such as "Error: 'p9'" in its place; type and
traceback are gone. Trying the same again does not help: the same input raises the same exception.

Fix: Let the tool check its input, and return what is not there as data, which the model can explain to the user:

    def lookup_policy(policy_id: str) -> dict:
        policy = POLICIES.get(policy_id)
        if policy is None:
            return {"found": False, "policy_id": policy_id}
        return {"found": True, "policy": policy}

Where the model asked for a tool that does not exist, or with arguments that do not fit, say in the tool's description
what it takes, and offer no names that it can mix up. Retry only what is transient, and at the tool, not the chat.
Data that says "not found" is an answer; what a tool server or a workbench marks as an error (`isError`, `is_error`) is
a failure that it returned in place of raising, and its own log knows more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.core.causes import Cause, Finding
from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.detectors.exceptions import in_words, short_place
from autogen_otel.detectors.findings import agent_of, blame_for, call_of, seen, times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.detectors.failures import Failure
    from autogen_otel.detectors.findings import Explained
    from autogen_otel.detectors.request_facts import RequestFacts
    from autogen_otel.detectors.world import World

_KINDS: Final = frozenset({Kind.TOOL, Kind.CODE})
_SAYS: Final = {
    FaultKind.UNKNOWN_TOOL: "does not exist; the model made it up",
    FaultKind.BAD_ARGUMENTS: "was called with arguments that do not fit",
    FaultKind.RETURNED: "returned an error",
}


def find(request: RequestFacts, world: World, explained: Explained) -> Iterator[Finding]:  # noqa: ARG001
    """Find the tools that raised, unless the same tool did its work later in the request."""
    fatal = request.fatal
    for failure in request.unrecovered():
        fault, operation = failure.fault, failure.operation
        if operation.kind not in _KINDS or fault in explained:
            continue
        explained.add(fault)
        what = _SAYS.get(fault.kind) or f"raised{times(failure)}"
        end = "the request ended with it" if fault is fatal else "AutoGen made a text of it for the model"
        yield Finding(
            Cause.TOOL_EXCEPTION,
            _detail(failure),
            f"{call_of(operation)[:1].upper()}{call_of(operation)[1:]}{agent_of(operation)} {what}{short_place(fault)}"
            f" ({in_words(fault)}); {end}.",
            True,
            (seen(fault),),
            blame_for(fault, operation),
        )


def _detail(failure: Failure) -> str:
    """Return what is told apart; a second chat, or a third time, means that somebody retries what cannot succeed."""
    again = len(failure.chats) > 1 or failure.count > 2
    if failure.fault.kind is FaultKind.RAISED and again and failure.fault.transient is not True:
        return "repeated"
    return failure.fault.kind.value
