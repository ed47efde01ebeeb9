"""What `doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(str, Enum):
    """How bad a finding is. WARNING works, but not as one may think; PROBLEM means that something is lost."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: What it belongs to: `autogen`, `patches`, `telemetry`, `environment`, `versions`.
        level: How bad it is.
        text: What was found.
        fix: What to do about it; empty when there is nothing to do.
        detail: Shown only when asked for.
    """

    topic: str
    level: Level
    text: str
    fix: str = ""
    detail: bool = False
