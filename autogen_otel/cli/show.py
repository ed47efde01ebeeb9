"""`autogen-otel show <request-id>`."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Final

from rich.text import Text

from autogen_otel.cli.reading import Reading, argument, console, reading_of, say, unreadable
from autogen_otel.core import names
from autogen_otel.core.ids import clean_request_id
from autogen_otel.diagnosis.grouping import requests_in
from autogen_otel.diagnosis.render_json import whole
from autogen_otel.diagnosis.render_text import render
from autogen_otel.diagnosis.request import request_id_of, text_in
from autogen_otel.diagnosis.story import story_of
from autogen_otel.diagnosis.words import count

if TYPE_CHECKING:
    from pathlib import Path

    from autogen_otel.diagnosis.load import StoredLog, StoredSpan
    from autogen_otel.diagnosis.story import Story

_NEAREST: Final = 5


def show(
    request_id: str, path: Path | None, since_ns: int | None, *, as_json: bool, logs: bool, stack: bool, full: bool
) -> int:
    """Print each request of an ID, newest last, and return the exit code.

    With `--json` it is one object: `request_id`, `store`, `requests` (see `diagnosis.render_json`), `problems` (`file`,
    `line`, `message` of what could not be read).
    """
    reading = reading_of(path, since_ns)
    search = Search(request_id)
    try:
        stories = search.stories(reading)
    except OSError as error:
        return unreadable(reading, error)
    if not stories:
        _unknown(search, reading)
    elif as_json:
        _print_json(request_id, reading, stories)
    else:
        _print(stories, logs=logs, stack=stack, full=full, where=argument(path))
    reading.tell_problems()
    return 0 if stories else 1


class Search:
    """Looks for the records of a request and, in the same pass, for what else may have been meant.

    Args:
        request_id: As the user has typed it; the application may have handed in the same and stored it cleaned.
    """

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.ids: set[str] = set()
        self.owners: set[str] = set()
        self._wanted = {request_id, clean_request_id(request_id)}

    def stories(self, reading: Reading) -> list[Story]:
        """Return what is stored of the request, the newest last.

        Raises:
            OSError: There is nothing to read.
        """
        found = [record for record in reading.records() if self._is_wanted(record)]
        since_ns = reading.since_ns or 0
        return [story_of(request) for request in requests_in(found) if request.last_ns >= since_ns]

    def _is_wanted(self, record: StoredSpan | StoredLog) -> bool:
        owner = request_id_of(record)
        if owner is None:
            return False
        if owner in self._wanted:
            return True
        self.ids.add(owner)
        if self.request_id in {record.trace_id, text_in(record, names.FAULT_ID), text_in(record, names.LOG_FAULT_ID)}:
            self.owners.add(owner)
        return False


def _unknown(search: Search, reading: Reading) -> None:
    wanted = search.request_id
    say(f"no request {wanted!r} in {reading.path}" + (" since then" if reading.since_ns is not None else ""))
    if search.owners:
        say(f"It is the ID of a trace or fault of: {', '.join(sorted(search.owners)[:_NEAREST])}")
        return
    # Thousands of IDs of the same form are all alike; those that hold the text come first.
    nearest = sorted(known for known in search.ids if wanted and wanted in known)[:_NEAREST]
    nearest += [known for known in difflib.get_close_matches(wanted, sorted(search.ids), 5) if known not in nearest]
    if nearest:
        say(f"The nearest of {count(len(search.ids), 'ID')}: {', '.join(nearest[:_NEAREST])}")
    elif search.ids:
        say(f"There are {count(len(search.ids), 'other request')}: autogen-otel requests")
    else:
        say("There is no request at all.")


def _print_json(request_id: str, reading: Reading, stories: list[Story]) -> None:
    document = {
        "request_id": request_id,
        "store": str(reading.path),
        "requests": [whole(story) for story in stories],
        "problems": [
            {"file": str(problem.file), "line": problem.line_number, "message": problem.message}
            for problem in reading.problems
        ],
    }
    print(json.dumps(document, indent=2))


def _print(stories: list[Story], *, logs: bool, stack: bool, full: bool, where: str) -> None:
    out = console()
    for number, story in enumerate(stories, 1):
        if len(stories) > 1:
            if number > 1:
                out.print()
            out.print(Text(f"{number} of {len(stories)} requests with this ID, newest last", style="dim"))
        render(out, story, stack=stack, logs=logs, full=full, where=where)
