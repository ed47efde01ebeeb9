"""Words for people: texts that are safe to print, durations, times. Telemetry is untrusted wherever it comes from."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

_SPACES: Final = str.maketrans("\t\n\r\v\f", "     ")
_MS: Final = 10**6


def plain(value: object, limit: int = 0) -> str:
    r"""Return a value as one line without control characters.

    What a terminal would obey and not show (escape sequences, a change of the writing direction) is spelled out:
    `\x1b` says more than nothing.

    Args:
        value: Anything with a text.
        limit: How many characters may stay; 0 for all.
    """
    text = str(value).translate(_SPACES)
    if limit and len(text) > limit:
        text = f"{text[: limit - 1]}…"
    return text if text.isprintable() else "".join(map(_visible, text))


def lines(value: object, limit: int = 0) -> list[str]:
    """Return a value as lines without control characters; what is beyond `limit` lines is counted."""
    found = [plain(line) for line in str(value).splitlines()]
    if limit and len(found) > limit:
        found[limit:] = [f"… {len(found) - limit} more lines"]
    return found


def duration(ns: int) -> str:
    """Return a duration with about three digits: `0.41 ms`, `2.1 ms`, `87 ms`, `3.08 s`, `2 min 5 s`, `3 h 12 min`."""
    if abs(ns) < 10 * _MS:
        return f"{ns / _MS:.2f} ms" if abs(ns) < _MS and ns else f"{ns / _MS:.1f} ms"
    if abs(ns) < 1000 * _MS:
        return f"{ns / _MS:.0f} ms"
    if abs(ns) < 60_000 * _MS:
        return f"{ns / _MS / 1000:.2f} s"
    minutes, seconds = divmod(round(ns / _MS / 1000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


def moment(ns: int) -> datetime | None:
    """Return a time in UTC; None for one that was not recorded or that no calendar has."""
    try:
        return datetime.fromtimestamp(ns // 1000 / _MS, tz=timezone.utc) if ns else None
    except (OverflowError, ValueError, OSError):
        return None


def when(ns: int) -> str:
    """Return a time to the millisecond, in UTC as in the log lines."""
    found = moment(ns)
    return "unknown time" if found is None else f"{found:%Y-%m-%d %H:%M:%S}.{found.microsecond // 1000:03d} UTC"


def count(number: int, thing: str) -> str:
    """Return a number with its noun: `1 fault`, `2 faults`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def share(part: int, whole: int) -> str:
    """Return a share in percent, with one digit behind the point where that says more: `4.4 %`, `73 %`."""
    percent = 100 * part / whole if whole else 0
    return f"{percent:.1f} %" if 0 < percent < 10 else f"{percent:.0f} %"


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
