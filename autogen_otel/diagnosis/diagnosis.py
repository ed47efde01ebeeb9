"""Why requests failed, from what is stored: the facts are told again, to the same detectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Kind, Outcome
from autogen_otel.detectors.causes import Causes
from autogen_otel.diagnosis.collecting import without_collecting
from autogen_otel.diagnosis.facts import tell
from autogen_otel.diagnosis.gathered import true_pid
from autogen_otel.diagnosis.logged_verdicts import verdict_in
from autogen_otel.diagnosis.ranking import common, ranked
from autogen_otel.diagnosis.seen import Diagnosis, Seen
from autogen_otel.diagnosis.stored_operations import placed, root_of, trees_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.core.causes import Evidence, Verdict
    from autogen_otel.core.facts import Fault, Finished, Operation, Settled, Stalled, Used
    from autogen_otel.diagnosis.gathered import Gathered
    from autogen_otel.diagnosis.stored_operations import Placed
    from autogen_otel.diagnosis.traits import Traits


_TOOL: Final = Kind.TOOL


def diagnose(gathered: Gathered, *, since_ns: int = 0, request_id: str | None = None) -> Diagnosis:
    """Return why requests failed.

    All requests are looked at, for a request may have failed of another one; the answer is about those asked for.

    Args:
        gathered: What was read.
        since_ns: Leave out requests that ended earlier, in nanoseconds since 1970.
        request_id: Only requests with this ID.
    """
    with without_collecting():
        operations = placed(gathered)
        log = _Log(gathered, operations)
        log.listen()
    found = [
        one for one in log.requests if one.ended_ns >= since_ns and (request_id is None or one.request_id == request_id)
    ]
    groups = ranked(found, gathered)
    examples = [one for group in groups for one in group.examples]
    trees = trees_of(examples, operations.spans)
    total = len(gathered.spans) + len(gathered.above)
    return Diagnosis(found, groups, common(found, gathered), total, trees)


class _Log:
    """Notes what facts tell of each request, while the detectors hear the same."""

    def __init__(self, gathered: Gathered, operations: Placed) -> None:
        self.requests: list[Seen] = []
        self._gathered = gathered
        self._operations = operations
        self._of: dict[int, Seen] = {}
        self._marks = _Marks(gathered.traits)

    def listen(self) -> None:
        """Let everything be told."""
        # The detectors conclude when a request ends, before it is forgotten here.
        tell(self._gathered, self._operations, (Causes(self._conclude), self))
        logged = self._operations.missing.verdicts
        for one in self.requests if logged else ():
            lines = logged.get(one.operation.id)
            if lines is not None:
                one.verdict = verdict_in(one.operation, lines, failed=one.outcome is Outcome.ERROR)
        self._find_others()

    def _find_others(self) -> None:
        """Note which other requests the evidence about a request points to."""
        of = {one.operation.id: one for one in self.requests}
        for one in self.requests:
            for evidence in _evidence(one):
                other = of.get(root_of(evidence.operation_id, self._operations.spans))
                if other is not None and other is not one and other not in one.others:
                    one.others.append(other)

    def started(self, operation: Operation) -> None:
        seen = self._of.get(operation.parent_id or 0)
        if seen is None:
            span = self._operations.spans[operation.id]
            resource = self._gathered.resources[span.resource]
            seen = Seen(operation, f"{span.trace_id:032x}", str(resource.get("service.name", "")))
            self._gathered.traits.add(resource, seen.traits)
            seen.traits.update(self._gathered.around.get(span.trace_id, ()))
            self.requests.append(seen)
        self._of[operation.id] = seen
        seen.in_flight = max(seen.in_flight, operation.in_flight)
        self._marks.add(operation, seen.traits)

    def faulted(self, operation: Operation, fault: Fault) -> None:
        self._of[operation.id].faults[fault.id] = fault

    def finished(self, end: Finished) -> None:
        operation = end.operation
        seen = self._of.pop(operation.id)
        seen.ended_ns = max(seen.ended_ns, end.ended_ns)
        if seen.operation is operation and operation.id not in self._operations.unfinished:
            seen.outcome = end.outcome

    def settled(self, fact: Settled) -> None:
        """Of no use here."""

    def used(self, fact: Used) -> None:
        """Of no use here."""

    def stalled(self, fact: Stalled) -> None:
        """Of no use here."""

    def _conclude(self, operation: Operation, verdict: Verdict) -> None:
        # What has no end was never judged when it happened either.
        if operation.id not in self._operations.unfinished:
            self._of[operation.id].verdict = verdict


def _evidence(seen: Seen) -> Iterator[Evidence]:
    """Yield what proves the cause of a request, of each finding that names it."""
    verdict = seen.verdict
    if verdict is not None:
        for finding in verdict.findings:
            if finding.cause is verdict.cause:
                yield from finding.evidence


class _Marks:
    """The traits of operations."""

    def __init__(self, traits: Traits) -> None:
        self._traits = traits
        self._known: dict[tuple[object, ...], set[int]] = {}

    def add(self, operation: Operation, to: set[int]) -> None:
        """Add those of an operation."""
        # To ask an enum for its hash, as a tuple does, is to call a function of Python's.
        place = (operation.kind is _TOOL, operation.name, operation.agent_name, operation.pid, operation.thread)
        marks = self._known.get(place)
        if marks is None:
            marks = self._known[place] = set()
            self._traits.add(_place(operation), marks)
        to |= marks
        if operation.attributes:
            self._traits.add(operation.attributes, to)


def _place(operation: Operation) -> dict[str, str | int | None]:
    return {
        names.AGENT_NAME: operation.agent_name,
        names.TOOL_NAME: operation.name if operation.kind is _TOOL else None,
        names.PROCESS_PID: true_pid(operation.pid),
        names.THREAD_NAME: operation.thread or None,
    }
