"""What happens, as immutable records. Spans, metrics, logs and detectors are made from these and know nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(str, Enum):
    """What an operation is. Where the GenAI conventions name the operation, the value is that name."""

    REQUEST = "request"
    WORKFLOW = "invoke_workflow"
    AGENT = "invoke_agent"
    MODEL = "chat"
    TOOL = "execute_tool"
    CODE = "execute_code"
    INPUT = "await_input"
    SPEAKER = "select_speaker"


# `Kind.value` is a Python function call; a look-up is not, and this is done several times for each call of the host.
VALUES: Final = {kind: kind.value for kind in Kind}


class Outcome(str, Enum):
    """How an operation ended."""

    OK = "ok"
    ERROR = "error"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class Operation:
    """Something that started: a request, a chat, an agent's reply, a model call, a tool call.

    Nobody changes it, though it is not frozen: one is made on every call of the host, and of all kinds of records this
    one is made and read in the least time (0.34 µs; a named tuple takes 0.57, a frozen dataclass three times as long).
    """

    id: int
    kind: Kind
    name: str
    parent_id: int | None
    request_id: str
    agent_name: str | None
    tool_name: str | None
    started_ns: int
    pid: int
    thread: str
    loop: int | None
    in_flight: int
    attributes: Mapping[str, Any]


@dataclass(slots=True)
class Finished:
    """The end of an operation. `attributes` is what became known only on the way."""

    operation: Operation
    ended_ns: int
    outcome: Outcome
    error_type: str | None
    error_message: str | None
    fault: Fault | None
    attributes: Mapping[str, Any]


class Settled(NamedTuple):
    """A fault of which it is known whether AutoGen answered on (masked) or the application saw an exception."""

    operation: Operation
    fault: Fault
    masked: bool


class Used(NamedTuple):
    """An operation began to use a conversation: it may read and write its messages until it ends."""

    operation: Operation
    conversation: str


class Stalled(NamedTuple):
    """Code of an operation kept the thread of an event loop for itself, so that nothing else on that loop went on."""

    operation: Operation
    started_ns: int
    ended_ns: int


class FaultKind(str, Enum):
    """What went wrong, as far as the place where it was caught can tell."""

    RAISED = "raised"
    UNKNOWN_TOOL = "unknown_tool"
    BAD_ARGUMENTS = "bad_arguments"
    CODE_FAILED = "code_failed"
    # A tool has raised nothing, and has marked what it returned as an error.
    RETURNED = "returned"
    # AutoGen itself has lost something, or waits for it for ever, and raises nothing.
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a traceback."""

    file: str
    line: int
    function: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class ExceptionData:
    """An exception turned into data: nothing in it refers to a live object.

    Attributes:
        type: Qualified class name; builtins bare (`KeyError`, `openai.RateLimitError`), as in `error.type`.
        message: `str(exception)`, redacted and bounded.
        frames: Outermost first; the last one raised.
        notes: `exception.__notes__`.
        link: How this exception hangs on the one before it in the chain: `cause`, `context`, or empty for the first.
        members: The exceptions of an exception group.
    """

    type: str
    message: str
    frames: tuple[Frame, ...]
    notes: tuple[str, ...] = ()
    link: str = ""
    members: tuple[ExceptionData, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """One exception, recorded where it was raised, before AutoGen rewrote it.

    Attributes:
        id: 16 hex digits; on the span where it was raised, on each span above it, and on its log record.
        chain: The exception itself, then its causes, outermost first.
        fingerprint: The same for faults of one type raised at the same place.
        stacktrace: The chain in Python's own format, bounded.
        transient: Whether trying again may help (429, 5xx, timeouts, dropped connections); None where it is not known.
        fields: What the exception's class tells beside its text, such as HTTP status and retry-after.
        operation_id: The operation in which it was caught first.
    """

    id: str
    kind: FaultKind
    chain: tuple[ExceptionData, ...]
    fingerprint: str
    stacktrace: str
    request_id: str
    agent_name: str | None
    tool_name: str | None
    operation_id: int
    time_ns: int
    transient: bool | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The qualified type of the original exception."""
        return self.chain[0].type

    @property
    def message(self) -> str:
        """The text of the original exception."""
        return self.chain[0].message

    @property
    def raised_at(self) -> Frame | None:
        """The line that raised; None when there is no traceback (a tool that does not exist raises nowhere)."""
        frames = self.chain[0].frames
        return frames[-1] if frames else None
