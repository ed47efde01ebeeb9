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
_WARM_UP = 3


def templates(line: str) -> list[dict[str, Any]]:
    """Return what everything on opens in one chat."""
    with process(line, ON) as ours:
        found: list[dict[str, Any]] = ours.ask("record", _WARM_UP)
        return found


def take_turns(line: str, found: Sequence[dict[str, Any]], plan: Mapping[str, int], rounds: int) -> dict[str, Rounds]:
    """Run batches of each variant in turn, in fresh processes, and return what each order took.

    Args:
        line: The line of AutoGen.
        found: What the limit has to open.
        plan: How often each order is carried out in one batch.
        rounds: How many batches each variant gets.

    Raises:
        SystemExit: In the end the limit did not do the same work as everything on, so nothing was compared.
    """
    measured: dict[str, Rounds] = {}
    with ExitStack() as stack:
        running = {variant: stack.enter_context(process(line, variant, found)) for variant in VARIANTS}
        for order, times in plan.items():
            for one in running.values():
                one.ask(order, times * _WARM_UP)
            measured[order] = [_round(running, order, times, number) for number in range(rounds)]
        _make_sure_of_equal_work(running[ON], running[LIMIT])
    return measured


def _round(running: Mapping[Variant, Process], order: str, times: int, number: int) -> dict[Variant, float]:
    start = number % len(VARIANTS)
    return {variant: running[variant].ask(order, times) for variant in (*VARIANTS[start:], *VARIANTS[:start])}


def _make_sure_of_equal_work(ours: Process, limit: Process) -> None:
    """Compare each span of one chat, its attributes and its records; asked afterwards, so that nothing has given up."""
    ours_did, limit_did = ([Opened(**opened).size for opened in one.ask("record", _WARM_UP)] for one in (ours, limit))
    if ours_did != limit_did:
        raise SystemExit(f"the limit did not do the same work:\n{ours_did}\n{limit_did}")
