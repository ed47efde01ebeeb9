"""AutoGen itself fails.

Symptom: An exception out of AutoGen's own files, with nothing below it that failed first; a team that was fine once
raises on each later run, or stops after one message; a failure of a nested chat arrives as an ordinary message; an
answer that never comes, or that is another request's.

Cause: AutoGen was left half-way by an earlier error or by a cancellation, is used in a way that it does not check, or
has made a text of what failed inside it.

Fix: Build a team or a group chat anew after it has failed, or reset it (`await team.reset()` in autogen_agentchat).
Look up the raising line in AutoGen's own issues, with the version that `autogen-otel doctor` prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_otel.core.causes import Cause, Finding
from autogen_otel.core.facts import FaultKind, Kind
from autogen_otel.detectors.exceptions import in_words, raised_in_autogen, short_place
from autogen_otel.detectors.findings import blame_for, call_of, seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.detectors.findings import Explained
    from autogen_otel.detectors.request_facts import RequestFacts
    from autogen_otel.detectors.world import World


def find(request: RequestFacts, world: World, explained: Explained) -> Iterator[Finding]:  # noqa: ARG001
    """Find exceptions of AutoGen's own."""
    for failure in request.unrecovered():
        fault, operation = failure.fault, failure.operation
        if fault in explained or operation.kind in {Kind.TOOL, Kind.CODE}:
            continue
        if fault.kind is FaultKind.BROKEN:
            explained.add(fault)
            summary = f"AutoGen raised nothing in {call_of(operation)}, but {fault.message} ({fault.type})."
            yield Finding(Cause.FRAMEWORK, "broken", summary, True, (seen(fault),), blame_for(fault, operation))
            continue
        if not raised_in_autogen(fault):
            continue
        explained.add(fault)
        end = "" if fault is request.fatal else "; it made a text of that and went on"
        yield Finding(
            Cause.FRAMEWORK,
            "raised" if fault is request.fatal else "turned_into_text",
            f"AutoGen raised{short_place(fault)} in {call_of(operation)} ({in_words(fault)}){end}.",
            True,
            (seen(fault),),
            blame_for(fault, operation),
        )
