"""Interleaved runs: in each round every variant runs one batch, and each round starts with another variant."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeAlias

from benchmarks.recording import Opened
from benchmarks.workers import LIMIT, ON, VARIANTS, Process, process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.workers import Variant

# The microseconds of one call, by variant, of each round.
Rounds: TypeAlias = "list[dict[Variant, float]]"


def templates() -> list[dict[str, Any]]:
    """Return what everything on opens in one chat, after making sure that the limit opens exactly as much.

    Raises:
        SystemExit: It does not, so there is nothing to compare.
    """
    with process(ON) as ours:
        found: list[dict[str, Any]] = ours.ask("record", 3)
    with process(LIMIT, found) as limit:
        by_hand: list[dict[str, Any]] = limit.ask("record", 3)
    ours_sizes = [Opened(**opened).size for opened in found]
    limit_sizes = [Opened(**opened).size for opened in by_hand]
    if ours_sizes != limit_sizes:
        raise SystemExit(f"the limit does not do the same work:\n{ours_sizes}\n{limit_sizes}")
    return found


def take_turns(found: Sequence[dict[str, Any]], plan: Mapping[str, int], rounds: int) -> dict[str, Rounds]:
    """Run batches of each variant in turn, in fresh processes, and return what each order took.

    Args:
        found: What the limit has to open.
        plan: How often each order is carried out in one batch.
        rounds: How many batches each variant gets.
    """
    measured: dict[str, Rounds] = {order: [] for order in plan}
    with ExitStack() as stack:
        running = {variant: stack.enter_context(process(variant, found)) for variant in VARIANTS}
        for order, times in plan.items():
            for one in running.values():
                one.ask(order, times * 3)
            measured[order] = [_round(running, order, times, number) for number in range(rounds)]
    return measured


def _round(running: Mapping[Variant, Process], order: str, times: int, number: int) -> dict[Variant, float]:
    start = number % len(VARIANTS)
    return {variant: running[variant].ask(order, times) for variant in (*VARIANTS[start:], *VARIANTS[:start])}
