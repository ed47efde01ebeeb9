"""What is kept of a request until it ends: what may be evidence, and no more of it than a verdict can use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind, Kind, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.core.facts import Fault, Finished, Operation, Settled

# A request of 100,000 operations must not grow without bound; the first and the last of each kind tell enough.
MAX_KEPT: Final = 64
MAX_OVERLAPS: Final = 8
TOO_MANY_REQUESTS: Final = 429
_EVIDENCE: Final = (names.FOREIGN_REQUESTS, names.CLIENT_FORKED_FROM)


class Overlap(NamedTuple):
    """Two live requests that hold one conversation; `scope` is the own chat, team run or turn that does."""

    own: Operation
    other: Operation
    conversation: str
    scope: int


class Crossing(NamedTuple):
    """A model call of this request with another request's message in its prompt."""

    operation: Operation
    other_id: str
    live: bool


class Failure:
    """The faults of one kind at one place, which a loop or a retry may repeat any number of times.

    Attributes:
        fault: The last one, or the one with which the request ended.
        operation: In which it was raised.
        count: How many there were.
        chats: The chats, team runs or turns in which it was raised, the last of them first; two at most.
        masked: Whether AutoGen answered on; None while nobody knows.
        answered_in: The operation in which AutoGen did so.
        unheard: Whether it reached nobody, not even the chat in which it was raised.
    """

    __slots__ = ("answered_in", "chats", "count", "fault", "masked", "operation", "unheard")

    def __init__(self, operation: Operation, fault: Fault) -> None:
        self.operation = operation
        self.fault = fault
        self.count = 0
        self.chats: tuple[int | None, ...] = ()
        self.masked: bool | None = None
        self.answered_in: Operation | None = None
        self.unheard = False


