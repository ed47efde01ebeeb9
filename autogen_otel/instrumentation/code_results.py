"""The exception inside the output of code that an agent has run: AutoGen keeps only the text."""

from __future__ import annotations

import re
from typing import Final

from autogen_otel.core.facts import ExceptionData, Frame
from autogen_otel.faults.redact import redact

MAX_OUTPUT: Final = 20_000
_HEADING: Final = "Traceback (most recent call last):"
_FRAME = re.compile(
    r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>.+?)\s*\n(?:(?!\s*File )\s+(?P<source>\S.*)\n)?',
    re.MULTILINE,
)
_ERROR = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?::\s?(?P<message>.*))?$", re.MULTILINE)


def exception_in(output: str) -> tuple[ExceptionData, ...]:
    """Return the last traceback that a text holds, as data; empty when it holds none.

    Args:
        output: What the code has printed; only the last 20,000 characters are looked at.
    """
    text = output[-MAX_OUTPUT:]
    start = text.rfind(_HEADING)
    if start < 0:
        return ()
    text = text[start + len(_HEADING) :].lstrip("\n")
    frames = []
    position = 0
    while match := _FRAME.match(text, position):
        frames.append(
            Frame(match["file"], int(match["line"]), match["function"], redact((match["source"] or "").strip(), 200))
        )
        position = match.end()
        # Python 3.11 and later underline the part of the line that raised.
        while underline := re.compile(r"^\s*[~^]+\s*\n").match(text, position):
            position = underline.end()
    error = _ERROR.match(text, position)
    if error is None or not frames:
        return ()
    return (ExceptionData(error["type"], redact((error["message"] or "").strip()), tuple(frames)),)
