"""How detectors put what they have found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from autogen_otel.core import names
from autogen_otel.core.causes import Evidence
from autogen_otel.core.facts import Kind
from autogen_otel.detectors.exceptions import in_words, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.core.causes import Finding
    from autogen_otel.core.facts import Fault, Operation
    from autogen_otel.detectors.failures import Failure
    from autogen_otel.detectors.request_facts import RequestFacts
    from autogen_otel.detectors.world import World

MAX_EVIDENCE: Final = 8
_NOUNS: Final = {
    Kind.REQUEST: "the request",
    Kind.WORKFLOW: "chat",
    Kind.AGENT: "agent",
    Kind.MODEL: "the call of model",
    Kind.TOOL: "tool",
    Kind.CODE: "code run by",
    Kind.INPUT: "human input of",
    Kind.SPEAKER: "the choice of speaker",
}


class Explained:
    """The faults that a detector has explained; the detectors after it need not."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def add(self, fault: Fault) -> None:
        """Note that a fault is explained."""
        self._ids.add(fault.id)

    def __contains__(self, fault: Fault) -> bool:
        return fault.id in self._ids


class Detector(Protocol):
    """What a file of a cause offers: a function `find`."""

    def __call__(self, request: RequestFacts, world: World, explained: Explained) -> Iterator[Finding]:
        """Yield what explains a request, and note which faults that explains."""


def seen(fault: Fault, says: str = "") -> Evidence:
    """Return a fault as evidence."""
    return Evidence(fault.operation_id, says or in_words(fault), fault.id)


def call_of(operation: Operation) -> str:
    """Return an operation in words: `tool 'lookup_policy'`."""
    noun = _NOUNS[operation.kind]
    return noun if operation.kind in {Kind.REQUEST, Kind.SPEAKER} else f"{noun} '{operation.name}'"


def agent_of(operation: Operation) -> str:
    """Return ` of agent 'a'`, or nothing where no agent is known."""
    return f" of agent '{operation.agent_name}'" if operation.agent_name else ""


def blame_on(operation: Operation, agent: str | None = None, **more: str | int) -> dict[str, str | int]:
    """Return whom an operation points to: process, tool and agent, its own one if no other is given."""
    blamed: dict[str, str | int] = {names.PROCESS_PID: operation.pid}
    agent = agent or operation.agent_name
    if agent:
        blamed[names.AGENT_NAME] = agent
    if operation.tool_name:
        blamed[names.TOOL_NAME] = operation.tool_name
    return {**blamed, **more}


def blame_for(fault: Fault, operation: Operation) -> dict[str, str | int]:
    """Return whom a fault points to: agent, tool, process and the raising line."""
    blamed = blame_on(operation)
    for name, value in (
        (names.AGENT_NAME, fault.agent_name),
        (names.TOOL_NAME, fault.tool_name),
        (names.FAULT_RAISED_AT, place_of(fault)),
    ):
        if value:
            blamed[name] = value
    client = operation.attributes.get(names.CLIENT_INSTANCE)
    if client is not None:
        blamed[names.CLIENT_INSTANCE] = client
    return blamed


def times(failure: Failure) -> str:
    """Return ` 3 times` for what has failed more than once."""
    return f" {failure.count} times" if failure.count > 1 else ""
