"""The applications that are measured, one for each line of AutoGen: a model that answers at once, and one tool.

Each module has a class `Host` with `chat(times)`, and `tool(times)` where the line's plan names it; `PLACES`, where the
limit opens its spans; and `silence()`, which keeps the line's own spans out of the limit.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

LINES: Final = ("classic", "agentchat", "ag2")
# How often each order is carried out in one batch. A tool of ag2 cannot be called but in a turn.
PLANS: Final = {
    "classic": {"chat": 30, "tool": 500},
    "agentchat": {"chat": 30, "tool": 500},
    "ag2": {"chat": 20},
}
DISTRIBUTIONS: Final = {"classic": "autogen", "agentchat": "autogen-agentchat", "ag2": "ag2"}


def module_of(line: str) -> Any:
    """Return the module of a line; importing it imports AutoGen."""
    return importlib.import_module(f"{__name__}.{line}")
