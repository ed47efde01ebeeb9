"""What is kept of a request until it ends: what may be evidence, and no more of it than a verdict can use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from autogen_otel.core import names
from autogen_otel.core.facts import Outcome
from autogen_otel.detectors.failures import Failures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.core.facts import Fault, Finished, Operation
    from autogen_otel.detectors.failures import Failure

# A request of 100,000 operations must not grow without bound; the first and the last of each kind tell enough.
MAX_KEPT: Final = 64
MAX_OVERLAPS: Final = 8
TOO_MANY_REQUESTS: Final = 429
_EXPORTER: Final = names.EXPORTER_FORKED_FROM
_EVIDENCE: Final = frozenset({names.FOREIGN_REQUESTS, names.CLIENT_FORKED_FROM})


class Overlap(NamedTuple):
    """Two live requests that hold one conversation; `scope` is the own chat, team run or turn that does."""

    own: Operation
    other: Operation
    conversation: str
    scope: int


class Crossing(NamedTuple):
    """A model call of this request with another request's message in its prompt; `agent` is whose prompt that is."""

    operation: Operation
    other_id: str
    live: bool
    agent: str | None


class RequestFacts:
    """What is known of one request: its root operation and everything below.

    Attributes:
        root: Its own operation; its `id` is the identity of the request, for two may carry the same request ID.
        ids: Its request ID and those of requests that were opened inside it.
        agents: The first agent of each of its chats and team runs, by the ID of that.
        failures: What went wrong below it.
        calls: The model calls that ended badly or carry evidence.
        cancelled: The model calls that were broken off.
        overlaps: Who used one of its conversations meanwhile.
        crossings: Whose messages stood in its prompts.
        lost_updates: The tool calls that overwrote what another request had written.
        called_at: The application's line by which its first chat was started, as `file:line in function`.
        refusals: How many attempts the provider has refused with 429.
        refused: The model calls concerned.
        warned: The request IDs of which the application was warned.
        end: How it ended.
    """

    __slots__ = (
        "agents",
        "called_at",
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
        self.agents: dict[int, str] = {}
        self.failures = Failures()
        self.calls: list[Finished] = []
        self.cancelled: list[Finished] = []
        self.overlaps: list[Overlap] = []
        self.crossings: list[Crossing] = []
        self.lost_updates: list[Finished] = []
        self.called_at = ""
        self.refusals = 0
        self.refused: list[Finished] = []
        self.warned: set[str] = set()
        self.end: Finished | None = None

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
        end = self.end
        return not noted and end is not None and end.outcome is Outcome.OK and _EXPORTER not in end.attributes

    @property
    def fatal(self) -> Fault | None:
        """The fault with which it ended."""
        return self.end.fault if self.end is not None and self.failed else None

    def overlaps_with(self, request_id: str, scope: int | None = None) -> bool:
        """Tell whether another request has used one of its conversations meanwhile, those of one chat or any."""
        return any(one.other.request_id == request_id and scope in {None, one.scope} for one in self.overlaps)

    def called(self, operation: Operation) -> None:
        """Note where the application has started what is outermost in it; the first one counts."""
        get = operation.attributes.get
        file = get(names.CODE_FILE)
        if file and not self.called_at:
            self.called_at = f"{file}:{get(names.CODE_LINE)} in {get(names.CODE_FUNCTION)}"

    def meets(self, chat: int | None, agent_name: str | None) -> None:
        """Note who has a turn in a chat or team run; the first one is kept."""
        if chat is not None and agent_name is not None and len(self.agents) < MAX_KEPT:
            self.agents.setdefault(chat, agent_name)

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
            self.failures.went_well(end)
            if _EVIDENCE.isdisjoint(operation.attributes) and _EVIDENCE.isdisjoint(attributes):
                return False
        elif end.outcome is Outcome.CANCELLED:
            _keep(self.cancelled, end)
            return False
        _keep(self.calls, end)
        return True

    def work_ended(self, end: Finished) -> bool:
        """Note the end of a tool call or of code; tell whether it is evidence of anything."""
        operation = end.operation
        if end.outcome is Outcome.OK:
            self.failures.went_well(end)
        if names.STATE_LOST_UPDATES in end.attributes or names.STATE_LOST_UPDATES in operation.attributes:
            _keep(self.lost_updates, end)
            return True
        return False

    def finish(self, end: Finished) -> None:
        """Note its own end: from here on it is complete."""
        self.end = end
        fault = self.fatal
        if fault is not None:
            self.failures.end_with(end.operation, fault)

    def unrecovered(self) -> Iterator[Failure]:
        """Yield what went wrong and was not made good later in the request; what it ended with first."""
        return self.failures.unrecovered(self.fatal)


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
