"""From measurements to figures, each with the goal beside it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.workers import LIMIT, LIMIT_OFF, NONE, OFF, ON

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.turns import Rounds
    from benchmarks.workers import Variant


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        what: What was measured.
        value: Its median.
        quartiles: Between which half of the rounds lie.
        unit: Of value and goal.
        goal: At most this much; None where the figure only puts others into proportion.
    """

    what: str
    value: float
    quartiles: tuple[float, float] | None = None
    unit: str = "x"
    goal: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the goal is met."""
        return self.goal is None or self.value <= self.goal

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The line as texts."""
        digits = 0 if self.unit == "µs" else 2
        unit = self.unit if self.unit == "x" else f" {self.unit}"
        spread = "" if self.quartiles is None else "{:.{d}f}–{:.{d}f}".format(*self.quartiles, d=digits)
        goal = "" if self.goal is None else f"≤ {self.goal:g}{unit}"
        verdict = "" if self.goal is None else ("ok" if self.ok else "over")
        return self.what, f"{self.value:.{digits}f}{unit}", spread, goal, verdict


class Goals(NamedTuple):
    """How many times an uninstrumented chat one may take: with everything on, and with sampling off."""

    on: float
    off: float


GOALS: Final = {"classic": Goals(1.20, 1.10), "agentchat": Goals(1.18, 1.08), "ag2": Goals(1.12, 1.08)}


def speed(measured: Mapping[str, Rounds], goals: Goals) -> list[Figure]:
    """Return the ratios of the interleaved runs, with what is the goal for a chat."""
    return [*_chat(measured["chat"], goals), *(_tool(measured["tool"]) if "tool" in measured else ())]


def _chat(chat: Rounds, goals: Goals) -> list[Figure]:
    def added(per_call: Mapping[Variant, float]) -> float:
        return (per_call[ON] - per_call[NONE]) / (per_call[LIMIT] - per_call[NONE])

    return [
        *(_figure(f"chat, {one.name}", [times[one] for times in chat], "µs") for one in (NONE, LIMIT, ON)),
        _figure("chat: the limit / uninstrumented", _ratios(chat, LIMIT, NONE)),
        _figure("chat: everything on / uninstrumented", _ratios(chat, ON, NONE), goal=goals.on),
        _figure("chat: what we add / what the limit adds", map(added, chat), goal=1.20),
        _figure("chat: the limit, sampling off / uninstrumented", _ratios(chat, LIMIT_OFF, NONE)),
        _figure("chat: sampling off / uninstrumented", _ratios(chat, OFF, NONE), goal=goals.off),
    ]


def _tool(tool: Rounds) -> list[Figure]:
    return [
        *(_figure(f"tool call, {one.name}", [times[one] for times in tool], "µs") for one in (NONE, LIMIT, ON)),
        _figure("tool call: everything on / a bare span + histogram", _ratios(tool, ON, LIMIT), goal=1.25),
    ]


def faults(measured: Mapping[str, Sequence[float]]) -> list[Figure]:
    """Return what capturing a fault takes."""
    titles = {"tool": "KeyError of a tool", "openai": "openai error with two causes"}
    return [
        figure
        for case, title in titles.items()
        for figure in (
            _figure(f"{title}: captured", measured[case], "µs", goal=100),
            _figure(f"{title}: record_exception", measured[f"{case} record_exception"], "µs"),
        )
    ]


def memory(measured: Mapping[str, Any], calls: int) -> list[Figure]:
    """Return what tool calls leave behind."""
    grown = measured["grown"]
    what = f"tables that grew, of {measured['tables']}" + (f": {', '.join(grown)}" if grown else "")
    return [
        Figure(f"memory after {calls:,} tool calls", measured["megabytes"], unit="MB", goal=1.0),
        Figure(what, len(grown), unit="", goal=0),
    ]


def _ratios(rounds: Rounds, variant: Variant, base: Variant) -> Iterable[float]:
    return (per_call[variant] / per_call[base] for per_call in rounds)


def _figure(what: str, values: Iterable[float], unit: str = "x", goal: float | None = None) -> Figure:
    values = list(values)
    low, _, high = quantiles(values, n=4)
    return Figure(what, median(values), (low, high), unit, goal)
