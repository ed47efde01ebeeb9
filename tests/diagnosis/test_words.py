"""Texts that are safe to print, and durations that one reads at a glance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_otel.diagnosis.words import duration, lines, plain, when


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_printed(text):
    """A text is printed without control characters, whatever it holds."""
    assert plain(text).isprintable()


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("left\u202etfel", r"left\u202etfel"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("[bold]Zürich 東京 🚀[/bold]", "[bold]Zürich 東京 🚀[/bold]"),
        ("\ud800", r"\ud800"),
    ],
)
def test_control_characters_are_spelled_out(text, printed):
    """What cannot be seen is made visible; the rest is left alone."""
    assert plain(text) == printed


def test_long_text_is_cut():
    """A limit counts the sign that something is missing."""
    assert (plain("abcdef", 4), lines("a\nb\nc\nd", 2)) == ("abc…", ["a", "b", "… 2 more lines"])


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0.0 ms"),
        (410_000, "0.41 ms"),
        (2_100_000, "2.1 ms"),
        (87_400_000, "87 ms"),
        (3_084_000_000, "3.08 s"),
        (125 * 10**9, "2 min 5 s"),
        (11_520 * 10**9, "3 h 12 min"),
        (-3_000_000, "-3.0 ms"),
    ],
)
def test_duration_has_three_digits(ns, text):
    """A duration is as exact as one wants to know it."""
    assert duration(ns) == text


def test_time_that_no_calendar_has_is_unknown():
    """A time that was not recorded, or is absurd, is no reason to fail."""
    assert (when(0), when(10**30), when(1_795_470_669_982_738_740)) == (
        "unknown time",
        "unknown time",
        "2026-11-23 21:51:09.982 UTC",
    )
