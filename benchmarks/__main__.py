"""`python -m benchmarks`: measure, and print a table for each line of AutoGen."""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.table import Table

from autogen_otel.demo.lines import missing
from benchmarks import figures
from benchmarks.hosts import DISTRIBUTIONS, LINES, PLANS
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


def _speed(line: str, effort: Effort) -> list[figures.Figure]:
    found, plan = templates(line), PLANS[line]
    measured: dict[str, Rounds] = {order: [] for order in plan}
    for _ in range(effort.generations):
        for order, rounds in take_turns(line, found, plan, effort.rounds).items():
            measured[order] += rounds
    return figures.speed(measured, figures.GOALS[line])


def _costs_of_faults(effort: Effort) -> list[figures.Figure]:
    """Measure what is the same for all lines, on the first one."""
    with process(LINES[0], ON) as ours:
        captured = ours.ask("capture", 300)
        left = ours.ask("memory", effort.calls)
    return [*figures.faults(captured), *figures.memory(left, effort.calls)]


def _print(line: str, found: list[figures.Figure], *, markdown: bool) -> None:
    versions = ", ".join(f"{name} {version(name)}" for name in (DISTRIBUTIONS[line], "openai", "opentelemetry-sdk"))
    title = f"Python {platform.python_version()}, {versions}"
    header = ("what", "median", "quartiles", "goal", "")
    if markdown:
        rows = [header, ["---"] * len(header), *(figure.cells for figure in found)]
        print(title, "", *(f"| {' | '.join(row)} |" for row in rows), "", sep="\n", flush=True)
        return
    table = Table(*header)
    for figure in found:
        table.add_row(*figure.cells, style=None if figure.ok else "red")
    console = Console()
    console.print(table)
    console.print(title, style="dim")


def main() -> None:
    """Run the benchmark; with `--check` a missed goal is exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the time, and less exact")
    parser.add_argument(
        "--line", action="append", choices=LINES, help="repeatable; all that are installed if not given"
    )
    parser.add_argument("--markdown", action="store_true", help="print tables as they stand in README.md")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a goal is missed")
    options = parser.parse_args()
    effort = Effort(1, 12, 20_000) if options.quick else Effort(3, 25, 100_000)
    everything: list[figures.Figure] = []
    for line in options.line or [line for line in LINES if not missing(line)]:
        found = _speed(line, effort)
        if line == LINES[0]:
            found += _costs_of_faults(effort)
        _print(line, found, markdown=options.markdown)
        everything += found
    if options.check and not all(figure.ok for figure in everything):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
