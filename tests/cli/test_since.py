"""What `--since` takes."""

from __future__ import annotations

import pytest

from autogen_otel.cli.since import nanoseconds

NOW = 1_800_000_000 * 10**9


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("1.5d", 129_600), ("1w", 604_800)]
)
def test_time_ago_counts_from_now(text, seconds):
    """A number and a unit are a time ago."""
    assert nanoseconds(text, NOW) == NOW - seconds * 10**9


@pytest.mark.parametrize(
    "text", ["2026-11-23T14:00:00", "2026-11-23T14:00Z", "2026-11-23 14:00", "2026-11-23T16:00+02:00"]
)
def test_iso_time_is_in_utc_unless_it_says_otherwise(text):
    """An ISO time is read as log lines write it."""
    assert nanoseconds(text, NOW) == 1_795_442_400 * 10**9


@pytest.mark.parametrize("text", ["", "yesterday", "15", "m", "-1h", "2026-13-01", "٣h"])
def test_anything_else_is_refused(text):
    """What is neither is an error that says what is wanted."""
    with pytest.raises(ValueError, match="neither a time like 15m"):
        nanoseconds(text, NOW)


def test_longer_ago_than_1970_is_everything():
    """A time before the epoch is the epoch."""
    assert nanoseconds("999999w", NOW) == 0
