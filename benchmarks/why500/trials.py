"""Runs of cases in processes of their own, a few at a time."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.why500.run import OUTCOME, STORE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.why500.case import Case

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
        problem: Why it broke.
    """

    case: Case
    line: str
    seed: int
    folder: Path
    outcome: dict[str, Any]
    problem: str = ""

    @property
    def store(self) -> Path:
        """The telemetry."""
        return self.folder / STORE

    @property
    def counts(self) -> bool:
        """Whether the oracle proved that it happened."""
        return bool(self.outcome.get("happened"))


def run_all(
    plan: Iterable[tuple[Case, str, int]], folder: Path, jobs: int, tell: Callable[[Trial], None]
) -> Iterator[Trial]:
    """Run all of a plan (case, line, seed) and yield the trials in its order."""
    with ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(_try, case, line, seed, folder) for case, line, seed in plan]
        for future in waiting:
            trial = future.result()
            tell(trial)
            yield trial


def _try(case: Case, line: str, seed: int, folder: Path) -> Trial:
    for attempt in range(_ATTEMPTS):
        name = f"{case.id}-{line}-{seed}"
        trial = _run(case, line, seed, f"{seed}.{attempt}" if attempt else str(seed), folder / name)
        if trial.counts:
            break
    return trial


def _run(case: Case, line: str, number: int, seed: str, folder: Path) -> Trial:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "AUTOGEN_OTEL_"))}
    environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **_quick_tls(folder)}
    command = [sys.executable, "-m", "benchmarks.why500.run", case.id, line, seed, str(folder)]
    with (folder / "stderr.log").open("wb") as errors:
        try:
            code = subprocess.run(
                command, stdout=subprocess.DEVNULL, stderr=errors, timeout=_SECONDS, env=environment, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            return Trial(case, line, number, folder, {}, f"took more than {_SECONDS} s")
    outcome = folder / OUTCOME
    if not outcome.exists():
        last = (folder / "stderr.log").read_text(errors="replace").strip().splitlines()[-1:]
        return Trial(case, line, number, folder, {}, f"exit code {code}: {''.join(last)[:300]}")
    return Trial(case, line, number, folder, json.loads(outcome.read_text(encoding="utf-8")))


def _quick_tls(folder: Path) -> dict[str, str]:
    """Let clients read one certificate instead of all, which takes half of the time: no TLS is spoken here."""
    if importlib.util.find_spec("certifi") is None:
        return {}
    end = "-----END CERTIFICATE-----\n"
    one = folder / "certificate.pem"
    one.write_text(Path(importlib.import_module("certifi").where()).read_text(encoding="utf-8").partition(end)[0] + end)
    return {"SSL_CERT_FILE": str(one)}
