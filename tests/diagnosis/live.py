"""What programs conclude while they run: requests of each line of AutoGen that fail in different ways."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import autogen_otel
from autogen_otel.operations.listeners import Listener, listeners
from autogen_otel.telemetry.spans import Spans

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
POLICIES: dict[str, str] = {"p1": "roof"}


class Verdicts(Listener):
    """Writes each verdict into a file, with the IDs of spans in place of the numbers of operations."""

    def __init__(self, file: str) -> None:
        # In one piece each: threads and forked children write too.
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        (self._spans,) = (one for one in listeners._all if isinstance(one, Spans))
        self._ids: dict[int, str] = {}

    def started(self, operation: Any) -> None:
        context = self._spans.context_of(operation.id)
        # AutoGen makes the spans of its own messages, which are no operations of ours.
        self._ids[operation.id] = "" if context is None else f"{context.span_id:016x}"

    def concluded(self, operation: Any, verdict: Any) -> None:
        line = json.dumps(as_data(verdict, self._ids.__getitem__)) + "\n"
        os.write(self._file, line.encode())


def as_data(verdict: Any, span_id: Any) -> dict[str, Any]:
    """Return a verdict as JSON has it."""
    return {
        "request": verdict.request_id,
        "span": span_id(verdict.operation_id),
        "failed": verdict.failed,
        "findings": [
            {
                "cause": finding.cause.value,
                "detail": finding.detail,
                "summary": finding.summary,
                "certain": finding.certain,
                "evidence": [[span_id(one.operation_id), one.fault_id, one.says] for one in finding.evidence],
                "blame": dict(finding.blame),
            }
            for finding in verdict.findings
        ],
    }


def tell_of(requests: Callable[[], None]) -> None:
    """Make requests, and write the verdicts that are reached meanwhile into the file that the first argument names."""
    instrumentation = autogen_otel.instrument()
    listeners.add(Verdicts(sys.argv[1]))
    importlib.import_module("openai")._base_client.INITIAL_RETRY_DELAY = 0.0
    requests()
    instrumentation.flush()


def in_child(request: Callable[[], None]) -> None:
    """Make a request in a forked child, and wait for that."""
    pid = os.fork()
    if pid == 0:
        request()
        autogen_otel.instrument().flush()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def run(line: str, verdicts: Path, **environment: str) -> dict[str, Any]:
    """Run the requests of a line in a process of their own, and return the verdicts by request."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "AUTOGEN_OTEL_"))}
    ran = subprocess.run(
        [sys.executable, str(HERE / f"mixed_{line}.py"), str(verdicts)],
        env={**kept, "PYTHONPATH": str(HERE.parent), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    told = map(json.loads, verdicts.read_text().splitlines())
    return {one["request"]: one for one in told}


def lookup_policy(policy_id: str) -> str:
    """Look up a policy."""
    return POLICIES[policy_id]
