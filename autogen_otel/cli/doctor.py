"""`autogen-otel doctor`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from rich.text import Text

from autogen_otel.cli import check_autogen, check_environment, check_telemetry
from autogen_otel.cli.check import Finding, Level
from autogen_otel.cli.reading import console
from autogen_otel.diagnosis.lines import heading, joined, show
from autogen_otel.diagnosis.words import count, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

CHECKS: Final[dict[str, Callable[[], Iterator[Finding]]]] = {
    "autogen": check_autogen.autogen,
    "patches": check_autogen.patches,
    "telemetry": check_telemetry.telemetry,
    "environment": check_environment.environment,
    "versions": check_environment.versions,
}
_STYLES: Final = {Level.OK: "green", Level.NOTE: "dim", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}


def doctor(*, as_json: bool, verbose: bool) -> int:
    """Print what was found; return 1 if something is lost, else 0.

    With `--json` it is one object: `healthy` (whether there is no problem) and `findings`, each with `topic`, `level`
    (`ok`, `note`, `warning`, `problem`), `text` and `fix`.
    """
    findings = [finding for check in CHECKS.values() for finding in check()]
    problems = [finding for finding in findings if finding.level is Level.PROBLEM]
    if as_json:
        keys = ("topic", "level", "text", "fix")
        listed = [{key: getattr(finding, key) for key in keys} for finding in findings]
        print(json.dumps({"healthy": not problems, "findings": listed}, indent=2))
    else:
        _print(console(), findings, len(problems), verbose=verbose)
    return 1 if problems else 0


def _print(out: Console, findings: list[Finding], problems: int, *, verbose: bool) -> None:
    for topic in CHECKS:
        shown = [one for one in findings if one.topic == topic and (verbose or not one.detail)]
        if not shown:
            continue
        heading(out, "AutoGen" if topic == "autogen" else topic.capitalize())
        for finding in shown:
            level = finding.level
            first = joined(Text("  "), Text(f"{level.value:<9}", style=_STYLES[level]))
            show(out, Text(plain(finding.text)), first)
            if finding.fix:
                show(out, Text(f"-> {plain(finding.fix)}", style="cyan"), Text(" " * 11))
    warnings = sum(finding.level is Level.WARNING for finding in findings)
    out.print()
    verdict = f"{count(problems, 'problem')}, {count(warnings, 'warning')}" if problems or warnings else "all is well"
    show(out, Text(verdict, style="bold red" if problems else "yellow" if warnings else "bold green"))
