"""The measured processes, and how they take turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ENVIRONMENT: Final = {
    "AUTOGEN_OTEL_LOG_LEVEL": "WARNING",
    "PYTHONHASHSEED": "0",
}


@dataclass(frozen=True, slots=True)
class Variant:
    """What is measured against what.

    Attributes:
        name: In the tables.
        instrumentation: `none`, `ours` or `limit`.
        sampled: Whether the application's sampler takes every trace, or none.
    """

    name: str
    instrumentation: str
    sampled: bool = True


NONE: Final = Variant("uninstrumented", "none")
ON: Final = Variant("everything on", "ours")
LIMIT: Final = Variant("the limit", "limit")
OFF: Final = Variant("sampling off", "ours", sampled=False)
LIMIT_OFF: Final = Variant("the limit, sampling off", "limit", sampled=False)
VARIANTS: Final = (NONE, ON, LIMIT, OFF, LIMIT_OFF)


class Process:
    """A worker process, pinned to the last core; only one of them works at a time."""

    def __init__(self, line: str, variant: Variant, templates: Sequence[dict[str, Any]] = ()) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **_ENVIRONMENT},
        )
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self._process.pid, {max(os.sched_getaffinity(0))})
        self._write(
            {
                "line": line,
                "instrumentation": variant.instrumentation,
                "sampled": variant.sampled,
                "templates": list(templates),
            }
        )

    def ask(self, order: str, times: int) -> Any:
        """Give an order and wait for the answer."""
        self._write([order, times])
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"a worker died with exit code {self._process.wait()}")
        return json.loads(answer)

    def stop(self) -> None:
        """End it; it has nothing to save."""
        self._process.kill()
        self._process.communicate()

    def _write(self, line: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(line)}\n")
        self._process.stdin.flush()


@contextmanager
def process(line: str, variant: Variant, templates: Sequence[dict[str, Any]] = ()) -> Iterator[Process]:
    """Start a worker process and stop it at the end."""
    started = Process(line, variant, templates)
    try:
        yield started
    finally:
        started.stop()
