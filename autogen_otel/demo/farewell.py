"""The end of the report: where spans and logs lie, and how to look at them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autogen_otel.demo.places import short
from autogen_otel.telemetry.exporters import TRACES, endpoint_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autogen_otel.demo.screen import Screen

_SHOWN: Final = 5


def show_places(screen: Screen, store: Path, log: Path, request_ids: Sequence[str]) -> bool:
    """Show where everything is, with one command for each of the request IDs; False when there are no spans."""
    screen.heading("Where spans and logs are")
    stored = sorted(store.glob("traces-*.jsonl"))
    endpoint = endpoint_of(TRACES)
    if stored:
        screen.field("spans", str(store))
    elif endpoint:
        screen.field("spans", f"sent to {endpoint}")
    screen.field("logs", str(log))
    if stored:
        trees = [f"{_program()} show {one} {short(store)}" for one in request_ids[:_SHOWN]]
        _commands(screen, "Why all of them failed", [f"{_program()} diagnose {short(store)}"])
        _commands(screen, "A request as a tree", [*trees, f"{_program()} requests --failed {short(store)}    # others"])
    _commands(screen, "Its log lines", [f'grep \'"request_id": "{request_ids[0]}"\' {short(log)}'])
    if stored:
        jaeger = [
            "docker compose -f collector/compose.yaml up --detach    # then http://localhost:16686",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://localhost:4318/v1/traces make demo",
            f"# or without running the demo again: tab Upload, file {short(stored[0])}",
        ]
    else:
        jaeger = [
            f"# on its page, port 16686 as a rule: service autogen-otel-demo, tags autogen.request.id={request_ids[0]}",
            f"{_program()} diagnose --jaeger http://localhost:16686 --service autogen-otel-demo",
        ]
    _commands(screen, "In Jaeger", jaeger)
    return bool(stored or endpoint)


def _commands(screen: Screen, title: str, commands: Sequence[str]) -> None:
    screen.verbatim(f"\n{title}:")
    for command in commands:
        screen.verbatim(f"  {command}")


def _program() -> str:
    """Return how to call the command line program: by its path when it is not on PATH."""
    beside = Path(sys.executable).with_name("autogen-otel")
    return "autogen-otel" if shutil.which("autogen-otel") or not beside.exists() else short(beside)
