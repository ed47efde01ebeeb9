"""A diagnosis for people: how much failed, of what, whom to ask, and what to do."""

from __future__ import annotations

import shlex
import textwrap
from typing import TYPE_CHECKING, Final

from rich.text import Text

from autogen_otel.core import names
from autogen_otel.core.causes import Cause
from autogen_otel.detectors.pages import page_of
from autogen_otel.diagnosis.lines import field, heading, joined, show
from autogen_otel.diagnosis.render_fault import place
from autogen_otel.diagnosis.suspects import PACKAGE, own_line, raising_frame
from autogen_otel.diagnosis.traits import together
from autogen_otel.diagnosis.words import count, plain, share, when

if TYPE_CHECKING:
    from rich.console import Console

    from autogen_otel.diagnosis.seen import Diagnosis, Group
    from autogen_otel.diagnosis.traits import Trait

BLAMED: Final = {
    names.AGENT_NAME: "agent",
    names.FAULT_AGENT: "agent",
    names.TOOL_NAME: "tool",
    names.FAULT_TOOL: "tool",
    names.CLIENT_INSTANCE: "client",
    names.PROCESS_PID: "pid",
    names.CALLED_AT: "called at",
    names.FAULT_RAISED_AT: "raised at",
}
_WHOM: Final = {names.TOOL_NAME: "tool", names.AGENT_NAME: "agent"}
_MOST: Final = 3
_TRAITS: Final = 8
_ALIKE: Final = 4


def render_diagnosis(console: Console, diagnosis: Diagnosis, source: str, where: str | None = "") -> None:
    """Print a diagnosis.

    Args:
        console: Where to.
        diagnosis: What was found.
        source: Where that was read from.
        where: What a command needs to look into the same store, as it is typed; None where no command can.
    """
    _header(console, diagnosis, source)
    for number, group in enumerate(diagnosis.groups, 1):
        _group(console, number, group, len(diagnosis.requests))
        if group.examples and where is not None:
            request = shlex.quote(plain(group.examples[0].request_id))
            field(console, "more", f"autogen-otel show {request} {where}".rstrip(), "dim")
    if diagnosis.common:
        heading(console, "What they have in common, and the other requests have not")
        for traits in together(diagnosis.common)[:_TRAITS]:
            show(console, Text(_in_common(traits, "others")), Text("  "))


def what_is(trait: Trait) -> str:
    """Return an attribute with its value."""
    sign = "" if trait.value.startswith(">=") else "= "
    return f"{plain(trait.key)} {sign}{plain(trait.value)}"


def _in_common(traits: list[Trait], others: str) -> str:
    """Return what failing requests have in common, with the counts."""
    first = traits[0]
    words = ", ".join(map(what_is, traits[:_ALIKE]))
    more = f" and {len(traits) - _ALIKE} more" if len(traits) > _ALIKE else ""
    return f"{words}{more}: {first.failing} of {first.of_failing}, but {first.others} of {first.of_others} {others}"


def overview(diagnosis: Diagnosis) -> list[str]:
    """Return in words how many requests failed, and how many are silently wrong."""
    total = len(diagnosis.requests)
    told = [
        f"{diagnosis.failed} failed ({share(diagnosis.failed, total)})",
        f"{diagnosis.wrong} answered, but wrongly or with something missing ({share(diagnosis.wrong, total)})",
    ]
    if diagnosis.unfinished:
        told.append(f"{diagnosis.unfinished} without an end ({share(diagnosis.unfinished, total)})")
    return told


def paragraphs(text: str) -> list[tuple[bool, str]]:
    """Return the paragraphs of a page of the manual: whether each is code, and its text without the indent."""
    found: list[tuple[bool, str]] = []
    for paragraph in text.split("\n\n"):
        is_code = paragraph.startswith("    ")
        plain_text = textwrap.dedent(paragraph) if is_code else paragraph
        if is_code and found and found[-1][0]:
            found[-1] = (True, f"{found[-1][1]}\n\n{plain_text}")
        else:
            found.append((is_code, plain_text))
    return found


