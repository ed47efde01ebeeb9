"""What the on-call engineer wants to know of a request: how it ended, what was raised, what AutoGen said instead."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from autogen_otel.core import names
from autogen_otel.diagnosis.request import ERROR_STATUS, FINISHED, STARTED, Request, text_in
from autogen_otel.diagnosis.stored_cause import StoredCause, cause_of
from autogen_otel.diagnosis.stored_faults import StoredFault, fatal_id, faults_of


class Ending(str, Enum):
    """How a request ended, as far as the stored records tell."""

    OK = "ok"
    ERROR = "error"
    CANCELLED = "cancelled"
    OPEN = "open"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Story:
    """A request, understood.

    Attributes:
        request: What it was made from.
        ending: How it ended. OPEN is a request of which the beginning is stored and not the end: it runs, hangs, or its
            process was killed. UNKNOWN is one of which neither is stored, because of sampling or of the log level.
        faults: Its faults; if it failed, the one with which it failed comes first.
        fatal: The fault with which it failed, if that is stored.
        duration_ns: How long it took; None when it has no end.
        service: The service's name, empty if unknown.
        pid: The process, empty if unknown.
        thread: Where it began, empty if unknown.
        cause: Why it failed, or is not to be trusted; None if no cause was found.
    """

    request: Request
    ending: Ending
    faults: tuple[StoredFault, ...]
    fatal: StoredFault | None
    duration_ns: int | None
    service: str
    pid: str
    thread: str
    cause: StoredCause | None

    @property
    def masked(self) -> tuple[StoredFault, ...]:
        """The faults on which AutoGen answered."""
        return tuple(fault for fault in self.faults if fault.masked)


def story_of(request: Request) -> Story:
    """Return what is known of a request."""
    faults = faults_of(request)
    fatal = fatal_id(request)
    some: Any = request.root or request.event(STARTED) or (request.nodes[0].span if request.nodes else request.logs[0])
    attributes = some.attributes
    return Story(
        request=request,
        ending=_ending(request),
        faults=faults,
        fatal=next((fault for fault in faults if fault.id == fatal), None),
        duration_ns=_duration(request),
        service=str(some.resource.get("service.name", "")),
        pid=str(attributes.get(names.PROCESS_PID, attributes.get(names.LOG_PID, ""))),
        thread=str(attributes.get(names.THREAD_NAME, attributes.get(names.LOG_THREAD, ""))),
        cause=cause_of(request),
    )


def _ending(request: Request) -> Ending:
    root, finished = request.root, request.event(FINISHED)
    if root is not None:
        return _known(text_in(root, names.OUTCOME)) or (Ending.ERROR if root.status_code == ERROR_STATUS else Ending.OK)
    if finished is not None:
        return _known(text_in(finished, names.LOG_OUTCOME)) or Ending.UNKNOWN
    return Ending.OPEN if request.nodes or request.event(STARTED) else Ending.UNKNOWN


def _known(outcome: str) -> Ending | None:
    return Ending(outcome) if outcome in {"ok", "error", "cancelled"} else None


def _duration(request: Request) -> int | None:
    root, finished = request.root, request.event(FINISHED)
    if root is not None:
        return root.end_ns - root.start_ns
    milliseconds = finished.attributes.get(names.LOG_DURATION) if finished else None
    return round(milliseconds * 10**6) if isinstance(milliseconds, (int, float)) else None


@dataclass(frozen=True, slots=True)
class Reported:
    """What an operation above a fault raised in its place.

    Attributes:
        type: The type of the exception that it raised.
        message: Its text.
        by: The operation, by the name of its span.
    """

    type: str
    message: str
    by: str


def reports_of(request: Request, fault: StoredFault) -> tuple[Reported, ...]:
    """Return each exception that was raised in place of a fault, in the order from the fault to the application."""
    found: list[Reported] = []
    # A request that failed though the application caught the exception says the original again.
    known = {(fault.type, fault.message)}
    for node in reversed(request.nodes):
        span = node.span
        if span.status_code != ERROR_STATUS or text_in(span, names.FAULT_ID) != fault.id:
            continue
        now = (text_in(span, names.ERROR_TYPE), span.status_message)
        if now[0] and now not in known:
            found.append(Reported(*now, by=span.name))
            known.add(now)
    return tuple(found)
