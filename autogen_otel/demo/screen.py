"""Where the report goes: to rich where it is installed, else plain text in columns."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import textwrap
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

WIDTH: Final = 120
_GAP: Final = "  "


class Screen(Protocol):
    """What a report is made of."""

    def heading(self, text: str) -> None:
        """Begin a block."""

    def field(self, label: str, text: str, style: str = "") -> None:
        """Show a line with a label before it."""

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
        """Show rows in columns; a cell may have several lines, and begins with `!` when it is bad news."""

    def verbatim(self, text: str) -> None:
        """Show a line that is to be copied: never broken."""

    def busy(self, text: str) -> AbstractContextManager[Any]:
        """Show what is going on while a block runs."""


def screen(stream: TextIO) -> Screen:
    """Return the best screen there is."""
    if isinstance(stream, io.TextIOWrapper):
        # A terminal that cannot show a character shows a question mark.
        stream.reconfigure(errors="replace")
    return Fancy(stream) if importlib.util.find_spec("rich") else Plain(stream)


class Plain:
    """Plain text.

    Args:
        stream: Where it goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def heading(self, text: str) -> None:
        """Underline it."""
        self.verbatim(f"\n{text}\n{'=' * len(text)}")

    def field(self, label: str, text: str, style: str = "") -> None:  # noqa: ARG002 - no colours here
        """Wrap it, the label hanging."""
        self.verbatim(textwrap.fill(text, WIDTH, initial_indent=f"{label:<9}", subsequent_indent=" " * 9))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
        """Set it in columns of these widths."""
        self.verbatim("")
        for row in (header, [f"{'-' * len(title)}" for title in header], *rows):
            cells = [_wrapped(cell.removeprefix("!"), width) for cell, width in zip(row, widths, strict=True)]
            for number in range(max(map(len, cells))):
                parts = (
                    f"{cell[number] if number < len(cell) else '':<{width}}"
                    for cell, width in zip(cells, widths, strict=True)
                )
                self.verbatim(_GAP.join(parts).rstrip())

    def verbatim(self, text: str) -> None:
        """Write it."""
        print(text, file=self._stream, flush=True)

    def busy(self, text: str) -> AbstractContextManager[Any]:  # noqa: ARG002
        """Show nothing."""
        return contextlib.nullcontext()


class Fancy:
    """Colours and lines, by rich.

    Args:
        stream: Where it goes.
    """

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        if not self._console.is_terminal or self._console.width > WIDTH:
            self._console.width = WIDTH

    def heading(self, text: str) -> None:
        """Draw a line with the text in it."""
        from rich.rule import Rule
        from rich.text import Text

        self._console.print()
        self._console.print(Rule(Text(text, style="bold"), align="left", style="cyan"))

    def field(self, label: str, text: str, style: str = "") -> None:
        """Set it in two columns."""
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=8, style="dim")
        grid.add_column()
        grid.add_row(label, Text(text, style=style))
        self._console.print(grid)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
        """Draw a table whose columns have these shares of the width."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
        for title, width in zip(header, widths, strict=True):
            # A column without a title holds row names, which are short.
            table.add_column(
                title, ratio=width if title else None, no_wrap=not title, overflow="fold", header_style="dim"
            )
        for row in rows:
            table.add_row(*(Text(cell.removeprefix("!"), style="red" if cell.startswith("!") else "") for cell in row))
        self._console.print()
        self._console.print(table)

    def verbatim(self, text: str) -> None:
        """Print it as it is."""
        self._console.print(text, soft_wrap=True)

    def busy(self, text: str) -> AbstractContextManager[Any]:
        """Turn a spinner, on a terminal."""
        return self._console.status(text) if self._console.is_terminal else contextlib.nullcontext()


def _wrapped(cell: str, width: int) -> list[str]:
    return [
        piece
        for line in cell.splitlines() or [""]
        for piece in textwrap.wrap(line, width, subsequent_indent="  ", drop_whitespace=True) or [""]
    ]
