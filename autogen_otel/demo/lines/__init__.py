"""The lines of AutoGen: in each folder `agents.py`, and for each case both ways to serve, as that line wants it."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

# How to reach the model: `model`, `api_key` and `base_url`, as the clients of all lines call it.
Model: TypeAlias = "Mapping[str, Any]"

NAMES: Final = ("classic", "agentchat", "ag2")


def title(line: str) -> str:
    """Return what a reader calls the line of that name."""
    return str(importlib.import_module(f"{__name__}.{line}").__doc__).rstrip(".")


def missing(line: str) -> list[str]:
    """Return the modules that the line of that name needs and that are not installed."""
    needed = importlib.import_module(f"{__name__}.{line}").NEEDS
    return [module for module in needed if find_spec(module) is None]
