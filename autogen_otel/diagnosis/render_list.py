"""Requests for people, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from autogen_otel.core import names
from autogen_otel.diagnosis.lines import joined, show
from autogen_otel.diagnosis.render_text import outcome
from autogen_otel.diagnosis.request import text_in
from autogen_otel.diagnosis.story import Ending
from autogen_otel.diagnosis.words import duration, plain, when

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from autogen_otel.diagnosis.stored_faults import StoredFault
    from autogen_otel.diagnosis.story import Story

_MESSAGE: Final = 200
_ROOM: Final = 40
_TITLES: Final = ("started (UTC)", "request", "outcome", "took", "cause")


def render_list(console: Console, stories: Iterable[Story]) -> None:
    """Print requests in the order given. The ID is never cut: it is what one copies."""
    rows = [(_columns(story), _what(story)) for story in stories]
    titles = tuple(Text(title) for title in _TITLES)
    widths = [max(column.cell_len for column in row) for row in zip(titles, *(row for row, _ in rows), strict=True)]
    _print(console, titles, Text("exception"), widths, "dim")
    for columns, what in rows:
        _print(console, columns, what, widths)


def _print(console: Console, columns: tuple[Text, ...], what: Text, widths: list[int], style: str = "") -> None:
    """Print one line; two where the terminal is too narrow for what happened to stand behind the rest."""
    cells = zip(columns, widths, strict=True)
    line = joined(*(joined(column, Text(" " * (width - column.cell_len + 2))) for column, width in cells))
    room = console.width - line.cell_len
    if what and what.cell_len > room and room < _ROOM:
        line.rstrip()
        show(console, line)
        line, room = Text("    "), console.width - 4
    what.truncate(max(0, room), overflow="ellipsis")
    line = joined(line, what)
    line.rstrip()
    line.stylize(style)
    show(console, line)


def _columns(story: Story) -> tuple[Text, ...]:
    return (
        Text(when(story.request.started_ns).removesuffix(" UTC")),
        Text(plain(story.request.request_id), style="bold"),
        outcome(story),
        Text("" if story.duration_ns is None else duration(story.duration_ns)),
        Text(plain(story.cause.cause) if story.cause else "", style="bold"),
    )


def _what(story: Story) -> Text:
    if story.ending is Ending.OPEN:
        seen = duration(story.request.last_ns - story.request.started_ns)
        return Text(f"no end; last seen {seen} after its start", style="magenta")
    if story.faults:
        return _exception(story.faults[0])
    root = story.request.root
    return Text(plain(text_in(root, names.ERROR_TYPE)) if root else "")


def _exception(fault: StoredFault) -> Text:
    who = f"tool {fault.tool_name}" if fault.tool_name else f"agent {fault.agent_name}" if fault.agent_name else ""
    text = Text(plain(f"{fault.type}: {fault.message}" if fault.message else fault.type, _MESSAGE))
    return text.append(f" ({plain(who)})", "dim") if who else text
