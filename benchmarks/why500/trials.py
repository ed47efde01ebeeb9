"""Runs of cases in processes of their own, a few at a time."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from benchmarks.why500 import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from benchmarks.why500.case import Case
    from benchmarks.why500.conditions import Condition

_SECONDS: Final = 75
# A race may be won by chance, but hardly three times.
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """One run.

    Attributes:
        case: What was run.
        line: On which AutoGen line.
        seed: With which seed.
        folder: Where everything that it left is.
        outcome: What the oracle says and what the clients got; empty when the run broke.
        diagnosis: What `autogen-otel diagnose --json` has answered; empty when the run does not count.
        problem: Why it broke.
    """

    case: Case
    line: str
    seed: int
    folder: Path
    outcome: dict[str, Any]
    diagnosis: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def store(self) -> Path:
        """The telemetry."""
        return self.folder / run.STORE

    @property
    def counts(self) -> bool:
        """Whether the oracle proved that it happened."""
        return bool(self.outcome.get("happened"))


def run_all(plan: Iterable[tuple[Case, str, int]], folder: Path, jobs: int, condition: Condition) -> Iterator[Trial]:
    """Run all of a plan (case, line, seed) and yield the trials in its order."""
    for name in [name for name in os.environ if name.startswith(("OTEL_", "AUTOGEN_OTEL_"))]:
        del os.environ[name]
    processes = multiprocessing.get_context("forkserver")
    # To import AutoGen takes twice as long as to serve a case.
    processes.set_forkserver_preload([f"{__package__}.warm"])

    def in_process(work: Callable[..., None], *args: Any) -> bool:
        process = processes.Process(target=work, args=args)
        process.start()
        process.join(_SECONDS)
        ended = not process.is_alive()
        process.kill()
        process.join()
        return ended

    def attempt(case: Case, line: str, number: int, seed: str) -> Trial:
        place = folder / f"{case.id}-{line}-{number}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        ended = in_process(run.serve, case.id, line, seed, place, condition)
        outcome = _read(place / run.OUTCOME)
        if not outcome:
            return Trial(case, line, number, place, {}, problem=_last_words(place) if ended else "took too long")
        if outcome["happened"]:
            in_process(run.diagnose, place, condition)
        return Trial(case, line, number, place, outcome, _read(place / run.DIAGNOSIS))

    def trial(case: Case, line: str, seed: int) -> Trial:
        for again in range(_ATTEMPTS):
            found = attempt(case, line, seed, f"{seed}.{again}" if again else str(seed))
            if found.counts:
                break
        return found

    with ThreadPoolExecutor(jobs) as pool:
        for future in [pool.submit(trial, *planned) for planned in plan]:
            yield future.result()


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return found


def _last_words(folder: Path) -> str:
    errors = folder / run.ERRORS
    lines = errors.read_text(errors="replace").strip().splitlines() if errors.exists() else []
    return f"broke: {''.join(lines[-1:])[:300]}"
