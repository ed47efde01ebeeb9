"""`python -m benchmarks`: measure, and print a table."""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks import figures
from benchmarks.turns import take_turns, templates
from benchmarks.workers import ON, process

if TYPE_CHECKING:
    from benchmarks.turns import Rounds


class Effort(NamedTuple):
    """How much is measured.

    Attributes:
        generations: How often all processes are started anew; two processes of one program never run at quite the same
            speed.
        rounds: Batches of each variant in each generation.
        calls: Tool calls of the memory test.
    """

    generations: int
    rounds: int
    calls: int


_PLAN: Final = {"chat": 30, "tool": 500}


def _measure(effort: Effort) -> list[figures.Figure]:
    found = templates()
    measured: dict[str, Rounds] = {order: [] for order in _PLAN}
    for _ in range(effort.generations):
        for order, rounds in take_turns(found, _PLAN, effort.rounds).items():
            measured[order] += rounds
    with process(ON) as ours:
        captured = ours.ask("capture", 300)
        left = ours.ask("memory", effort.calls)
    return [*figures.speed(measured), *figures.faults(captured), *figures.memory(left, effort.calls)]


def _print(lines: list[figures.Figure]) -> None:
    table = Table("what", "median", "quartiles", "goal", "")
    for line in lines:
        table.add_row(*line.cells, style=None if line.ok else "red")
    console = Console()
    console.print(table)
    versions = ", ".join(f"{name} {version(name)}" for name in ("autogen", "openai", "opentelemetry-sdk"))
    console.print(f"Python {platform.python_version()}, {versions}", style="dim")


def main() -> None:
    """Run the benchmark; with `--check` a missed goal is exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="half a minute instead of three, and less exact")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a goal is missed")
    options = parser.parse_args()
    lines = _measure(Effort(1, 12, 20_000) if options.quick else Effort(3, 25, 100_000))
    _print(lines)
    if options.check and not all(line.ok for line in lines):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
