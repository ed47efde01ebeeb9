"""What autogen-otel recorded, read back: faults from the log file on disk, who used and read what from the facts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from autogen_otel.core import names
from autogen_otel.operations.listeners import Listener

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from autogen_otel.core.facts import Finished


class RecordedFault(NamedTuple):
    """A fault as its log line tells it.

    Attributes:
        frames: The traceback, outermost first: file, line, function and source. The last one raised.
        root: Type and text of the first cause, where there is one that is not the provider's answer.
        masked: Whether AutoGen answered on.
        attempts: How often the client called the provider.
        retry_after: What the provider said to that, in seconds.
    """

    request_id: str
    agent: str | None
    tool: str | None
    type: str
    message: str
    frames: list[dict[str, Any]]
    root: str | None
    masked: bool
    attempts: int | None
    retry_after: str | None


class Use(NamedTuple):
    """A use of a conversation: by which request, which conversation of which process, from when to when."""

    request_id: str
    conversation: str
    pid: int
    started_ns: int
    ended_ns: int


class Witness(Listener):
    """Hears the facts. Of forked workers it hears nothing; the log file has what they did.

    Attributes:
        uses: Who used which conversation when.
        foreign: Of a request, the other requests whose messages one of its prompts held.
    """

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.foreign: dict[str, dict[str, None]] = {}

    def finished(self, end: Finished) -> None:
        """Keep what conversations were used, and whose messages a model has read."""
        operation = end.operation
        read = operation.attributes.get(names.FOREIGN_REQUESTS) or end.attributes.get(names.FOREIGN_REQUESTS) or ()
        if read:
            self.foreign.setdefault(operation.request_id, {}).update(dict.fromkeys(read))
        conversations = end.attributes.get(names.CONVERSATIONS, ())
        for conversation, since_ns in zip(
            conversations, end.attributes.get(names.CONVERSATIONS_SINCE, ()), strict=True
        ):
            self.uses.append(Use(operation.request_id, conversation, operation.pid, since_ns, end.ended_ns))


class Recorded:
    """What was recorded of some requests.

    Attributes:
        causes: Of a request that failed or answered wrongly, why, as a word and as a sentence.

    Args:
        log: The log file.
        witness: What was heard of the facts.
        request_ids: The requests.
    """

    def __init__(self, log: Path, witness: Witness, request_ids: Iterable[str]) -> None:
        wanted = frozenset(request_ids)
        self.uses = [use for use in witness.uses if use.request_id in wanted]
        self._foreign = witness.foreign
        self.faults: list[RecordedFault] = []
        self.provider_ids: dict[str, list[str]] = {}
        self.finished: dict[str, str] = {}
        self.causes: dict[str, tuple[str, str]] = {}
        for line in log.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event.get(names.LOG_REQUEST_ID) in wanted:
                self._add(event)

    def faults_of(self, request_id: str) -> list[RecordedFault]:
        """Return the faults of a request in the order of their telling."""
        return [fault for fault in self.faults if fault.request_id == request_id]

    def foreign(self, request_id: str) -> list[str]:
        """Return the other requests whose messages a prompt of this one held."""
        return list(self._foreign.get(request_id, ()))

    def sharing(self, request_id: str) -> list[tuple[Use, Use]]:
        """Return pairs of uses of one conversation: a request's own, and another's that went on meanwhile."""
        own = [use for use in self.uses if use.request_id == request_id]
        return [
            (mine, other)
            for mine in own
            for other in self.uses
            if other.request_id != request_id
            and (other.pid, other.conversation) == (mine.pid, mine.conversation)
            and other.started_ns < mine.ended_ns
            and mine.started_ns < other.ended_ns
        ]

    def _add(self, event: dict[str, Any]) -> None:
        request_id = event[names.LOG_REQUEST_ID]
        if event["event"] == "fault":
            self.faults.append(_fault(event))
        elif event["event"] == "model call finished" and "provider_request_id" in event:
            self.provider_ids.setdefault(request_id, []).append(event["provider_request_id"])
        elif event["event"] == names.CAUSE_EVENT:
            self.causes[request_id] = event[names.LOG_CAUSE], event[names.LOG_SUMMARY]
        elif event["event"] == names.REQUEST_FINISHED:
            self.finished[request_id] = event["outcome"]


def _fault(event: dict[str, Any]) -> RecordedFault:
    chain = event[names.LOG_EXCEPTION]
    causes = [] if "http_status" in event else [data for data in chain if data.get("link") == "cause"]
    return RecordedFault(
        request_id=event[names.LOG_REQUEST_ID],
        agent=event.get(names.LOG_AGENT_NAME),
        tool=event.get(names.LOG_TOOL_NAME),
        type=event[names.LOG_EXCEPTION_TYPE],
        message=event["message"],
        frames=chain[0]["frames"],
        root=f"{causes[-1]['type']}: {causes[-1]['message']}" if causes else None,
        masked=event[names.LOG_MASKED],
        attempts=event.get("attempts"),
        retry_after=event.get("retry_after"),
    )