class RequestFacts:
    """What is known of one request: its root operation and everything below.

    Attributes:
        root: Its own operation; its `id` is the identity of the request, for two may carry the same request ID.
        ids: Its request ID and those of requests that were opened inside it.
        failures: What went wrong below it, each place once, in the order of the last occurrence.
        calls: The model calls that ended badly or carry evidence.
        cancelled: The model calls that were broken off.
        overlaps: Who used one of its conversations meanwhile.
        crossings: Whose messages stood in its prompts.
        lost_updates: The tool calls that overwrote what another request had written.
        refusals: How many attempts the provider has refused with 429.
        refused: The model calls concerned.
        warned: The request IDs of which the application was warned.
        end: How it ended.
    """

    __slots__ = (
        "_answering",
        "_well",
        "calls",
        "cancelled",
        "crossings",
        "end",
        "failures",
        "ids",
        "lost_updates",
        "overlaps",
        "refusals",
        "refused",
        "root",
        "warned",
    )

    def __init__(self, root: Operation) -> None:
        self.root = root
        self.ids = {root.request_id}
        self.failures: dict[tuple[str, str | None, str | None], Failure] = {}
        self.calls: list[Finished] = []
        self.cancelled: list[Finished] = []
        self.overlaps: list[Overlap] = []
        self.crossings: list[Crossing] = []
        self.lost_updates: list[Finished] = []
        self.refusals = 0
        self.refused: list[Finished] = []
        self.warned: set[str] = set()
        self.end: Finished | None = None
        # When something last went well: by kind, by kind and name of a tool, by the operation above a model call.
        self._well: dict[object, int] = {}
        # Operations that go on though something below them has failed; how they end says nothing of what failed.
        self._answering: set[int] = set()

    @property
    def failed(self) -> bool:
        """Whether it ended with an exception."""
        return self.end is not None and self.end.outcome is Outcome.ERROR

    @property
    def was_cancelled(self) -> bool:
        """Whether whoever asked went away."""
        return self.end is not None and self.end.outcome is Outcome.CANCELLED

    @property
    def is_well(self) -> bool:
        """Whether it has answered, and nothing was noted that a detector could look at."""
        noted = self.failures or self.calls or self.overlaps or self.crossings or self.lost_updates
        return not noted and self.end is not None and self.end.outcome is Outcome.OK

    @property
    def fatal(self) -> Fault | None:
        """The fault with which it ended."""
        return self.end.fault if self.end is not None and self.failed else None

    def overlaps_with(self, request_id: str, scope: int | None = None) -> bool:
        """Tell whether another request has used one of its conversations meanwhile, those of one chat or any."""
        return any(one.other.request_id == request_id and scope in {None, one.scope} for one in self.overlaps)

    def fail(self, operation: Operation, fault: Fault, chat: int | None) -> None:
        """Note an exception.

        Args:
            operation: In which it was raised.
            fault: What it was recorded as.
            chat: The outermost operation below the request, inside which it was.
        """
        key = _key(fault)
        failure = self.failures.pop(key, None) or Failure(operation, fault)
        self.failures[key] = failure
        failure.operation, failure.fault, failure.masked = operation, fault, None
        failure.count += 1
        if chat not in failure.chats[:1]:
            failure.chats = (chat, *failure.chats[:1])
        if len(self.failures) > MAX_KEPT:
            del self.failures[next(iter(self.failures))]

    def settle(self, fact: Settled) -> None:
        """Note whether AutoGen answered on."""
        failure = self.failures.get(_key(fact.fault))
        if failure is not None:
            failure.masked = fact.masked
            if fact.masked:
                failure.answered_in = fact.operation
            else:
                failure.unheard = fact.operation.id not in failure.chats and fact.operation.parent_id is not None
        if fact.masked and len(self._answering) < MAX_KEPT:
            self._answering.add(fact.operation.id)

    def call_ended(self, end: Finished) -> bool:
        """Note the end of a model call; tell whether it is evidence of anything."""
        operation, attributes = end.operation, end.attributes
        refused = attributes.get(names.MODEL_ATTEMPT_STATUSES, ()).count(TOO_MANY_REQUESTS)
        if refused or _status(end) == TOO_MANY_REQUESTS:
            self.refusals += refused or 1
            _keep(self.refused, end)
            _keep(self.calls, end)
            return True
        if end.outcome is Outcome.OK:
            if self.failures:
                self._went_well(operation.parent_id, end)
                self._went_well(operation.kind, end)
            if not any(name in operation.attributes or name in attributes for name in _EVIDENCE):
                return False
        elif end.outcome is Outcome.CANCELLED:
            _keep(self.cancelled, end)
            return False
        _keep(self.calls, end)
        return True

    def work_ended(self, end: Finished) -> bool:
        """Note the end of a tool call or of code; tell whether it is evidence of anything."""
        operation = end.operation
        if self.failures and end.outcome is Outcome.OK and operation.id not in self._answering:
            self._went_well((operation.kind, operation.name), end)
            self._went_well(operation.kind, end)
        if names.STATE_LOST_UPDATES in end.attributes or names.STATE_LOST_UPDATES in operation.attributes:
            _keep(self.lost_updates, end)
            return True
        return False

    def finish(self, end: Finished) -> None:
        """Note its own end: from here on it is complete."""
        self.end = end
        fault = self.fatal
        if fault is None:
            return
        failure = self.failures.get(_key(fault))
        if failure is None:
            failure = self.failures[_key(fault)] = Failure(end.operation, fault)
            failure.count = 1
        failure.fault = fault
        failure.masked = False

    def unrecovered(self) -> Iterator[Failure]:
        """Yield what went wrong and was not made good later in the request; what it ended with first."""
        fatal = self.fatal
        ending = None if fatal is None else self.failures.get(_key(fatal))
        if ending is not None:
            yield ending
        for failure in list(self.failures.values()):
            if failure is not ending and not self._made_good(failure):
                yield failure

    def _made_good(self, failure: Failure) -> bool:
        """Tell whether the same work was done well later.

        What the application saw and went on after is its own affair: it has retried, or did without. Only if it gave
        up in the end, with an exception of its own, that is what it gave up on.
        """
        operation, since = failure.operation, failure.fault.time_ns
        if failure.unheard:
            return False
        if not failure.masked:
            return not self.failed or self._well_since(since, Kind.MODEL)
        if operation.kind is Kind.TOOL:
            made_up = failure.fault.kind is FaultKind.UNKNOWN_TOOL
            return self._well_since(since, operation.kind if made_up else (operation.kind, operation.name))
        if operation.kind is Kind.CODE:
            return self._well_since(since, operation.kind)
        if operation.kind is Kind.MODEL and self._well_since(since, operation.parent_id):
            return True
        answered_in = failure.answered_in
        return (
            answered_in is not None
            and answered_in.kind is Kind.TOOL
            and self._well_since(since, (answered_in.kind, answered_in.name))
        )

    def _went_well(self, what: object, end: Finished) -> None:
        self._well.pop(what, None)
        self._well[what] = end.ended_ns
        if len(self._well) > MAX_KEPT:
            del self._well[next(iter(self._well))]

    def _well_since(self, time_ns: int, what: object) -> bool:
        when = self._well.get(what)
        return when is not None and when >= time_ns


def _key(fault: Fault) -> tuple[str, str | None, str | None]:
    return fault.fingerprint, fault.agent_name, fault.tool_name


def _status(end: Finished) -> Any:
    fault = end.fault
    found = end.attributes.get(names.HTTP_STATUS)
    if found is None and fault is not None and end.outcome is Outcome.ERROR:
        found = fault.fields.get(names.HTTP_STATUS)
    return found


def _keep(kept: list[Finished], end: Finished) -> None:
    """Keep the first ones and the last."""
    if len(kept) == MAX_KEPT:
        del kept[MAX_KEPT // 2]
    kept.append(end)
