"""Tracebacks as data."""

from __future__ import annotations

import inspect
import linecache
import sysconfig
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autogen_otel.core import names
from autogen_otel.core.facts import Frame
from autogen_otel.faults.redact import redact

if TYPE_CHECKING:
    from types import CodeType, TracebackType

MAX_FRAMES: Final = 40
MAX_SOURCE: Final = 200
_OWN_CODE: Final = str(Path(__file__).resolve().parent.parent)
_OWN_DEMO: Final = str(Path(_OWN_CODE) / "demo")
_LIBRARIES: Final = tuple(
    dict.fromkeys(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib"))
)


def frames_of(traceback: TracebackType | None) -> tuple[Frame, ...]:
    """Return the lines of a traceback, outermost first, without those of this package.

    Of a very deep one (a recursion) the first and the last 20 lines stay.
    """
    frames: list[Frame] = []
    while traceback is not None:
        frame = _frame_at(traceback.tb_frame.f_code, traceback.tb_lineno)
        if frame is not None:
            frames.append(frame)
        traceback = traceback.tb_next
    if len(frames) > MAX_FRAMES:
        half = MAX_FRAMES // 2
        frames[half:-half] = []
    return tuple(frames)


@lru_cache(4096)
def _frame_at(code: CodeType, line: int) -> Frame | None:
    """Return a line of code as data, None if it is our own; the same lines raise again and again."""
    file = code.co_filename
    if is_own(file):
        return None
    return Frame(file, line, getattr(code, "co_qualname", code.co_name), source_line(file, line))


def calling_line() -> dict[str, str | int]:
    """Return which line of the application's code runs now, as span attributes; empty where there is none close by."""
    frame = inspect.currentframe()
    for _ in range(MAX_FRAMES):
        if frame is None:
            break
        code = frame.f_code
        if _is_application(code.co_filename):
            return {
                names.CODE_FILE: code.co_filename,
                names.CODE_LINE: frame.f_lineno,
                names.CODE_FUNCTION: getattr(code, "co_qualname", code.co_name),
            }
        frame = frame.f_back
    return {}


def source_line(file: str, line: int) -> str:
    """Return the text of a source line, redacted; empty where there is none."""
    return redact(linecache.getline(file, line).strip(), MAX_SOURCE)


def is_own(file: str) -> bool:
    """Tell whether a file is part of this package; the demo counts as an application."""
    return file.startswith(_OWN_CODE) and not file.startswith(_OWN_DEMO)


def is_application(file: str) -> bool:
    """Tell whether a file belongs to the application, and not to the standard library or an installed package."""
    return not file.startswith(("<", *_LIBRARIES)) and "site-packages" not in file and not is_own(file)


_is_application: Final = lru_cache(4096)(is_application)
