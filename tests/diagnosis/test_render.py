"""What is printed, for records that no healthy program writes."""

from __future__ import annotations

import io
import json
import math
import re

import pytest

pytest.importorskip("rich", reason="the extra `cli` is not installed")

from rich.console import Console

from autogen_otel.diagnosis.grouping import requests_in
from autogen_otel.diagnosis.render_json import whole
from autogen_otel.diagnosis.render_list import render_list
from autogen_otel.diagnosis.render_text import render
from autogen_otel.diagnosis.story import story_of

from .records import fault, log, raised, span


def printed(*records, width=200, encoding="utf-8", terminal=False, **more):
    """Return what `show` prints of these records."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace")
    console = Console(file=stream, width=width, markup=False, emoji=False, force_terminal=terminal, _environ={})
    for request in requests_in(records):
        render(console, story_of(request), **more)
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)


HOSTILE = "[red]\x1b[2J\u202e\x00:smile:[/red]\nsecond"


def hostile():
    """Return a request with control characters and markup in every place."""
    return [
        span(
            "r",
            name="request",
            failed=True,
            message=HOSTILE,
            thread__name=HOSTILE,
            **fault(HOSTILE, autogen__fault__agent=HOSTILE, autogen__fault__tool=HOSTILE),
        ),
        span(
            "t",
            "r",
            HOSTILE,
            at=1,
            failed=True,
            message=HOSTILE,
            events=(raised(type_=HOSTILE, message=HOSTILE, stacktrace=f'  File "{HOSTILE}", line 1, in x\n    y\nE'),),
            **fault(HOSTILE, gen_ai__agent__name=HOSTILE, gen_ai__response__finish_reasons=[HOSTILE]),
        ),
        log(HOSTILE, 3, "r", **{HOSTILE: HOSTILE}),
        log("fault", 3, "t", fault_id="f1", exception_type=HOSTILE, message=HOSTILE, raised_at=HOSTILE),
    ]


def test_control_characters_never_reach_the_terminal():
    """Nothing in a store can clear the screen, turn the text around or use rich's markup."""
    text = printed(*hostile(), logs=True, stack=True, full=True)

    assert (re.sub(r"[\n]", "", text).isprintable(), "[red]" in text, ":smile:" in text) == (True, True, True)


def test_control_characters_never_reach_the_terminal_in_a_list():
    """The same for the list of requests."""
    stream = io.StringIO()
    render_list(Console(file=stream, width=500, _environ={}), [story_of(one) for one in requests_in(hostile())])

    assert stream.getvalue().replace("\n", "").isprintable()


def test_json_has_no_control_characters_and_no_nan():
    """JSON is JSON: what it does not have is a text."""
    (request,) = requests_in([span("r", name="request", x=math.nan, y=b"\xff", z={"a": [math.inf]}), *hostile()])

    text = json.dumps(whole(story_of(request)), allow_nan=False)
    assert text.isprintable()


def test_terminal_without_unicode_gets_a_tree_too():
    """Where the encoding has no box characters, the tree is drawn with ASCII."""
    text = printed(
        span("r", name="request", failed=True), span("a", "r"), span("b", "a"), span("c", "r", at=5), encoding="ascii"
    )

    assert [line[17:].strip() for line in text.splitlines() if re.match(r" +\+", line)] == [
        "request  x",
        "|- invoke_agent user",
        "|  `- invoke_agent user",
        "`- invoke_agent user",
    ]


def test_terminal_gets_colours_unless_it_says_no():
    """Colour is for terminals; without colour the same words stand there."""
    records = [span("r", name="request", failed=True)]

    colourful = printed(*records, terminal=True)
    assert ("\x1b[" in colourful, re.sub(r"\x1b\[[\d;]*m", "", colourful)) == (True, printed(*records))


def test_long_tree_shows_what_failed_and_the_way_there():
    """Of a thousand operations the failed one, what encloses it, the beginning and the end are shown."""
    records = [
        span("r", name="request"),
        *(span(f"{number:04}", "r", f"turn {number}", at=number) for number in range(1000)),
        span("t", "0500", "execute_tool x", at=500, failed=True),
    ]
    text = printed(*records)

    shown = re.findall(r"turn (\d+)|execute_(tool)|\.\.\. (\d+) operations", text)
    assert ["".join(one) for one in shown] == [
        *map(str, range(11)),
        *("488", "499", "500", "tool", "501", "502", "485"),
        *map(str, range(988, 1000)),
    ]


def test_long_tree_is_shown_whole_when_asked_for():
    """With `full` nothing is left out."""
    records = [span("r", name="request"), *(span(f"{number:04}", "r", at=number) for number in range(1000))]

    assert printed(*records, full=True).count("invoke_agent") == 1000


def test_deep_tree_is_printed():
    """What is nested a thousand times is indented only so far."""
    records = [span("0", name="request"), *(span(str(n), str(n - 1), at=n) for n in range(1, 1000))]

    assert max(map(len, printed(*records, full=True).splitlines())) < 200


def test_identical_faults_are_counted_and_not_repeated():
    """Fifty masked faults of one fingerprint are one line."""
    records = [
        span("r", name="request"),
        *(
            span(
                f"t{number}",
                "r",
                at=number,
                failed=True,
                events=(raised(f"f{number}"),),
                **fault(fault_id=f"f{number}", autogen__fault__masked=True, autogen__fault__fingerprint="same"),
            )
            for number in range(50)
        ),
    ]
    lines = printed(*records).splitlines()

    assert lines[lines.index("Other faults of this request") + 1] == "  49 x KeyError: 'p9' (masked)"


def test_fault_of_the_application_itself_is_not_autogens():
    """An exception that was raised in the request, but outside AutoGen, is told as such."""
    text = printed(span("r", name="request", failed=True, events=(raised(),), **fault()))

    assert "nothing: the application raised it itself, outside AutoGen" in text


def test_library_frame_is_followed_by_the_applications_own():
    """Where a library raised, the line of the application that called it stands below."""
    stack = (
        "Traceback (most recent call last):\n"
        '  File "/app/tools.py", line 5, in load\n    return json.loads(text)\n'
        '  File "/usr/lib/python3.12/json/__init__.py", line 346, in loads\n    return decode(s)\n'
        '  File "/app/.venv/lib/python3.12/site-packages/fast/core.py", line 9, in decode\n    raise E\n'
        "ValueError: bad\n"
    )
    text = printed(span("r", name="request", failed=True, events=(raised(stacktrace=stack),), **fault("ValueError")))

    assert [line.strip() for line in text.splitlines() if re.match("  (raised at|your code)", line)] == [
        "raised at   fast/core.py:9 in decode",
        "your code   /app/tools.py:5 in load",
    ]


def test_failed_request_without_a_recorded_fault_says_so():
    """An error of which neither span nor log record arrived is not made up."""
    text = printed(span("r", name="request", failed=True, message="boom", error__type="RuntimeError"))

    assert ("not recorded: the span and the log record" in text, "RuntimeError: boom" in text) == (True, True)
