"""`autogen-otel requests`."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from rich.text import Text

from autogen_otel.cli.reading import console, reading_of, say, unreadable
from autogen_otel.core import names
from autogen_otel.diagnosis.grouping import requests_in
from autogen_otel.diagnosis.lines import show
from autogen_otel.diagnosis.load import StoredLog
from autogen_otel.diagnosis.render_json import summary
from autogen_otel.diagnosis.render_list import render_list
from autogen_otel.diagnosis.request import FAULT, FINISHED, STARTED
from autogen_otel.diagnosis.story import Ending, story_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from autogen_otel.diagnosis.load import StoredSpan

# What a list needs of a span on which nothing failed.
_NEEDED: Final[tuple[str, ...]] = (
    names.REQUEST_ID,
    names.PROCESS_PID,
    names.THREAD_NAME,
    names.OUTCOME,
    names.CAUSE,
    names.CAUSE_DETAIL,
    names.CAUSE_SUMMARY,
    names.CAUSE_CERTAIN,
    names.CAUSE_EVIDENCE,
)


def requests(path: Path | None, since_ns: int | None, *, as_json: bool, failed: bool, limit: int) -> int:
    """Print the newest requests, the newest last, and return the exit code.

    With `--json` it is an array (see `diagnosis.render_json`), one request on each line.
    """
    reading = reading_of(path, since_ns)
    try:
        found = requests_in(_slim(reading.records()))
    except OSError as error:
        return unreadable(reading, error)
    recent = (story_of(request) for request in reversed(found) if request.last_ns >= (since_ns or 0))
    wanted = (story for story in recent if not failed or story.faults or story.ending is not Ending.OK)
    newest = list(islice(wanted, limit or None))[::-1]
    if as_json:
        print("[", ",\n ".join(json.dumps(summary(story)) for story in newest), "]", sep="")
    elif newest:
        out = console()
        render_list(out, newest)
        if next(wanted, None):
            show(out, Text("older requests are left out, --limit 0 shows all", style="dim"))
    else:
        say(f"no such request in {reading.path}")
    reading.tell_problems()
    return 0


def _slim(records: Iterable[StoredSpan | StoredLog]) -> Iterator[StoredSpan | StoredLog]:
    """Leave out what a list does not need: a store may hold a quarter of a gigabyte."""
    for record in records:
        if isinstance(record, StoredLog):
            if record.body in (STARTED, FINISHED, FAULT, names.CAUSE_EVENT):
                yield record
        elif names.FAULT_ID in record.attributes or not record.parent_span_id:
            yield record
        else:
            attributes = {key: record.attributes[key] for key in _NEEDED if key in record.attributes}
            yield replace(record, attributes=attributes, events=())
