"""Lines of a terminal: labels, hanging indents, and the signs that its encoding allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

_LABEL: Final = 12
_LEAST: Final = 16


@dataclass(frozen=True, slots=True)
class Signs:
    """What a tree is drawn with."""

    branch: str = "├─ "
    last: str = "└─ "
    bar: str = "│  "
    cross: str = "✗"


_ASCII: Final = Signs("|- ", "`- ", "|  ", "x")


def signs_of(console: Console) -> Signs:
    """Return signs that the terminal, the file or the pipe behind a console can take."""
    return Signs() if console.encoding.lower().startswith("utf") else _ASCII


def show(console: Console, text: Text, first: Text | None = None, rest: Text | None = None) -> None:
    """Print a text, wrapped to the width of the console.

    Args:
        console: Where to.
        text: Printed as it is, without markup.
        first: What stands before its first line.
        rest: What stands before the others.
    """
    first = first or Text()
    rest = rest or Text(" " * first.cell_len)
    width = max(_LEAST, console.width - max(first.cell_len, rest.cell_len))
    for number, line in enumerate(text.wrap(console, width, overflow="fold") or [Text()]):
        whole = joined(rest if number else first, line)
        whole.rstrip()
        console.print(whole, soft_wrap=True, highlight=False)


def joined(*texts: Text) -> Text:
    """Return texts behind each other, each in its own style: `+` gives the style of the first one to all."""
    whole = Text()
    for text in texts:
        whole.append_text(text)
    return whole


def heading(console: Console, words: str) -> None:
    """Print the title of a section."""
    console.print()
    show(console, Text(words, style="bold"))


def field(console: Console, label: str, value: Text | str, style: str = "") -> None:
    """Print a value behind its label."""
    text = value if isinstance(value, Text) else Text(value, style=style)
    show(console, text, Text(f"  {label:<{_LABEL}}", style="dim"))
