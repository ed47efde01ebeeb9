"""The demo: every case broken and fixed on every line, one `instrument()` for all, and a report of both sides."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from autogen_otel.core.settings import Settings
from autogen_otel.demo import cases, lines
from autogen_otel.demo.exhibits import exhibits_of
from autogen_otel.demo.farewell import show_places
from autogen_otel.demo.recorded import Witness
from autogen_otel.demo.report import problems_of, show_case, show_outcomes
from autogen_otel.demo.screen import Screen, screen
from autogen_otel.demo.surroundings import prepare_environment, quiet, silent_endpoint
from autogen_otel.demo.texts import enumerated
from autogen_otel.demo.trial import run_broken, run_fixed
from autogen_otel.instrument import instrument, uninstrument
from autogen_otel.operations.listeners import listeners
from autogen_otel.telemetry.log_setup import configure_logging

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.cases import Case
    from autogen_otel.demo.trial import Trial

_UNUSABLE: Final = 2
_STORE: Final = "store"
_LOG: Final = "demo.log.jsonl"
_INSTALL: Final = "pip install 'autogen-otel[demo]'"


class Outcome(NamedTuple):
    """What came of a case.

    Attributes:
        case: The case.
        broken: Served in the way that fails; None where this system cannot show it.
        fixed: Served in the other way; likewise.
        problems: What is wrong with that.
    """

    case: Case
    broken: Trial | None = None
    fixed: Trial | None = None
    problems: Sequence[str] = ()


def main(names: Sequence[str] = (), out: Path | None = None, wanted: Sequence[str] = ()) -> int:
    """Run the demo. It sets up logging and telemetry for the whole process, as a program does.

    Args:
        names: Names out of `cases.NAMES`; all if none is given.
        out: The folder for the log file and the store, without an earlier run in it; a new temporary one if not given.
        wanted: Names out of `lines.NAMES`; all that are installed if none is given.

    Returns:
        The exit status: 0; 1 when a broken case showed no fault, or none that the telemetry explains, or a fixed case
        showed one; 2 when it cannot run.
    """
    here = screen(sys.stdout)
    prepare_environment()
    names = names or cases.NAMES
    installed = [line for line in lines.NAMES if not lines.missing(line)]
    wanted = wanted or installed
    obstacle = _obstacle(names, wanted, installed, out)
    if obstacle:
        here.verbatim(obstacle)
        return _UNUSABLE
    folder = out.absolute() if out else Path(tempfile.mkdtemp(prefix="autogen-otel-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    here.verbatim(
        "Real AutoGen agents, real HTTP, a scripted model provider on this machine: each case broken, then fixed."
    )
    for line in wanted:
        here.verbatim(f"  {line:<9}  {lines.title(line)}")
    return _run(here, [cases.load(line, name) for line in wanted for name in names], folder / _STORE, folder / _LOG)


def _obstacle(names: Sequence[str], wanted: Sequence[str], installed: Sequence[str], out: Path | None) -> str | None:
    """Return why the demo cannot run, and what to do."""
    for kind, given, known in (("case", names, cases.NAMES), ("line", wanted, lines.NAMES)):
        unknown = [name for name in given if name not in known]
        if unknown:
            return f"There is no {kind} {', '.join(unknown)}; there are {', '.join(known)}."
    if not installed:
        return f"The demo needs an AutoGen: {_INSTALL}"
    absent = [line for line in wanted if line not in installed]
    if absent:
        return f"{enumerated(absent)} cannot run without {enumerated(lines.missing(absent[0]), 9)}: {_INSTALL}"
    if out and (out / _LOG).exists():
        return f"There is an earlier run in {out}: choose another folder, for each run has the same request IDs."
    endpoint = silent_endpoint()
    if endpoint:
        return (
            f"Nothing listens at {endpoint}: start a Collector or Jaeger there, or unset OTEL_EXPORTER_OTLP_ENDPOINT."
        )
    return None


def _run(here: Screen, chosen: Sequence[Case], store: Path, log: Path) -> int:
    configure_logging(log)
    witness = Witness()
    instrument(replace(Settings.from_env(), store=store, log_level="INFO", disabled=False))
    listeners.add(witness)
    try:
        outcomes = [_run_case(here, case, log, witness) for case in chosen]
    finally:
        listeners.remove(witness)
        uninstrument()
    problems = [f"{one.case.line}, {one.case.name}: {problem}" for one in outcomes for problem in one.problems]
    came_out = [(one.case, one.broken, one.fixed) for one in outcomes if one.broken and one.fixed]
    if came_out:
        show_outcomes(here, came_out)
    shown = [
        exhibits_of(one.broken)[0].answer.question.request_id for one in outcomes if one.broken and one.broken.wrong
    ]
    if shown and not show_places(here, store, log, shown):
        problems.append("no spans were written")
    here.verbatim("")
    for problem in problems:
        here.field("PROBLEM", problem, "bold red")
    return 1 if problems else 0


def _run_case(here: Screen, case: Case, log: Path, witness: Witness) -> Outcome:
    """Run one case and show it."""
    if not case.available:
        here.heading(f"{case.line}, {case.name}: {case.title}")
        here.field("Skipped", "this system has no fork")
        return Outcome(case)
    with here.busy(f"{case.line}, {case.name}, broken"), quiet():
        broken = run_broken(case, log, witness)
    with here.busy(f"{case.line}, {case.name}, fixed"), quiet():
        fixed = run_fixed(case, log, witness)
    show_case(here, case, broken, fixed)
    return Outcome(case, broken, fixed, problems_of(broken, fixed))