def _header(console: Console, diagnosis: Diagnosis, source: str) -> None:
    requests = diagnosis.requests
    first = Text(f"{count(len(requests), 'request')}, {count(diagnosis.spans, 'span')}", style="bold")
    show(console, joined(first, Text(f"  {plain(source)}", style="dim")))
    if not requests:
        return
    last_ns = max(one.ended_ns for one in requests)
    show(console, Text(f"{when(requests[0].operation.started_ns)} to {when(last_ns)}", style="dim"))
    for words in overview(diagnosis):
        style = "" if words.startswith("0 ") else "bold red" if "failed" in words else "bold yellow"
        show(console, Text(words, style=style), Text("  "))
    if not diagnosis.groups:
        show(console, Text("No cause was found, and no reason to look for one.", style="green"))
    elif len(diagnosis.groups) > 1:
        console.print()
        for number, group in enumerate(diagnosis.groups, 1):
            _line(console, number, group, len(requests))


def _line(console: Console, number: int, group: Group, total: int) -> None:
    """Print a cause in one line: whoever is on call reads this far before anything else."""
    many = f"{len(group.requests)} ({share(len(group.requests), total)})"
    whom = ", ".join(f"{label} {plain(group.blame[key][0][0])}" for key, label in _WHOM.items() if key in group.blame)
    details = ", ".join(map(plain, group.details))
    head = Text.assemble(f"  {number:>2}. ", (f"{group.cause.value:<16}", _style(group)), f"{many:<13} ")
    show(console, Text("; ".join(filter(None, (details, whom)))), head)


def _style(group: Group) -> str:
    return "bold yellow" if group.cause is Cause.CANCELLED else "bold red"


def _group(console: Console, number: int, group: Group, total: int) -> None:
    page = page_of(group.cause)
    console.print()
    title = Text.assemble(
        (f"{number}. {group.cause.value}", _style(group)),
        f"  {count(len(group.requests), 'request')} ({share(len(group.requests), total)})",
        ("" if group.certain == len(group.requests) else f", {group.certain} proved, the others hints"),
    )
    show(console, title)
    show(console, Text(page.title, style="italic"), Text("  "))
    field(console, "seen", f"first {when(group.first_ns)}, last {when(group.last_ns)}")
    field(console, "what", ", ".join(f"{plain(detail)} ({number})" for detail, number in group.details.items()))
    _blame(console, group)
    for label, seen in zip(("for example", ""), group.examples, strict=False):
        summary = seen.verdict.findings[0].summary if seen.verdict else ""
        field(console, label, joined(Text(plain(seen.request_id), style="bold"), Text(f"  {plain(summary)}")))
    for label, traits in zip(("in common", *("",) * _MOST), together(group.common)[:_MOST], strict=False):
        field(console, label, _in_common(traits, "that are well"))
    field(console, "cause", plain(page.cause))
    _fix(console, group, page.fix)


def _blame(console: Console, group: Group) -> None:
    told: dict[str, str] = {}
    for key, values in group.blame.items():
        words = ", ".join(f"{plain(PACKAGE.sub('', value))} ({number})" for value, number in values[:_MOST])
        more = f", {len(values) - _MOST} more" if len(values) > _MOST else ""
        told.setdefault(BLAMED.get(key, key), words + more)
    for label in dict.fromkeys(BLAMED.values()):
        if label in told:
            field(console, label, told[label], "bold" if label == "raised at" else "")
    frame = raising_frame(group) if BLAMED[names.FAULT_RAISED_AT] in told else None
    if frame is not None and frame.source:
        field(console, "", f"    {plain(frame.source)}", "cyan")


def _fix(console: Console, group: Group, fix: str) -> None:
    own = own_line(group)
    if own is not None:
        field(console, "your code", joined(Text(place(own), style="bold"), Text(f"    {plain(own.source)}", "cyan")))
    show_fix(console, fix)


def show_fix(console: Console, fix: str) -> None:
    """Print what to do, as the page of a cause says it."""
    label = "fix"
    for is_code, text in paragraphs(fix):
        for line in text.splitlines():
            field(console, label, f"    {line}" if is_code else line, "cyan" if is_code else "green")
            label = ""
