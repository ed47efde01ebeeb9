"""Where files of ours live, and how they are called."""

from __future__ import annotations

import os
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the store writes, reads and removes: nothing else in its folder is ours.
STORE_FILE: Final = re.compile(r"(?P<signal>traces|logs|metrics)-(?P<stamp>\d{8}T\d{12})-\d+\.jsonl", re.ASCII)


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the local store: `AUTOGEN_OTEL_STORE`, else below the user's state folder (XDG)."""
    named = environ.get("AUTOGEN_OTEL_STORE")
    if named:
        return Path(named).expanduser()
    state = environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "autogen-otel"


def stamp(time_ns: int) -> str:
    """Return a time as text that sorts by age: UTC, to the microsecond, fit for file names on any system."""
    seconds, rest = divmod(time_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, tz=timezone.utc):%Y%m%dT%H%M%S}{rest // 1000:06d}"


def store_file_name(signal: str, time_ns: int, pid: int) -> str:
    """Return the name of a file of the store.

    Args:
        signal: `traces`, `logs` or `metrics`.
        time_ns: When it is created, in nanoseconds since 1970.
        pid: The process that creates it; others may append to it later.
    """
    return f"{signal}-{stamp(time_ns)}-{pid}.jsonl"
