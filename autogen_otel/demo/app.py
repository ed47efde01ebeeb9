"""The demo: every case broken and fixed, one `instrument()` for all, and a report of both sides."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autogen_otel.core.settings import Settings
from autogen_otel.demo.cases import NAMES, load
from autogen_otel.demo.exhibits import exhibits_of
from autogen_otel.demo.farewell import show_places
from autogen_otel.demo.recorded import Replies
from autogen_otel.demo.report import problems_of, show_case
from autogen_otel.demo.screen import Screen, screen
from autogen_otel.demo.surroundings import prepare_environment, quiet, silent_endpoint
from autogen_otel.demo.trial import run_broken, run_fixed
from autogen_otel.instrument import instrument, uninstrument
from autogen_otel.operations.listeners import listeners
from autogen_otel.telemetry.log_setup import configure_logging

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNUSABLE: Final = 2
_STORE: Final = "store"
_LOG: Final = "demo.log.jsonl"


def main(cases: list[str] | None = None, out: Path | None = None) -> int:
    """Run the demo. It sets up logging and telemetry for the whole process, as a program does.

    Args:
        cases: Names out of `cases.NAMES`; all if not given.
        out: The folder for the log file and the store, without an earlier run in it; a new temporary one if not given.

    Returns:
        The exit status: 0; 1 when a broken case showed no fault, or none that the telemetry explains, or a fixed case
        showed one; 2 when it cannot run.
    """
    here = screen(sys.stdout)
    prepare_environment()
    names = cases or NAMES
    obstacle = _obstacle(names, out)
    if obstacle:
        here.verbatim(obstacle)
        return _UNUSABLE
    folder = out.absolute() if out else Path(tempfile.mkdtemp(prefix="autogen-otel-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    here.verbatim(
        "Real AutoGen agents, real HTTP, a scripted model provider on this machine: each case broken, then fixed."
    )
    return _run(here, names, folder / _STORE, folder / _LOG)


def _obstacle(names: Sequence[str], out: Path | None) -> str | None:
    """Return why the demo cannot run, and what to do."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        return f"There is no case {', '.join(unknown)}; there are {', '.join(NAMES)}."
    if importlib.util.find_spec("autogen") is None:
        return "The demo needs classic AutoGen: pip install 'autogen-otel[demo]'"
    if out and (out / _LOG).exists():
        return f"There is an earlier run in {out}: choose another folder, for each run has the same request IDs."
    endpoint = silent_endpoint()
    if endpoint:
        return (
            f"Nothing listens at {endpoint}: start a Collector or Jaeger there, or unset OTEL_EXPORTER_OTLP_ENDPOINT."
        )
    return None


def _run(here: Screen, names: Sequence[str], store: Path, log: Path) -> int:
    configure_logging(log)
    replies = Replies()
    instrument(replace(Settings.from_env(), store=store, log_level="INFO", disabled=False))
    listeners.add(replies)
    try:
        results = [_run_case(here, name, log, replies) for name in names]
    finally:
        listeners.remove(replies)
        uninstrument()
    shown = [request_id for request_id, _ in results if request_id]
    problems = [problem for _, found in results for problem in found]
    if shown and not show_places(here, store, log, shown):
        problems.append("no spans were written")
    here.verbatim("")
    for problem in problems:
        here.field("PROBLEM", problem, "bold red")
    return 1 if problems else 0


def _run_case(here: Screen, name: str, log: Path, replies: Replies) -> tuple[str | None, list[str]]:
    """Run one case and show it; return the ID of a request that failed in it, and what is wrong with the outcome."""
    case = load(name)
    if not case.available:
        here.heading(f"{case.name}: {case.title}")
        here.field("Skipped", "this system has no fork")
        return None, []
    with here.busy(f"{name}, broken"), quiet():
        broken = run_broken(case, log, replies)
    with here.busy(f"{name}, fixed"), quiet():
        fixed = run_fixed(case, log, replies)
    show_case(here, case, broken, fixed)
    exhibits = exhibits_of(broken)
    problems = [f"{name}: {problem}" for problem in problems_of(broken, fixed)]
    return exhibits[0].answer.question.request_id if exhibits else None, problems
