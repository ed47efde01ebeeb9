"""The fold: facts go in, one at a time, and at the end of a request the reasons why it failed come out.

It reads no clock, no thread and no environment, so that it says the same of facts that happen now and of facts that
were stored last week.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from autogen_otel.core import names
from autogen_otel.core.causes import Verdict
from autogen_otel.core.facts import Kind
from autogen_otel.detectors.explanations import explain
from autogen_otel.detectors.request_facts import MAX_KEPT, MAX_OVERLAPS, Crossing, Overlap, RequestFacts
from autogen_otel.detectors.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autogen_otel.core.facts import Fault, Finished, Operation, Settled, Stalled, Used

# Operations that never end: their requests hang, or the process was forked in the middle of them.
MAX_OPEN: Final = 65_536


# Where an open operation stands: in which request, below which of its outermost operations; and the operation.
_Place: TypeAlias = "tuple[RequestFacts, int | None, Operation]"
# What is begun inside one of these is done when it ends.
_OWN_WORK: Final = frozenset({Kind.REQUEST, Kind.TOOL})


class Causes:
    """Finds out why requests fail.

    Its methods are those of a listener. They take each fact in the order in which it happened, and must not be called
    from two threads at once.

    Args:
        conclude: Told why a request failed or cannot be trusted, with the request's own operation, as soon as that
            has finished; not told of requests that are well.
        keep: Told of each operation, while it is open, that may be cited as evidence later.
    """

    def __init__(
        self,
        conclude: Callable[[Operation, Verdict], None],
        keep: Callable[[Operation], None] = lambda _: None,
    ) -> None:
        self._conclude = conclude
        self._keep = keep
        self._world = World()
        self._open: dict[int, _Place] = {}
        self._by_id: dict[str, _Place] = {}

    def started(self, operation: Operation) -> None:
        """Take in that an operation started."""
        parent_id, kind = operation.parent_id, operation.kind
        if parent_id is None:
            request, scope = RequestFacts(operation), None
            self._world.begin(request)
            self._by_id[operation.request_id] = (request, None, operation)
        else:
            # The operation above may have ended before what it left behind in a task or thread.
            above = self._open.get(parent_id) or self._by_id.get(operation.request_id)
            if above is None:
                return
            request, scope, _ = above
            if kind is Kind.REQUEST and len(request.ids) < MAX_KEPT:
                request.ids.add(operation.request_id)
        if scope is None and kind is not Kind.REQUEST:
            scope = operation.id
            request.called(operation)
        self._open[operation.id] = (request, scope, operation)
        if kind is Kind.AGENT:
            request.meets(parent_id, operation.agent_name)
        if len(self._open) > MAX_OPEN:
            self._forget_oldest()
        if kind is Kind.MODEL and names.FOREIGN_REQUESTS in operation.attributes:
            self._cross(request, operation, operation.attributes[names.FOREIGN_REQUESTS])

    def finished(self, end: Finished) -> None:
        """Take in that an operation ended; of a request's own this is where its causes are told."""
        operation = end.operation
        place = self._open.pop(operation.id, None)
        if place is None:
            return
        request = place[0]
        kind = operation.kind
        if kind is Kind.MODEL:
            self._model_call_ended(request, end)
        elif (kind is Kind.TOOL or kind is Kind.CODE) and request.work_ended(end):
            self._keep(operation)
        self._world.release(operation.id)
        if operation.parent_id is None:
            self._request_ended(request, end)

    def faulted(self, operation: Operation, fault: Fault) -> None:
        """Take in an exception."""
        place = self._open.get(operation.id)
        if place is not None:
            request, scope, _ = place
            request.failures.add(operation, fault, scope)
            self._keep(operation)

    def settled(self, fact: Settled) -> None:
        """Take in whether AutoGen answered on after a fault."""
        place = self._open.get(fact.operation.id)
        if place is not None:
            place[0].failures.settle(fact)

    def used(self, fact: Used) -> None:
        """Take in that an operation began to use a conversation."""
        operation = fact.operation
        place = self._open.get(operation.id)
        if place is None:
            return
        request, scope = place[0], self._holder(operation)
        if scope != operation.id:
            # It may end before the chat around it, which goes on holding the conversation.
            self._keep(operation)
        others = self._world.hold(request, operation, fact.conversation, scope)
        for other, held_by, other_scope in others:
            self._overlap(request, Overlap(operation, held_by, fact.conversation, scope))
            self._overlap(other, Overlap(held_by, operation, fact.conversation, other_scope))

    def stalled(self, fact: Stalled) -> None:
        """Take in that an operation has blocked its event loop."""
        place = self._open.get(fact.operation.id)
        if place is not None:
            self._world.stall(place[0].root.id, fact)
            self._keep(fact.operation)

    def sharing(self, operation: Operation, *, once: bool = False) -> list[str]:
        """Return the IDs of other requests with which a model call shares a conversation or its prompt.

        Only of those that were live at the same time: where a history was kept from before, nothing is mixed now.

        Args:
            operation: A model call that has started.
            once: Leave out those that were returned before for the same request.
        """
        place = self._open.get(operation.id)
        if place is None:
            return []
        request, scope = place[0], self._holder(operation)
        found = [one.other_id for one in request.crossings if one.live and one.operation.id == operation.id]
        found += [one.other.request_id for one in request.overlaps if one.scope == scope]
        others = [other for other in dict.fromkeys(found) if not (once and other in request.warned)]
        request.warned.update(others)
        return others

    def _model_call_ended(self, request: RequestFacts, end: Finished) -> None:
        operation = end.operation
        if names.FOREIGN_REQUESTS in end.attributes and names.FOREIGN_REQUESTS not in operation.attributes:
            self._cross(request, operation, end.attributes[names.FOREIGN_REQUESTS])
        refusals = request.refusals
        if request.call_ended(end):
            self._keep(operation)
        if request.refusals > refusals:
            self._world.refuse(request.root.id, end)

    def _request_ended(self, request: RequestFacts, end: Finished) -> None:
        request.finish(end)
        self._forget(request)
        operation = end.operation
        findings = explain(request, self._world)
        if findings:
            self._keep(operation)
            self._conclude(operation, Verdict(operation.request_id, operation.id, request.failed, findings))

    def _around(self, operation: Operation) -> Iterator[Operation]:
        """Yield an operation and those around it that are open, the innermost first."""
        around: Operation | None = operation
        while around is not None:
            yield around
            place = self._open.get(around.parent_id or 0)
            around = place and place[2]

    def _holder(self, operation: Operation) -> int:
        """Return until whose end an operation holds a conversation: the outermost chat, team run or turn around it.

        A tool may ask a helper: when it ends, the chat around it goes on without that.
        """
        held = operation.id
        for one in self._around(operation):
            if one.kind in _OWN_WORK:
                break
            held = one.id
        return held

    def _agent_of(self, operation: Operation) -> str | None:
        """Return whose prompt a model call is made with; to choose a speaker AutoGen makes agents of its own."""
        choice = next((one for one in self._around(operation) if one.kind is Kind.SPEAKER), operation)
        return choice.agent_name

    def _cross(self, request: RequestFacts, operation: Operation, others: list[str]) -> None:
        agent = self._agent_of(operation)
        for other_id in others:
            if other_id not in request.ids and len(request.crossings) < MAX_KEPT:
                live = self._world.met(request, other_id) or request.overlaps_with(other_id)
                request.crossings.append(Crossing(operation, other_id, live, agent))
                self._keep(operation)

    def _overlap(self, request: RequestFacts, overlap: Overlap) -> None:
        if not request.overlaps_with(overlap.other.request_id, overlap.scope) and len(request.overlaps) < MAX_OVERLAPS:
            request.overlaps.append(overlap)
            self._keep(overlap.own)
            self._keep(overlap.other)

    def _forget_oldest(self) -> None:
        for operation_id in list(self._open)[: MAX_OPEN // 4]:
            place = self._open.pop(operation_id)
            self._world.release(operation_id)
            request = place[0]
            if request.root.id == operation_id:
                self._forget(request)

    def _forget(self, request: RequestFacts) -> None:
        """Forget a request that has ended; another one that is open may go by the same ID."""
        self._world.end(request)
        request_id = request.root.request_id
        known = self._by_id.get(request_id)
        if known is not None and known[0] is request:
            del self._by_id[request_id]
