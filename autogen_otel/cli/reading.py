"""What the commands that read a store have in common: the path, the time, and what could not be read."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rich.console import Console

from autogen_otel.core.paths import default_path
from autogen_otel.diagnosis.load import Problem, StoreNotFound, load
from autogen_otel.diagnosis.words import count, plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from autogen_otel.diagnosis.load import StoredLog, StoredSpan

# Of a request that was seen since a time, what is up to an hour older belongs to it.
_MARGIN_NS: Final = 3600 * 10**9
_TOLD: Final = 5
_WIDE: Final = 100_000


@dataclass(slots=True)
class Reading:
    """One look at stored telemetry.

    Attributes:
        path: Where it is.
        since_ns: Leave out requests that were last seen before.
        problems: The lines that could not be read so far.
    """

    path: Path
    since_ns: int | None = None
    problems: list[Problem] = field(default_factory=list)

    def records(self) -> Iterator[StoredSpan | StoredLog]:
        """Return the records.

        Raises:
            StoreNotFound: There is nothing at the path.
            OSError: The folder cannot be read.
        """
        return load(self.path, since_ns=self.from_ns, on_problem=self.problems.append)

    @property
    def from_ns(self) -> int | None:
        """From when on records are read: from some time before, for requests that were under way."""
        return None if self.since_ns is None else max(0, self.since_ns - _MARGIN_NS)

    def tell_problems(self) -> None:
        """Name the lines that could not be read, on standard error."""
        for problem in self.problems[:_TOLD]:
            say(f"warning: {problem.file}, line {problem.line_number} is left out: {problem.message}")
        more = len(self.problems) - _TOLD
        if more > 0:
            say(f"warning: {count(more, 'more line')} could not be read")


def reading_of(path: Path | None, since_ns: int | None) -> Reading:
    """Return a look at a path, or at the local store."""
    return Reading(path.expanduser() if path else default_path(), since_ns)


def argument(path: Path | None) -> str:
    """Return how to name a path to the next command; nothing for the local store."""
    return "" if path is None else shlex.quote(str(path))


def unreadable(reading: Reading, error: OSError) -> int:
    """Say why there is nothing to read, and return the exit code."""
    if isinstance(error, StoreNotFound):
        say(f"{error}")
        say("Telemetry is stored there only where no OTEL_EXPORTER_OTLP_ENDPOINT is set and the application, or")
        say("opentelemetry-distro, sets up no provider of its own; AUTOGEN_OTEL_STORE names another folder.")
        say("`autogen-otel doctor`, in the environment of the application, says where it goes.")
    else:
        say(f"{reading.path} cannot be read: {error.strerror or error}")
    return 1


def say(text: str) -> None:
    """Print a line on standard error."""
    print(plain(text), file=sys.stderr)


def console() -> Console:
    """Return the console for standard output. What is piped is not wrapped: `grep` wants whole lines."""
    made = Console(markup=False, emoji=False, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _WIDE
    return made
