"""For tests of an application: what AutoGen hides fails the test, and so does what two requests share.

    def test_policy_is_found(autogen_faults):
        ...

A tool that raises does not fail a test by itself, for AutoGen answers on with a text; and a test rarely asks whether an
answer belongs to the right request.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from autogen_otel.core.causes import Cause
from autogen_otel.core.settings import Settings
from autogen_otel.instrument import instrument, is_instrumented, uninstrument
from autogen_otel.operations.listeners import Listener, listeners

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from autogen_otel.core.causes import Finding, Verdict
    from autogen_otel.core.facts import Fault, Operation, Settled


class AutogenFaults(Listener):
    """What was hidden in a test.

    Attributes:
        masked: The exceptions on which AutoGen answered.
        shared: For each request that shared state, its ID and what was found.
    """

    def __init__(self) -> None:
        self.masked: list[Fault] = []
        self.shared: list[tuple[str, Finding]] = []
        self._allowed: set[str] = set()

    def allow(self, *expected: type[BaseException] | str) -> None:
        """Let through what the test provokes.

        Args:
            expected: Exceptions, by class or by the name of their class; or `shared_state`.
        """
        self._allowed.update(one if isinstance(one, str) else one.__name__ for one in expected)

    def settled(self, fact: Settled) -> None:
        """Keep an exception on which AutoGen answered."""
        if fact.masked:
            self.masked.append(fact.fault)

    def concluded(self, operation: Operation, verdict: Verdict) -> None:
        """Keep what a request shared."""
        self.shared += [
            (operation.request_id, finding) for finding in verdict.findings if finding.cause is Cause.SHARED_STATE
        ]

    def report(self) -> str:
        """Return what is to be told of the test; nothing if it was well, or all of it was allowed."""
        masked = [fault for fault in self.masked if fault.type.rpartition(".")[2] not in self._allowed]
        shared = [] if Cause.SHARED_STATE.value in self._allowed else self.shared
        parts = []
        if masked:
            parts.append(f"AutoGen made a text of {_number(masked, 'exception')}:")
            parts += [_masked(fault) for fault in masked]
        if shared:
            parts.append(f"State was shared between requests ({_number(shared, 'finding')}):")
            parts += [_shared(request_id, finding) for request_id, finding in shared]
        return "\n".join(parts)


@contextmanager
def collecting(folders: pytest.TempPathFactory) -> Iterator[AutogenFaults]:
    """Collect what is hidden meanwhile; instrument as long as it takes, if the application has not done so.

    Args:
        folders: Makes the folder for the telemetry, which is not to be mixed with that of real requests.
    """
    ours = not is_instrumented()
    if ours:
        instrument(replace(Settings.from_env(), store=folders.mktemp("autogen-otel")))
    faults = AutogenFaults()
    listeners.add(faults)
    try:
        yield faults
    finally:
        listeners.remove(faults)
        if ours:
            uninstrument()


def _masked(fault: Fault) -> str:
    frame = fault.raised_at
    lines = [f"  {fault.type}: {fault.message}"]
    if frame is not None:
        lines += [f"    at {frame.file}:{frame.line} in {frame.function}", f"      {frame.source}"]
    lines.append(f"    tool {fault.tool_name}, agent {fault.agent_name}, request {fault.request_id}, fault {fault.id}")
    return "\n".join(lines)


def _shared(request_id: str, finding: Finding) -> str:
    evidence = [f"    {one.says}" for one in finding.evidence]
    return "\n".join([f"  request {request_id}: {finding.summary}", *evidence])


def _number(things: list[Fault] | list[tuple[str, Finding]], noun: str) -> str:
    return f"{len(things)} {noun}{'s' if len(things) > 1 else ''}"
