"""What autogen-otel recorded, read back: faults from the log file on disk, who replied when from the facts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from autogen_otel.core import names
from autogen_otel.core.facts import Kind
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
    fingerprint: str


class Reply(NamedTuple):
    """An agent's reply: which request, which object of which process, from when to when."""

    request_id: str
    agent: str
    instance: int
    pid: int
    started_ns: int
    ended_ns: int


class Replies(Listener):
    """Hears which agent replied when. Of forked workers it hears nothing; the log file has what they did."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []

    def finished(self, end: Finished) -> None:
        """Keep the replies of agents."""
        operation = end.operation
        instance = operation.attributes.get(names.AGENT_INSTANCE)
        if operation.kind is Kind.AGENT and instance is not None:
            agent = operation.agent_name or ""
            times = operation.started_ns, end.ended_ns
            self.replies.append(Reply(operation.request_id, agent, instance, operation.pid, *times))


class Recorded:
    """What was recorded of some requests.

    Args:
        log: The log file.
        replies: The replies of all agents.
        request_ids: The requests.
    """

    def __init__(self, log: Path, replies: Iterable[Reply], request_ids: Iterable[str]) -> None:
        wanted = frozenset(request_ids)
        self.replies = [reply for reply in replies if reply.request_id in wanted]
        self.faults: list[RecordedFault] = []
        self.provider_ids: dict[str, list[str]] = {}
        self.finished: dict[str, str] = {}
        for line in log.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event.get(names.LOG_REQUEST_ID) in wanted:
                self._add(event)

    def faults_of(self, request_id: str) -> list[RecordedFault]:
        """Return the faults of a request in the order of their telling."""
        return [fault for fault in self.faults if fault.request_id == request_id]

    def sharing(self, request_id: str) -> list[tuple[Reply, Reply]]:
        """Return pairs of replies of one agent object: a request's own, and another's that went on meanwhile."""
        own = [reply for reply in self.replies if reply.request_id == request_id]
        return [
            (mine, other)
            for mine in own
            for other in self.replies
            if other.request_id != request_id
            and (other.pid, other.instance) == (mine.pid, mine.instance)
            and other.started_ns < mine.ended_ns
            and mine.started_ns < other.ended_ns
        ]

    def _add(self, event: dict[str, Any]) -> None:
        request_id = event[names.LOG_REQUEST_ID]
        if event["event"] == "fault":
            self.faults.append(_fault(event))
        elif event["event"] == "model call finished" and "provider_request_id" in event:
            self.provider_ids.setdefault(request_id, []).append(event["provider_request_id"])
        elif event["event"] == "request finished":
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
        fingerprint=event[names.LOG_FINGERPRINT],
    )
