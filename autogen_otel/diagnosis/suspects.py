"""Which line of code a cause points to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from autogen_otel.faults.frames import is_application

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.core.facts import Fault, Frame
    from autogen_otel.diagnosis.seen import Group, Seen

# What stands before the name of a package, installed or of Python itself.
PACKAGE: Final = re.compile(r".*[\\/](?:(?:site|dist)-packages|lib[\\/]python3\.\d+)[\\/]")
_STDLIB: Final = re.compile(r"[\\/]lib[\\/]python3\.\d+[\\/]|[\\/]Lib[\\/][^\\/]*$")


def is_own_code(frame: Frame) -> bool:
    """Tell the application's code from libraries, also where the telemetry comes from another machine."""
    return is_application(frame.file) and not PACKAGE.search(frame.file) and not _STDLIB.search(frame.file)


def faults_of(seen: Seen) -> Iterator[Fault]:
    """Yield the faults that the finding about a request cites, in its order."""
    if seen.verdict is not None:
        for evidence in seen.verdict.findings[0].evidence:
            fault = seen.faults.get(evidence.fault_id)
            if fault is not None:
                yield fault


def raising_frame(group: Group) -> Frame | None:
    """Return the line that raised in the first example that cites an exception."""
    return next((fault.raised_at for seen in group.examples for fault in faults_of(seen)), None)


def own_line(group: Group) -> Frame | None:
    """Return the innermost line of the application in those exceptions; None if there is none, or if it raised."""
    for seen in group.examples:
        for fault in faults_of(seen):
            own = next((frame for frame in reversed(fault.chain[0].frames) if is_own_code(frame)), None)
            if own is not None:
                return None if own == fault.raised_at else own
    return None
