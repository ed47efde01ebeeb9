"""The AutoGen lines, each in the words that its users write: a model, agents, a question asked in both modes."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.why500.app import App

NAMES: Final = ("classic", "agentchat", "ag2")
_PACKAGES: Final = {"classic": ("autogen",), "agentchat": ("autogen_agentchat", "autogen_ext"), "ag2": ("ag2",)}


class Line(Protocol):
    """One AutoGen line. `model` is what its agents take as their model, `agents` what answers questions."""

    name: str

    def model(self, app: App, **settings: Any) -> Any:
        """Return how to reach the model; settings are `max_retries`, `timeout`, `base_url`, `api_key`, `model`."""

    def agents(
        self, app: App, model: Any, *tools: Callable[..., Any], name: str | None = None, system: str = ...
    ) -> Any:
        """Return who answers: an assistant with tools, and who speaks for the user where the line has one."""

    def ask(self, agents: Any, text: str, **how: Any) -> str:
        """Ask in sync code and return the last text."""

    async def ask_async(self, agents: Any, text: str, **how: Any) -> str:
        """Ask in async code and return the last text."""


def available() -> list[str]:
    """Return the lines that are installed here."""
    return [name for name in NAMES if all(importlib.util.find_spec(package) for package in _PACKAGES[name])]


def load(name: str) -> Line:
    """Return the line of that name."""
    module: Line = importlib.import_module(f"{__name__}.{name}")  # type: ignore[assignment]
    return module
