"""A request for people: what an engineer with five minutes reads, the most important line first."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from rich.text import Text

from autogen_otel.core import names
from autogen_otel.core.causes import Cause
from autogen_otel.detectors.pages import page_of
from autogen_otel.diagnosis.lines import field, heading, joined, show
from autogen_otel.diagnosis.render_fault import render_fault, render_others
from autogen_otel.diagnosis.render_logs import render_logs
from autogen_otel.diagnosis.render_tree import render_tree
from autogen_otel.diagnosis.request import text_in
from autogen_otel.diagnosis.story import Ending
from autogen_otel.diagnosis.words import count, duration, lines, plain, when

if TYPE_CHECKING:
    from rich.console import Console

    from autogen_otel.diagnosis.load import StoredLog
    from autogen_otel.diagnosis.stored_cause import StoredCause
    from autogen_otel.diagnosis.story import Story

_EVIDENCE: Final = 300
STYLES: Final = {
    Ending.OK: "bold green",
    Ending.ERROR: "bold red",
    Ending.CANCELLED: "bold yellow",
    Ending.OPEN: "bold magenta",
    Ending.UNKNOWN: "bold magenta",
}


def render(
    console: Console, story: Story, *, stack: bool = False, logs: bool = False, full: bool = False, where: str = ""
) -> None:
    """Print a request.

    Args:
        console: Where to.
        story: The request.
        stack: Print the stack trace of the original exception too.
        logs: Print the log records too.
        full: Leave nothing out of a long tree.
        where: What a command needs to look into the same store, as it is typed.
    """
    _header(console, story, where)
    if story.faults:
        render_fault(console, story, story.faults[0], stack=stack)
    elif story.ending is Ending.ERROR:
        _unrecorded(console, story)
    if len(story.faults) > 1:
        render_others(console, list(story.faults[1:]))
    if story.ending in _WITHOUT_END:
        _WITHOUT_END[story.ending](console, story)
    heading(console, "What happened")
    render_tree(console, story.request, full=full)
    if logs:
        heading(console, "Log records")
        render_logs(console, story.request)
    _footer(console, story, logs=logs)


def outcome(story: Story) -> Text:
    """Return how a request ended, in a few words: `ok, 1 masked fault`."""
    text = Text(story.ending.value, style=STYLES[story.ending])
    if story.masked:
        text.append(f", {count(len(story.masked), 'masked fault')}", style="yellow")
    return text


def _header(console: Console, story: Story, where: str) -> None:
    request = story.request
    took = "no end" if story.duration_ns is None else duration(story.duration_ns)
    first = Text.assemble((plain(request.request_id), "bold"), "  ", outcome(story))
    show(console, joined(first, Text(f"  {took}  {when(request.started_ns)}")))
    told = [("service", story.service), ("pid", story.pid), ("thread", story.thread), ("trace", request.trace_id)]
    show(console, Text("  ".join(f"{what} {plain(value)}" for what, value in told if value), style="dim"))
    if story.cause is not None:
        _cause(console, story.cause, f"{shlex.quote(plain(request.request_id))} {where}".rstrip())


def _cause(console: Console, cause: StoredCause, request: str) -> None:
    """Say why the request failed, what proves it, and by which arguments to ask for more."""
    heading(console, "Cause")
    proof = "proved" if cause.certain else "a hint, not proved"
    name = Text(plain(cause.cause), style="bold yellow" if cause.cause == Cause.CANCELLED.value else "bold red")
    detail = f" ({plain(cause.detail)})" if cause.detail else ""
    show(console, joined(name, Text(f"{detail}, {proof}")), Text("  "))
    show(console, Text(plain(cause.summary)), Text("  "))
    for label, text in zip(("evidence", *("",) * len(cause.evidence)), cause.evidence, strict=False):
        field(console, label, plain(text, _EVIDENCE), "dim")
    if cause.cause in {known.value for known in Cause} - {Cause.CANCELLED.value}:
        fix = page_of(Cause(cause.cause)).fix.partition("\n\n")[0]
        # What a colon announces is code, which is left to `diagnose`.
        field(console, "fix", f"{fix[:-1]}." if fix.endswith(":") else fix, "green")
        field(console, "more", f"autogen-otel diagnose --request {request}", "dim")


def _unrecorded(console: Console, story: Story) -> None:
    heading(console, "Original exception")
    show(console, Text("not recorded: the span and the log record that tell it never arrived"), Text("  "))
    root = story.request.root
    if root is not None:
        heading(console, "AutoGen reported")
        said = [plain(text_in(root, names.ERROR_TYPE)) or "an error", *lines(root.status_message, 12)]
        show(console, Text(": ".join(said)), Text("  "))


def _open(console: Console, story: Story) -> None:
    """Say what is known of a request that hangs."""
    request = story.request
    heading(console, "No end is recorded")
    seen = duration(request.last_ns - request.started_ns)
    show(console, Text("It still runs, it hangs, or its process was killed."), Text("  "))
    words = [f"Nothing was seen of it after {when(request.last_ns)} (+{seen})."]
    ended = sorted(((node.span.end_ns, -node.depth, node.span) for node in request.nodes), key=lambda one: one[:2])
    words += [_call(log) for log in request.unfinished()]
    if ended:
        words.append(f"The last operation that ended was {plain(ended[-1][2].name)}.")
    if ended and not request.unfinished() and any(_asked_for_tools(span) for _, _, span in ended[-2:]):
        words.append("Its model asked for tools: look for a tool that does not return.")
    for line in words:
        show(console, Text(line), Text("  "))
    if story.pid.isdigit():
        show(console, Text(f"Where it is now, if the process lives: py-spy dump --pid {story.pid}"), Text("  "))


def _call(log: StoredLog) -> str:
    """Say which call has begun and not ended."""
    what = str(log.body).removesuffix(" started")
    tool, agent = text_in(log, names.LOG_TOOL_NAME), text_in(log, names.LOG_AGENT_NAME)
    return (
        " ".join(
            [f"Not ended: {what}", *([plain(tool)] if tool else []), *([f"of agent {plain(agent)}"] if agent else [])]
        )
        + f", begun {when(log.time_ns)}."
    )


def _asked_for_tools(span: object) -> bool:
    attributes: dict[str, object] = getattr(span, "attributes", {})
    return "tool_calls" in str(attributes.get(names.FINISH_REASONS, ""))


def _cancelled(console: Console, story: Story) -> None:
    heading(console, "Cancelled")
    inner = [node for node in story.request.nodes if node.span.attributes.get(names.OUTCOME) == "cancelled"]
    where = max(inner, key=lambda node: node.depth).span.name if inner else "the request"
    words = "The client went away or a timeout cancelled it; no failure of AutoGen."
    show(console, Text(f"During {plain(where)}. {words}"), Text("  "))


def _unknown(console: Console, story: Story) -> None:  # noqa: ARG001
    heading(console, "Neither beginning nor end is recorded")
    show(console, Text("Its spans were sampled out, and the log level leaves out what is not a fault."), Text("  "))


_WITHOUT_END: Final = {Ending.OPEN: _open, Ending.CANCELLED: _cancelled, Ending.UNKNOWN: _unknown}


def _footer(console: Console, story: Story, *, logs: bool) -> None:
    request = story.request
    console.print()
    more = "" if logs or not request.logs else " (--logs prints them)"
    show(console, Text(f"{count(len(request.logs), 'log record')} stored{more}. In your own log file:", style="dim"))
    # As a whole word: `req-4` is not `req-42`.
    show(console, Text(f"grep -wF -- {shlex.quote(plain(request.request_id))} app.log"), Text("  "))
