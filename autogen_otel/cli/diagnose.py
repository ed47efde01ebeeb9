"""`autogen-otel diagnose`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from autogen_otel.cli.reading import Reading, argument, console, reading_of, say, unreadable
from autogen_otel.core.ids import clean_request_id
from autogen_otel.diagnosis.diagnosis import diagnose as diagnosis_of
from autogen_otel.diagnosis.gathered import Gathered
from autogen_otel.diagnosis.gathering import gather
from autogen_otel.diagnosis.jaeger import Jaeger, JaegerFailed
from autogen_otel.diagnosis.load import MALFORMED
from autogen_otel.diagnosis.render_diagnosis import render_diagnosis
from autogen_otel.diagnosis.render_diagnosis_html import diagnosis_page
from autogen_otel.diagnosis.render_diagnosis_json import diagnosis_data

if TYPE_CHECKING:
    from pathlib import Path

    from autogen_otel.diagnosis.seen import Diagnosis


FOUND: Final = 1
UNREADABLE: Final = 2


class Source(NamedTuple):
    """What to look at.

    Attributes:
        path: A store or a file; None for the local store.
        jaeger: The address of a Jaeger instead.
        service: Whose traces to ask that for.
        since_ns: Leave out requests that were last seen before.
        request_id: Only requests with this ID.
    """

    path: Path | None
    jaeger: str | None
    service: str
    since_ns: int | None
    request_id: str | None


def diagnose(source: Source, *, now_ns: int, as_json: bool, html: Path | None) -> int:
    """Print why requests failed, and return the exit code.

    With `--json` it is one object, see `diagnosis.render_diagnosis_json`.

    Args:
        source: What to look at.
        now_ns: The time, in nanoseconds since 1970.
        as_json: Print JSON.
        html: Write a page to this file too.

    Returns:
        0 where no cause is found, 1 where there is one, 2 where nothing can be read or written.
    """
    reading = reading_of(source.path, source.since_ns)
    try:
        gathered, name = _gather(source, reading, now_ns)
    except JaegerFailed as error:
        say(str(error))
        return UNREADABLE
    except OSError as error:
        unreadable(reading, error)
        return UNREADABLE
    wanted = None if source.request_id is None else clean_request_id(source.request_id)
    found = diagnosis_of(gathered, since_ns=source.since_ns or 0, request_id=wanted)
    if wanted is not None and not found.requests:
        say(f"no request {wanted!r} in {name}")
        return UNREADABLE
    if as_json:
        problems = [
            {"file": str(problem.file), "line": problem.line_number, "message": problem.message}
            for problem in reading.problems
        ]
        print(json.dumps({**diagnosis_data(found, name), "problems": problems}, indent=2))
    else:
        render_diagnosis(console(), found, name, None if source.jaeger else argument(source.path))
    reading.tell_problems()
    if html is not None and not _write_page(html, found, name, now_ns):
        return UNREADABLE
    return FOUND if found.alarming else 0


def _gather(source: Source, reading: Reading, now_ns: int) -> tuple[Gathered, str]:
    """Read everything, and return it with where from, in words."""
    if source.jaeger is None:
        gathered = gather(reading.path, since_ns=reading.from_ns or 0, on_problem=reading.problems.append)
        return gathered, str(reading.path)
    gathered, jaeger = Gathered(), Jaeger(source.jaeger, source.service)
    try:
        for document in jaeger.documents(reading.from_ns, now_ns):
            gathered.take(document)
    except MALFORMED as error:
        raise JaegerFailed(f"{source.jaeger} answered what is no OTLP: {error}") from error
    return gathered, f"service {jaeger.service} in {source.jaeger}"


def _write_page(file: Path, found: Diagnosis, name: str, now_ns: int) -> bool:
    try:
        file.write_text(diagnosis_page(found, name, now_ns), "utf-8")
    except ImportError:
        say("--html needs jinja2: pip install 'autogen-otel[cli]'")
    except OSError as error:
        say(f"{file} cannot be written: {error.strerror or error}")
    else:
        return True
    return False
