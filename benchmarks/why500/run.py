"""One case, served once in a process of its own, and the diagnosis of what it leaves.

Writes `outcome.json`, what the oracle says and what the clients got, beside the local store with the telemetry.
"""

from __future__ import annotations

import faulthandler
import importlib
import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing import NoReturn

    from benchmarks.why500.app import App
    from benchmarks.why500.case import Case, Proof
    from benchmarks.why500.conditions import Condition

_SECONDS: Final = 55
STORE: Final = "store"
OUTCOME: Final = "outcome.json"
DIAGNOSIS: Final = "diagnosis.json"
ERRORS: Final = "stderr.log"


def serve(case_id: str, line_name: str, seed: str, folder: Path, condition: Condition) -> NoReturn:
    """Serve, ask the oracle, and write down both."""
    _in(folder)
    faulthandler.dump_traceback_later(_SECONDS, exit=True)
    condition.before()
    from autogen_otel import instrument, uninstrument
    from autogen_otel.core.settings import Settings
    from autogen_otel.demo.provider import Provider
    from benchmarks.why500 import case as cases
    from benchmarks.why500 import lines
    from benchmarks.why500.app import App

    case = cases.load(case_id)
    app = App(lines.load(line_name), f"{case_id}/{line_name}/{seed}", folder, hold_out=case.hold_out)
    instrument(Settings(store=folder / STORE))
    started = time.monotonic()
    with Provider(case.script(app)) as app.provider:
        app.provider_url = app.provider.base_url
        case.serve(app)
        seconds = time.monotonic() - started
        uninstrument()
        proof = case.proof(app)
    (folder / OUTCOME).write_text(json.dumps(_outcome(case, app, proof, seconds)), encoding="utf-8")
    _exit()


def diagnose(folder: Path, condition: Condition) -> NoReturn:
    """Write what `autogen-otel diagnose --json` says of the telemetry."""
    _in(folder)
    condition.after(folder / STORE)
    from autogen_otel.cli import main

    sys.argv = ["autogen-otel", "diagnose", str(folder / STORE), "--json"]
    with (folder / DIAGNOSIS).open("w", encoding="utf-8") as sys.stdout:
        main()
    _exit()


def _in(folder: Path) -> None:
    """Let a process write its complaints into a folder, and be quick."""
    with (folder / ERRORS).open("ab") as errors:
        os.dup2(errors.fileno(), 2)
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115 - it is this process's for good
    # AutoGen prints; nobody reads it.
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - likewise
    os.environ.update({"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **_quick_tls(folder)})


def _exit() -> NoReturn:
    # Clients of AutoGen that nobody closed may hold the exit up.
    sys.stderr.flush()
    os._exit(0)


def _quick_tls(folder: Path) -> dict[str, str]:
    """Let clients read one certificate instead of all, which takes half of the time: no TLS is spoken here."""
    if importlib.util.find_spec("certifi") is None:
        return {}
    end = "-----END CERTIFICATE-----\n"
    one = folder / "certificate.pem"
    one.write_text(Path(importlib.import_module("certifi").where()).read_text(encoding="utf-8").partition(end)[0] + end)
    return {"SSL_CERT_FILE": str(one)}


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
