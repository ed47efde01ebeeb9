"""One case, served once in a process of its own: `python -m benchmarks.why500.run CASE LINE SEED FOLDER`.

Writes `outcome.json`, what the oracle says and what the clients got, beside the local store with the telemetry.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from benchmarks.why500.app import App
    from benchmarks.why500.case import Case, Proof

_SECONDS: Final = 55
STORE: Final = "store"
OUTCOME: Final = "outcome.json"


def main(case_id: str, line_name: str, seed: str, folder: Path) -> None:
    """Serve, ask the oracle, and write down both."""
    faulthandler.dump_traceback_later(_SECONDS, exit=True)
    from autogen_otel import instrument, uninstrument
    from autogen_otel.core.settings import Settings
    from autogen_otel.demo.provider import Provider
    from benchmarks.why500 import case as cases
    from benchmarks.why500 import lines
    from benchmarks.why500.app import App

    case = cases.load(case_id)
    app = App(lines.load(line_name), f"{case_id}/{line_name}/{seed}", folder)
    instrument(Settings(store=folder / STORE))
    started = time.monotonic()
    with Provider(case.script(app)) as app.provider:
        app.provider_url = app.provider.base_url
        case.serve(app)
        seconds = time.monotonic() - started
        uninstrument()
        proof = case.proof(app)
    (folder / OUTCOME).write_text(json.dumps(_outcome(case, app, proof, seconds)), encoding="utf-8")


def _outcome(case: Case, app: App, proof: Proof, seconds: float) -> dict[str, Any]:
    return {
        "case": case.id,
        "line": app.line.name,
        "happened": proof.happened,
        "says": proof.says,
        "hit": sorted(proof.hit),
        "touched": sorted(proof.touched | proof.hit),
        "seconds": round(seconds, 2),
        "agents": [*app.words.agents, app.words.user],
        "tools": sorted(app.used_tools),
        "port": int(app.provider_url.rsplit(":", 1)[1].split("/")[0]),
        "pids": [os.getpid(), *app.pids],
        "answers": [_answer(answer) for answer in app.answers],
    }


def _answer(answer: Any) -> dict[str, Any]:
    error = answer.error._asdict() if answer.error else None
    return {"id": answer.question.id, "status": answer.status, "text": answer.text[:500], "error": error}


if __name__ == "__main__":
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - AutoGen prints; nobody reads it
    main(*sys.argv[1:4], Path(sys.argv[4]))
    # Clients of AutoGen that nobody closed may hold the exit up.
    sys.stderr.flush()
    os._exit(0)
