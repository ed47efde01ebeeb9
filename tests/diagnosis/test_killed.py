"""What a process leaves that was killed in the middle of its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from autogen_otel.core.facts import Outcome
from autogen_otel.diagnosis.diagnosis import diagnose
from autogen_otel.diagnosis.gathering import gather

KILLED = """
    import os, signal
    import autogen_otel

    instrumented = autogen_otel.instrument()
    with autogen_otel.request("req-well"):
        pass
    with autogen_otel.request("req-killed"):
        instrumented.flush()
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_is_seen_and_not_explained(tmp_path: Path):
    """The request in which it was killed has no end and no cause, and the one before is well."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED)],
        env={**kept, "AUTOGEN_OTEL_STORE": str(tmp_path)},
        timeout=60,
        check=False,
    )
    # As a disk that was full, or a kill between two writes, would leave it.
    newest = max(tmp_path.glob("logs*"), key=lambda file: file.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes() + b'{"resourceLogs": [{"scopeLogs"')

    problems: list[object] = []
    found = diagnose(gather(tmp_path, since_ns=0, on_problem=problems.append))
    told = {one.request_id: (one.outcome, one.verdict) for one in found.requests}
    assert (ran.returncode, len(problems), told) == (
        -signal.SIGKILL,
        1,
        {"req-well": (Outcome.OK, None), "req-killed": (None, None)},
    )
