"""Stored telemetry read back: a store folder, a file of OTLP JSON lines, or an answer of Jaeger's `api/v3`."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import logging
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from autogen_otel.core.paths import STORE_FILE, stamp
from autogen_otel.diagnosis.collecting import without_collecting
from autogen_otel.diagnosis.load_records import StoredEvent, StoredLog, StoredSpan, records_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = [
    "MALFORMED",
    "Problem",
    "StoreNotFound",
    "StoredEvent",
    "StoredLog",
    "StoredSpan",
    "each",
    "each_in",
    "files_at",
    "load",
    "warn",
]

T = TypeVar("T")

_logger = logging.getLogger("autogen_otel")

# orjson where it is installed: a load takes two thirds of the time. Found by name, so that it is no dependency.
_JSON: Final = "orjson" if importlib.util.find_spec("orjson") else "json"
_parse: Final[Callable[[bytes], Any]] = importlib.import_module(_JSON).loads
# What is wrong inside a line that is valid JSON. A number like 1e999 overflows, a hostile nesting recurses.
MALFORMED: Final = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
# A document over several lines: the second one is indented, which no line of JSON lines is.
_PRETTY: Final = re.compile(rb"\s*[{\[][^\n]*\n[ \t]+\S")
_SIGNALS: Final = frozenset({"resourceSpans", "resourceLogs", "resourceMetrics"})


class StoreNotFound(FileNotFoundError):  # noqa: N818 - an answer rather than a mistake
    """There is no stored telemetry at a path."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that was left out; line 0 stands for the whole file."""

    file: Path
    line_number: int
    message: str


def warn(problem: Problem) -> None:
    """Report a problem as a log line."""
    _logger.warning("%s, line %d is left out: %s", problem.file, problem.line_number, problem.message)


def load(
    path: Path, *, since_ns: int | None = None, on_problem: Callable[[Problem], None] = warn
) -> Iterator[StoredSpan | StoredLog]:
    """Return the spans and logs that are stored at a path, older files first, with one line in memory at a time.

    Args:
        path: The folder of a store, of which all `.jsonl` and `.json` files are read; or a file of OTLP JSON lines,
            such as the Collector's file exporter writes; or one OTLP JSON document, bare or below `result`.
        since_ns: Leave out what ended earlier, in nanoseconds since 1970.
        on_problem: Told of each line that cannot be read; reading goes on behind it.

    Raises:
        StoreNotFound: There is no such path, or no file in the folder; raised at once, not with the first record.
        OSError: The folder cannot be read.
    """
    since = since_ns or 0
    files = _files_at(path)
    return (
        record
        for file in files
        for records in each_in(file, lambda document: list(records_of(document, since)), since, on_problem)
        for record in records
    )


def each(
    path: Path,
    read: Callable[[dict[str, Any]], T],
    *,
    since_ns: int | None = None,
    on_problem: Callable[[Problem], None] = warn,
) -> Iterator[T]:
    """Return what a function makes of each OTLP/JSON document that is stored at a path.

    Older files come first, and the store's logs behind its spans: who knows a span already has no use for most of what
    log lines repeat of it.

    Args:
        path: As for `load`.
        read: Called with a document as the JSON says it; what it raises of `MALFORMED` is a problem of that line.
        since_ns: Leave out files of the store that were not written to since, in nanoseconds since 1970.
        on_problem: Told of each line that cannot be read; reading goes on behind it.

    Raises:
        StoreNotFound: There is no such path, or no file in the folder; raised at once, not with the first document.
        OSError: The folder cannot be read.
    """
    files = files_at(path)
    return (made for file in files for made in each_in(file, read, since_ns or 0, on_problem))


def files_at(path: Path) -> list[Path]:
    """Return the files that `each` reads, in its order.

    Raises:
        StoreNotFound: There is no such path, or no file in the folder.
        OSError: The folder cannot be read.
    """
    return sorted(_files_at(path), key=lambda file: _holds(file, "logs"))


def _files_at(path: Path) -> list[Path]:
    if not path.exists():
        raise StoreNotFound(f"no stored telemetry: {path} does not exist")
    if not path.is_dir():
        return [path]
    found = [file for file in path.iterdir() if file.suffix in {".jsonl", ".json"} and file.is_file()]
    if not found:
        raise StoreNotFound(f"no stored telemetry: there is no .jsonl or .json file in {path}")
    return sorted((file for file in found if not _holds(file, "metrics")), key=_age)


def _holds(file: Path, signal: str) -> bool:
    """Tell whether it is a file of the store with that signal."""
    own = STORE_FILE.fullmatch(file.name)
    return own is not None and own["signal"] == signal


def _age(file: Path) -> tuple[str, str]:
    """Return when a file was begun; of a file that is not the store's, when it was last written to."""
    own = STORE_FILE.fullmatch(file.name)
    return (own["stamp"] if own else stamp(file.stat().st_mtime_ns), file.name)


def each_in(
    file: Path, read: Callable[[dict[str, Any]], T], since_ns: int, on_problem: Callable[[Problem], None]
) -> Iterator[T]:
    """Return what a function makes of each document in a file; see `each`."""
    for number, text in _documents(file, since_ns, on_problem):
        made = _decode(text, read)
        if isinstance(made, str):
            on_problem(Problem(file, number, made))
        else:
            yield from made


def _documents(file: Path, since_ns: int, on_problem: Callable[[Problem], None]) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not blank with its number, or all of it where it is one document over many lines."""
    try:
        with file.open("rb") as stream:
            # What ended later cannot stand in a file of ours that was not written to since.
            if STORE_FILE.fullmatch(file.name) and os.fstat(stream.fileno()).st_mtime_ns < since_ns:
                return
            lines = enumerate(stream, 1)
            head = list(itertools.islice(lines, 2))
            start = b"".join(line for _, line in head)
            if _PRETTY.match(start):
                yield 1, start + stream.read()
                return
            for number, line in itertools.chain(head, lines):
                if not line.isspace():
                    yield number, line
    except FileNotFoundError:
        # Between listing and opening it became too old for the store, which removed it.
        return
    except OSError as error:
        on_problem(Problem(file, 0, error.strerror or str(error)))


def _decode(text: bytes, read: Callable[[dict[str, Any]], T]) -> list[T] | str:
    """Return what a document holds, all of it or, where something in it is malformed, only what is wrong."""
    try:
        with without_collecting():
            return _made(_parse(text), read)
    except MALFORMED as error:
        if not text.endswith(b"\n"):
            return f"it has no end, its writer was killed or is still writing ({error})"
        return f"{type(error).__name__}: {error}"


def _made(document: Any, read: Callable[[dict[str, Any]], T]) -> list[T]:
    if isinstance(document, list):
        return [made for part in document for made in _made(part, read)]
    document = document.get("result", document)
    if document and _SIGNALS.isdisjoint(document):
        raise ValueError("no OTLP: it has neither resourceSpans nor resourceLogs")
    return [read(document)]
