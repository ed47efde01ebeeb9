"""Files and lines as a reader wants them: short, and to be clicked on where they are below the working directory."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_DEMO: Final = str(Path(__file__).parent)
_LIBRARIES: Final[tuple[str, ...]] = tuple(
    sysconfig.get_paths()[key] for key in ("purelib", "platlib", "stdlib", "platstdlib")
)


def short(file: str | Path) -> str:
    """Return a path without what is known: the folder of a library, or the working directory."""
    path = Path(file)
    for folder in (*_LIBRARIES, str(Path.cwd())):
        if path.is_relative_to(folder):
            return str(path.relative_to(folder))
    return str(path)


def places_of(frames: Sequence[dict[str, Any]]) -> list[str]:
    """Return the line that raised and, if that is in a library, the line of the demo from which it was called."""
    if not frames:
        return []
    raised = frames[-1]
    found = [f"raised at {_place(raised)}"]
    ours = [frame for frame in frames if frame["file"].startswith(_DEMO)]
    if ours:
        if ours[-1] is not raised:
            found.append(f"called at {_place(ours[-1])}")
        found.append(f"    {ours[-1]['source']}")
    return found


def _place(frame: dict[str, Any]) -> str:
    return f"{short(frame['file'])}:{frame['line']} in {frame['function'].rpartition('.')[2]}"
