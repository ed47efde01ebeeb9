"""The fixture `autogen_faults`, as pytest finds it.

A module beside the package: pytest imports its plugins for each run, and the package takes a third of a second. Only a
test that uses the fixture imports it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autogen_otel.pytest_plugin import AutogenFaults


@pytest.fixture
def autogen_faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AutogenFaults]:
    """Fail this test, after it has run, if AutoGen made a text of an exception or two requests shared state.

    `autogen_faults.allow(KeyError)` beforehand lets those through that the test provokes.
    """
    from autogen_otel.pytest_plugin import collecting

    with collecting(tmp_path_factory) as faults:
        yield faults
    report = faults.report()
    if report:
        pytest.fail(report, pytrace=False)
