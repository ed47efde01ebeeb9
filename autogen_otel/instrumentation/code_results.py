"""The exception inside the output of code that an agent has run: AutoGen keeps only the text."""

from __future__ import annotations

import re
from itertools import dropwhile
from typing import Final

from autogen_otel.core.facts import ExceptionData, Frame
from autogen_otel.faults.redact import redact

MAX_OUTPUT: Final = 20_000
_HEADING: Final = "Traceback (most recent call last):"
# AutoGen takes the path out when there is no executor; code that does not parse has no function.
_FRAME = re.compile(r'\s*File "(?P<file>[^"]*)", line (?P<line>\d+)(?:, in (?P<function>.+))?')
_ERROR = re.compile(r"(?P<type>[A-Za-z_][\w.]*)(?::\s?(?P<message>.*))?")


def exception_in(output: str) -> tuple[ExceptionData, ...]:
    """Return the last traceback that a text holds, as data; empty when it holds none.

    Args:
        output: What the code has printed; only the last 20,000 characters are looked at.
    """
    lines = output[-MAX_OUTPUT:].splitlines()
    heading = max((index for index, line in enumerate(lines) if line.startswith(_HEADING)), default=-1)
    frames, last = [], -1
    for index in range(heading + 1, len(lines)):
        match = _FRAME.fullmatch(lines[index])
        if match is not None:
            source = "".join(lines[index + 1 : index + 2]).strip()
            function = match["function"] or "<module>"
            frames.append(Frame(match["file"], int(match["line"]), function, redact(source, 200)))
            last = index
    rest = dropwhile(lambda line: not line or line[0].isspace(), lines[last + 1 :])
    error = _ERROR.fullmatch(next(rest, ""))
    if error is None or not frames:
        return ()
    return (ExceptionData(error["type"], redact(error["message"] or ""), tuple(frames)),)
