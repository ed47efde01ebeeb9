"""`autogen-otel explain`."""

from __future__ import annotations

import re

import pytest

from autogen_otel.core.causes import Cause
from autogen_otel.detectors.pages import page_of


def words(text: str) -> list[str]:
    """Return the words of a text, however it is wrapped."""
    return text.replace("`", " ").split()


@pytest.mark.parametrize("cause", Cause)
def test_page_of_a_cause(cli, cause):
    """It prints symptom, cause and fix of the page, all of it, with the code as it is."""
    told, page = cli("explain", cause.value), page_of(cause)

    parts = re.split(r"^  (?:symptom|cause|fix) +", told.out, flags=re.MULTILINE)
    assert (told.code, [words(part) for part in parts[1:]]) == (
        0,
        [words(page.symptom), words(page.cause), words(page.fix)],
    )


def test_all_causes_are_listed(cli):
    """Without a name each cause stands there with its title."""
    out = cli("explain").out

    assert re.findall(r"^  (\w+)  ", out, re.MULTILINE) == [cause.value for cause in Cause]


def test_a_cause_that_is_none(cli):
    """The message names those that there are."""
    told = cli("explain", "nonsense")

    assert (told.code, "shared_state" in told.err) == (2, True)
