"""An exception's chain read back: from the data of a log record, or from the text of a stack trace."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from autogen_otel.core.facts import ExceptionData, Frame

_MALFORMED: Final = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
_JOINTS: Final = {
    "The above exception was the direct cause of the following exception:": "cause",
    "During handling of the above exception, another exception occurred:": "context",
}
_JOINT: Final = re.compile("|".join(f"(?:^{re.escape(text)}$)" for text in _JOINTS), re.MULTILINE)
_FRAME: Final = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+), in (?P<function>.*)$')
_ERROR: Final = re.compile(r"(?P<type>[^\s:]+)(?:: ?(?P<message>.*))?", re.DOTALL)


def chain_from_data(value: Any) -> tuple[ExceptionData, ...]:
    """Return the chain that a log record holds as data, JSON or parsed; empty when it is malformed."""
    try:
        items = json.loads(value) if isinstance(value, str) else value
        return tuple(map(_exception, items or ()))
    except _MALFORMED:
        return ()


def chain_from_text(stacktrace: str) -> tuple[ExceptionData, ...]:
    """Return the chain that a stack trace shows, the exception itself first; empty when it shows none.

    Members of exception groups are left out: their texts are drawn, not written.
    """
    sections = _JOINT.split(stacktrace)
    links = [_JOINTS[found.group()] for found in _JOINT.finditer(stacktrace)]
    # What stands above a joint is the cause of what stands below, so the last section was raised last.
    chain = [_section(text, link) for text, link in zip(sections, [*links, ""], strict=True)]
    return tuple(reversed([data for data in chain if data is not None]))


def _exception(item: Any) -> ExceptionData:
    return ExceptionData(
        type=str(item["type"]),
        message=str(item.get("message", "")),
        frames=tuple(
            Frame(str(frame["file"]), int(frame["line"]), str(frame["function"]), str(frame.get("source", "")))
            for frame in item.get("frames", ())
        ),
        notes=tuple(map(str, item.get("notes", ()))),
        link=str(item.get("link", "")),
        members=tuple(map(_exception, item.get("members", ()))),
    )


def _section(text: str, link: str) -> ExceptionData | None:
    """Return one exception of a stack trace.

    Args:
        text: From its heading to its message.
        link: How the exception below it hangs on it.
    """
    frames: list[Frame] = []
    rest: list[str] = []
    for line in text.strip("\n").splitlines():
        frame = _FRAME.match(line)
        if frame is not None:
            frames.append(Frame(frame["file"], int(frame["line"]), frame["function"]))
        elif frames and not rest and line.startswith("    "):
            last = frames.pop()
            frames.append(Frame(last.file, last.line, last.function, line.strip()))
        elif not line.startswith(("Traceback (most", "  | ", "… cut …")):
            rest.append(line)
    error = _ERROR.match("\n".join(rest))
    return None if error is None else ExceptionData(error["type"], error["message"] or "", tuple(frames), link=link)
