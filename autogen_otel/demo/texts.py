"""Texts cut to what a report has room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def shortened(text: str, limit: int = 140) -> str:
    """Return a text on one line, cut at the end."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def enumerated(items: Sequence[str], limit: int = 2) -> str:
    """Return `a, b and 3 more`."""
    if len(items) <= limit:
        return " and ".join(items)
    return f"{', '.join(items[:limit])} and {len(items) - limit} more"


def counted(number: int, what: str) -> str:
    """Return `1 call` or `3 calls`; what follows the counted word stays as it is: `3 requests shared it`."""
    word, _, rest = what.partition(" ")
    return f"{number:>2} {word if number == 1 else f'{word}s'} {rest}".rstrip()
