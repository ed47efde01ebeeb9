"""Tracebacks as data."""

from __future__ import annotations

import linecache
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autogen_otel.core.facts import Frame

if TYPE_CHECKING:
    from types import CodeType, TracebackType

MAX_FRAMES: Final = 40
_OWN_CODE: Final = str(Path(__file__).resolve().parent.parent)
_OWN_DEMO: Final = str(Path(_OWN_CODE) / "demo")
_LIBRARIES: Final = tuple(
    dict.fromkeys(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib"))
)


def frames_of(traceback: TracebackType | None) -> tuple[Frame, ...]:
    """Return the lines of a traceback, outermost first, without those of this package.

    Of a very deep one (a recursion) the first and the last 20 lines stay.
    """
    lines: list[tuple[CodeType, int]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not is_own(code.co_filename):
            lines.append((code, traceback.tb_lineno))
        traceback = traceback.tb_next
    if len(lines) > MAX_FRAMES:
        half = MAX_FRAMES // 2
        lines[half:-half] = []
    return tuple(
        Frame(code.co_filename, line, getattr(code, "co_qualname", code.co_name), source_line(code.co_filename, line))
        for code, line in lines
    )


def source_line(file: str, line: int) -> str:
    """Return the text of a source line, empty where there is none; only the first look at a file reads the disk."""
    return linecache.getline(file, line).strip()


def is_own(file: str) -> bool:
    """Tell whether a file is part of this package; the demo counts as an application."""
    return file.startswith(_OWN_CODE) and not file.startswith(_OWN_DEMO)


def is_application(file: str) -> bool:
    """Tell whether a file belongs to the application, and not to the standard library or an installed package."""
    return not file.startswith(("<", *_LIBRARIES)) and "site-packages" not in file and not is_own(file)
