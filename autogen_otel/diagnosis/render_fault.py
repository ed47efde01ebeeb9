"""A fault for people: the original exception first, then what AutoGen reported instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from autogen_otel.core import names
from autogen_otel.core.facts import FaultKind
from autogen_otel.diagnosis.lines import field, heading, show
from autogen_otel.diagnosis.render_tree import attempts
from autogen_otel.diagnosis.story import Ending, reports_of
from autogen_otel.diagnosis.suspects import PACKAGE, is_own_code
from autogen_otel.diagnosis.words import count, lines, plain

if TYPE_CHECKING:
    from rich.console import Console

    from autogen_otel.core.facts import ExceptionData, Frame
    from autogen_otel.diagnosis.stored_faults import StoredFault
    from autogen_otel.diagnosis.story import Story

_MESSAGE_LINES: Final = 12
_KINDS: Final = {
    FaultKind.UNKNOWN_TOOL: "the model called a tool that does not exist",
    FaultKind.BAD_ARGUMENTS: "the model's arguments did not fit the tool; the tool was not entered",
    FaultKind.CODE_FAILED: "code that the agent ran has failed",
    FaultKind.BROKEN: "AutoGen has lost something or waits for ever, and raised nothing",
}


def render_fault(console: Console, story: Story, fault: StoredFault, *, stack: bool = False) -> None:
    """Print a fault.

    Args:
        console: Where to.
        story: The request that it belongs to.
        fault: The fault.
        stack: Print the whole stack trace too.
    """
    heading(console, "Original exception")
    _title(console, fault.chain[0])
    _place(console, fault)
    _who(console, fault)
    for data in fault.chain[1:]:
        field(console, "caused by" if data.link == "cause" else "handling", _one_line(data))
    for member in fault.chain[0].members:
        field(console, "member", _one_line(member))
    _http(console, fault)
    if fault.transient is not None:
        words = "yes, the same call may succeed later" if fault.transient else "no, trying again will fail again"
        field(console, "transient", words)
    field(console, "fault", f"{plain(fault.id)}, fingerprint {plain(fault.fingerprint) or 'unknown'}", "dim")
    if stack:
        console.print()
        for line in lines(fault.stacktrace or "no stack trace is stored"):
            show(console, Text(line, style="dim"), Text("  "))
    heading(console, "AutoGen reported")
    for line in _reported(story, fault):
        show(console, Text(line), Text("  "))


def render_others(console: Console, others: list[StoredFault]) -> None:
    """Print the other faults of a request in one line each; those of one fingerprint together."""
    together: dict[str, list[StoredFault]] = {}
    for fault in others:
        together.setdefault(fault.fingerprint or fault.id, []).append(fault)
    heading(console, "Other faults of this request")
    for same in together.values():
        first = same[0]
        masked = "masked" if first.masked else "masking unknown" if first.masked is None else "reached the application"
        told = [*(f"{what} {plain(name)}" for what, name in _names(first)), masked]
        times = f"{len(same)} x " if len(same) > 1 else ""
        show(console, Text(f"{times}{_one_line(first.chain[0])} ({', '.join(told)})"), Text("  "))


def place(frame: Frame) -> str:
    """Return a line of code as `file:line in function`; of an installed package without the path to it."""
    # Code that a model wrote and an agent ran has no file.
    file = f"{PACKAGE.sub('', frame.file)}:" if frame.file else "line "
    return plain(f"{file}{frame.line} in {frame.function}")


def _title(console: Console, data: ExceptionData) -> None:
    message = lines(data.message, _MESSAGE_LINES)
    first = f"{plain(data.type)}: {message[0]}" if message else f"{plain(data.type)} (without a message)"
    for line in (first, *message[1:]):
        show(console, Text(line, style="bold red"), Text("  "))
    for note in data.notes:
        field(console, "note", plain(note))


def _place(console: Console, fault: StoredFault) -> None:
    frame = fault.frame
    if frame is None:
        nowhere = "nowhere: AutoGen made a text of it at once" if fault.kind in _KINDS else "not recorded"
        field(console, "raised at", plain(fault.raised_at) or nowhere)
        return
    _frame(console, "raised at", frame)
    own = next((one for one in reversed(fault.chain[0].frames) if is_own_code(one)), None)
    if own is not None and own != frame:
        _frame(console, "your code", own)


def _frame(console: Console, label: str, frame: Frame) -> None:
    field(console, label, place(frame))
    if frame.source:
        field(console, "", f"    {plain(frame.source)}", "cyan")


def _names(fault: StoredFault) -> list[tuple[str, str]]:
    model = str(fault.fields.get(names.REQUEST_MODEL, ""))
    told = (("agent", fault.agent_name), ("tool", fault.tool_name), ("model", model))
    return [(what, name) for what, name in told if name]


def _who(console: Console, fault: StoredFault) -> None:
    for what, name in _names(fault) or [("agent", "none was at work")]:
        call = fault.fields.get(names.TOOL_CALL_ID) if what == "tool" else None
        field(console, what, f"{plain(name)} ({plain(call)})" if call else plain(name))
    if fault.kind in _KINDS:
        field(console, "what it is", _KINDS[FaultKind(fault.kind)])


def _http(console: Console, fault: StoredFault) -> None:
    get = fault.fields.get
    told = [plain(get(key)) for key in (names.HTTP_STATUS, names.PROVIDER_ERROR_CODE) if get(key) is not None]
    statuses: Any = get(names.MODEL_ATTEMPT_STATUSES)
    if isinstance(statuses, list) and statuses:
        told.append(f"{count(len(statuses), 'attempt')} ({attempts(statuses)})")
    elif get(names.MODEL_ATTEMPTS) is not None:
        told.append(f"{plain(get(names.MODEL_ATTEMPTS))} attempts")
    if get(names.RETRY_AFTER) is not None:
        told.append(f"retry after {plain(get(names.RETRY_AFTER))} s")
    if told:
        field(console, "HTTP", ", ".join(told))
    if get(names.PROVIDER_REQUEST_ID) is not None:
        field(console, "provider", f"request ID {plain(get(names.PROVIDER_REQUEST_ID))}")


def _one_line(data: ExceptionData) -> str:
    text = plain(f"{data.type}: {_first_line(data.message)}" if data.message else data.type, 300)
    return f"{text} at {place(data.frames[-1])}" if data.frames else text


def _first_line(text: str) -> str:
    first, *more = lines(text) or [""]
    return f"{first} …" if more else first


def _reported(story: Story, fault: StoredFault) -> list[str]:
    if fault.masked:
        return [f"nothing: masked. {_told(story, fault)}"]
    if fault.masked is None and story.ending is Ending.OPEN:
        return ["nothing yet: the request has no end"]
    if fault.span_id and fault.span_id == story.request.root_span_id:
        return ["nothing: the application raised it itself, outside AutoGen"]
    reports = reports_of(story.request, fault)
    said = [f"{plain(one.type)}: {plain(one.message, 600)} ({plain(one.by)})" for one in reports]
    if not said:
        said = ["nothing else: this exception reached the application"]
    if story.ending is Ending.OK:
        said.append("The application caught it, and the request ended well.")
    return said


def _told(story: Story, fault: StoredFault) -> str:
    """Return how AutoGen went on. What it said word for word is not recorded: it may hold customers' data."""
    name = next((node.span.name for node in story.request.nodes if node.span.span_id == fault.span_id), "")
    operation = name.partition(" ")[0]
    if operation == "execute_tool":
        return f'The model was told a text such as "Error: {_first_line(fault.message)}" as the tool\'s result.'
    if operation == "execute_code":
        return "The model was told the exit code and the output as a text."
    if operation == "chat":
        return "AutoGen got its answer in another way, such as the next entry of the config_list."
    return "AutoGen caught it and went on."
