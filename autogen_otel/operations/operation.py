"""The one context manager around host code: what starts here ends here, whatever happens in between."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Fault, FaultKind, Finished, Kind, Operation, Outcome, Settled, Stalled, Used
from autogen_otel.core.guard import MISTAKE, guard
from autogen_otel.faults.capture import capture
from autogen_otel.faults.capture import report as report_fault
from autogen_otel.faults.chain import qualified_type, text_of
from autogen_otel.faults.marks import fault_of
from autogen_otel.operations.current import current, open_requests, uncancellable
from autogen_otel.operations.listeners import listeners

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_otel.core.facts import ExceptionData

# To look up a member of an enum takes 60 ns in Python 3.11; these are asked for on every call of the host.
_RAISED: Final = FaultKind.RAISED
_REQUEST: Final = Kind.REQUEST
_OK: Final = Outcome.OK
# Nobody's failure: the client went away, or a generator was closed.
_CANCELLATIONS: Final = (asyncio.CancelledError, GeneratorExit)
# A group chat has one for each member; a manager of thousands must not make a span of thousands.
MAX_CONVERSATIONS: Final = 64
MAX_STALLS: Final = 32


class OpenOperation:
    """An operation that has started and not ended.

    Attributes:
        fact: What was told when it started.
        parent: The operation that encloses it.
        owner: Whose words are said in it: the request's ID, and its session as far as the application has named one.
        attributes: What becomes known on the way; told when it ends.
        escaped: Faults that came up from below and are not settled: nobody knows yet whether AutoGen answers on.
        fault_kind: What an exception here means, as far as the adapter can tell beforehand.
        signal: Tells an exception by which the host only says something, such as that a group chat is over.
        on_failure: Looks at an exception that ends this operation before anything is told of it.
        unheard: What is raised or reported here reaches nobody, for the host then waits for ever: it is told at once, a
            cancellation too.
        fault: The fault that was caught here though the host's call may return normally.
        unrecovered: Of a request: the fault with which its last chat ended, if the application caught that exception.
        closed: Whether it has ended.
    """

    __slots__ = (
        "__weakref__",
        "_tokens",
        "attributes",
        "closed",
        "escaped",
        "fact",
        "fault",
        "fault_kind",
        "on_failure",
        "owner",
        "parent",
        "signal",
        "unheard",
        "unrecovered",
    )

    def __init__(self, fact: Operation, parent: OpenOperation | None) -> None:
        self.fact = fact
        self.parent = parent
        self.owner: tuple[str, str | None]
        if parent is not None and fact.kind is not _REQUEST:
            self.owner = parent.owner
        else:
            session = fact.attributes.get(names.SESSION_ID, None if parent is None else parent.owner[1])
            self.owner = (fact.request_id, session)
        self.attributes: dict[str, Any] = {}
        self.escaped: tuple[Fault, ...] = ()
        self.fault_kind = _RAISED
        self.signal: Callable[[BaseException], bool] | None = None
        self.on_failure: Callable[[OpenOperation, BaseException], None] | None = None
        self.unheard = False
        self.fault: Fault | None = None
        self.unrecovered: Fault | None = None
        self.closed = False
        # The innermost ambient first, each with the rest behind it.
        self._tokens: tuple[Any, Any, Any] | None = None

    def enter(self) -> None:
        """Be the current operation for the code that runs next in this context."""
        current.set(self)
        tokens: tuple[Any, Any, Any] | None = None
        for ambient in listeners.ambients:
            try:
                tokens = (ambient, ambient.enter(self.fact), tokens)
            except MISTAKE as error:  # noqa: PERF203 - each by itself is the point
                guard.failed(ambient.enter, error)
                listeners.fuse(ambient)
        self._tokens = tokens

    def leave(self) -> None:
        """Be current no longer.

        The garbage collector may close a coroutine in a context in which another request is current; there nothing
        is touched.
        """
        if current.get() is self:
            current.set(self.parent)
        tokens, self._tokens = self._tokens, None
        while tokens is not None:
            ambient, token, tokens = tokens
            try:
                ambient.leave(token)
            except MISTAKE as error:
                guard.failed(ambient.leave, error)
                listeners.fuse(ambient)

    def catch(self, error: BaseException) -> None:
        """Record an exception here and now that AutoGen is about to turn into text."""
        if self.fault is None and not _is_cancellation(error):
            self.fault = self._known(error) or self._record(capture(error, self.fact, self.fault_kind))

    def report(self, kind: FaultKind, type_: str, message: str, chain: tuple[ExceptionData, ...] = ()) -> None:
        """Record a fault for which there is no exception object: an unknown tool, code that exited with an error."""
        if self.fault is None:
            self.fault = self._record(report_fault(self.fact, kind, type_, message, chain))

    def use(self, conversation: str) -> None:
        """Tell that from here to its end it uses a conversation; telling it twice is once.

        Args:
            conversation: A key that no other conversation of this process ever has.
        """
        keys = self.attributes.setdefault(names.CONVERSATIONS, [])
        if conversation not in keys and len(keys) < MAX_CONVERSATIONS:
            keys.append(conversation)
            self.attributes.setdefault(names.CONVERSATIONS_SINCE, []).append(time.time_ns())
            listeners.tell(listeners.used, Used(self.fact, conversation))

    def stalled(self, started_ns: int, ended_ns: int) -> None:
        """Tell that its code blocked the event loop; its span keeps the longest time, in milliseconds, and all times.

        Args:
            started_ns: When it began, in nanoseconds since the epoch.
            ended_ns: When the loop went on.
        """
        blocked_ms = (ended_ns - started_ns) / 10**6
        if blocked_ms > self.attributes.get(names.LOOP_BLOCKED, 0):
            self.attributes[names.LOOP_BLOCKED] = blocked_ms
        # Begin and end of each, one behind the other: an attribute of a span is no list of pairs.
        stalls = self.attributes.setdefault(names.LOOP_STALLS, [])
        if len(stalls) < 2 * MAX_STALLS:
            stalls += (started_ns, ended_ns)
        listeners.tell(listeners.stalled, Stalled(self.fact, started_ns, ended_ns))

    def answered(self) -> None:
        """Settle what failed below so far: the host went on and got an answer in another way."""
        self._settle_below(None)

    def finish(self) -> None:
        """End it after the host's call returned. Faults that came up to here were answered: they are masked."""
        if self.closed:
            return
        if self.escaped or self.fault is not None:
            lost = self.fault if self.unheard else None
            self._settle_all(lost)
            if lost is not None:
                self._pass_up(lost)
        # The application caught what AutoGen raised and no later chat went well: the request has failed.
        fault = self.fault or self.unrecovered
        if fault is not None:
            self._end(Outcome.ERROR, fault.type, fault.message, fault)
            return
        if self.parent is not None:
            self.parent.unrecovered = None
        self._end(_OK, None, None, None)

    def fail(self, error: BaseException) -> None:
        """End it after the host's call raised. The caller re-raises."""
        if self.closed:
            return
        try:
            self._fail(error)
        except MISTAKE as mistake:
            # What cannot be told of the exception is lost; the operation has ended all the same.
            if not self.closed:
                self._end(Outcome.ERROR, qualified_type(error), None, None)
            guard.failed(self._fail, mistake)

    def _fail(self, error: BaseException) -> None:
        if self.on_failure is not None:
            guard.call(self.on_failure, self, error)
        if self.signal is not None and self.signal(error):
            self.finish()
            return
        if _is_cancellation(error) and not self.unheard:
            self._settle_all(None)
            self._end(Outcome.CANCELLED, qualified_type(error), None, None)
            return
        fault = self._known(error) or self._record(capture(error, self.fact, self.fault_kind))
        self._settle_all(fault)
        self._pass_up(fault)
        self._end(Outcome.ERROR, qualified_type(error), text_of(error), fault)

    def _known(self, error: BaseException) -> Fault | None:
        """Return the fault that an exception, or what it was made from, was recorded as further down."""
        return fault_of(error, self.fact.request_id)

    def _pass_up(self, fault: Fault) -> None:
        """Leave a fault to the operation above; above the outermost of AutoGen's stands the application."""
        parent = None if self.unheard else self.parent
        while parent is not None and parent.closed:
            # What it was begun in is over: it ran in the background.
            parent = parent.parent
        if parent is not None and parent.fact.kind is not Kind.REQUEST:
            parent.escaped += (fault,)
            return
        if parent is not None:
            parent.unrecovered = fault
        if self.fact.kind is not Kind.REQUEST or fault.operation_id == self.fact.id:
            listeners.tell(listeners.settled, Settled(self.fact, fault, False))

    def _record(self, fault: Fault) -> Fault:
        listeners.tell_of(listeners.faulted, self.fact, fault)
        return fault

    def _settle_all(self, going_up: Fault | None) -> None:
        """Settle the faults from below and the one that was caught here, which may be one of them."""
        caught = self.fault
        if caught is not None and all(fault is not caught for fault in self.escaped):
            self.escaped += (caught,)
        self._settle_below(going_up)

    def _settle_below(self, going_up: Fault | None) -> None:
        """Settle as masked the faults from below: all but the one that goes further up."""
        if self.escaped:
            escaped, self.escaped = self.escaped, ()
            for fault in escaped:
                if fault is not going_up:
                    listeners.tell(listeners.settled, Settled(self.fact, fault, True))

    def _end(self, outcome: Outcome, error_type: str | None, message: str | None, fault: Fault | None) -> None:
        self.closed = True
        if self.parent is None:
            open_requests.pop(self.fact.id, None)
            for listener in listeners.noting:
                self.attributes.update(guard.call(listener.notes) or {})
        # What is noted afterwards, by a thread that goes on, comes too late.
        ended, self.attributes = self.attributes, {}
        end = Finished(self.fact, time.time_ns(), outcome, error_type, message, fault, ended)
        listeners.tell(listeners.finished, end)


def _is_cancellation(error: BaseException) -> bool:
    return isinstance(error, _CANCELLATIONS) and not uncancellable.get()
