"""What a diagnosis says: of each request, of each cause, and of all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autogen_otel.core.causes import Cause
from autogen_otel.core.facts import Outcome

if TYPE_CHECKING:
    from autogen_otel.core.causes import Verdict
    from autogen_otel.core.facts import Fault, Operation
    from autogen_otel.diagnosis.gathered import Span
    from autogen_otel.diagnosis.traits import Trait


@dataclass(slots=True)
class Seen:
    """One request of a diagnosis.

    Attributes:
        operation: Its own operation.
        trace_id: Its trace, as 32 hexadecimal digits; empty where none is known.
        service: The name of the service.
        ended_ns: When it ended, or was seen last.
        outcome: How it ended; None for one without an end.
        in_flight: How many requests its process had open at most while it ran.
        faults: Its faults, by the ID.
        verdict: Why it failed, or why its answer is not to be trusted; None where there is nothing to say.
        traits: What may be common to it and others, by number.
        others: The other requests that the evidence about it points to.
    """

    operation: Operation
    trace_id: str
    service: str
    ended_ns: int = 0
    outcome: Outcome | None = None
    in_flight: int = 0
    faults: dict[str, Fault] = field(default_factory=dict)
    verdict: Verdict | None = None
    traits: set[int] = field(default_factory=set)
    others: list[Seen] = field(default_factory=list)

    @property
    def request_id(self) -> str:
        """The ID that the application or its client gave."""
        return self.operation.request_id

    @property
    def failed(self) -> bool:
        """Whether it ended with an exception, or was broken off for another reason than that its client went away."""
        return self.outcome is Outcome.ERROR or (self.outcome is Outcome.CANCELLED and self._has_cause)

    @property
    def wrong(self) -> bool:
        """Whether it answered and the answer is not to be trusted."""
        return self.outcome is Outcome.OK and self._has_cause

    @property
    def _has_cause(self) -> bool:
        return self.verdict is not None and self.verdict.cause is not Cause.CANCELLED

    @property
    def bad(self) -> bool:
        """Whether it failed or answered wrongly."""
        return self.failed or self.wrong


@dataclass(frozen=True, slots=True)
class Group:
    """The requests with one cause.

    Attributes:
        cause: The cause that explains them.
        requests: By their start.
        details: How many findings of each detail.
        certain: For how many it is proved.
        blame: For each attribute the values to blame with the number of requests, the most frequent first.
        examples: The first of those with the most frequent blame, proved ones before others.
        common: What they have in common that requests without any cause do not.
    """

    cause: Cause
    requests: list[Seen]
    details: dict[str, int]
    certain: int
    blame: dict[str, list[tuple[str, int]]]
    examples: list[Seen]
    common: list[Trait]

    @property
    def first_ns(self) -> int:
        """When the first one started."""
        return self.requests[0].operation.started_ns

    @property
    def last_ns(self) -> int:
        """When the last one ended."""
        return max(one.ended_ns for one in self.requests)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a look at stored telemetry has found.

    Attributes:
        requests: All requests, by their start.
        groups: The causes, the one with the most requests first; one that is no failure last.
        common: What requests that failed or answered wrongly have in common and the others do not.
        spans: How many spans were read.
        trees: The operations of each example with their depth, by the ID of its own; parents before children.
    """

    requests: list[Seen]
    groups: list[Group]
    common: list[Trait]
    spans: int
    trees: dict[int, list[tuple[int, Span]]]

    @property
    def failed(self) -> int:
        """How many requests ended with an exception."""
        return sum(one.failed for one in self.requests)

    @property
    def wrong(self) -> int:
        """How many requests answered, though the answer is not to be trusted."""
        return sum(one.wrong for one in self.requests)

    @property
    def unfinished(self) -> int:
        """How many requests have no end."""
        return sum(one.outcome is None for one in self.requests)

    @property
    def alarming(self) -> bool:
        """Whether there is a cause that somebody should look after."""
        return any(group.cause is not Cause.CANCELLED for group in self.groups)
