"""Shared by all tests: what the application set up, and a guard that is strict."""

from __future__ import annotations

import logging
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

# Imported first, because its pytest plugin would import it last of all, and CPython 3.11 crashes there in the parser
# once a test has failed deep in a recursion.
import hypothesis
import pytest

import autogen_otel
from autogen_otel.core.guard import guard
from autogen_otel.operations.current import current_operation
from autogen_otel.operations.listeners import listeners
from autogen_otel.telemetry.log_setup import json_formatter

# How long an example takes says something of the machine, and nothing of the code.
hypothesis.settings.register_profile("autogen_otel", deadline=None)
hypothesis.settings.load_profile("autogen_otel")

# What is not installed is not tested.
_LINES = {"agentchat": "autogen_agentchat", "ag2v1": "ag2", "classic": "autogen"}
collect_ignore = [folder for folder, module in _LINES.items() if find_spec(module) is None]

# Tests run from a wheel too, where the folder of the tests is not a package.
sys.path.insert(0, str(Path(__file__).parent))

from support.recorder import Application, Facts, LineHandler, Recorder
from support.sharing import Slow, slow_provider

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """Make a mistake of ours loud, and a request that is left open a failure."""
    guard.strict = True
    yield
    guard.strict = False
    autogen_otel.uninstrument()
    assert current_operation() is None


@pytest.fixture
def slow() -> Iterator[Slow]:
    """Run a provider that answers when it is told to, and tells when a request has come."""
    with slow_provider() as slow:
        yield slow


@pytest.fixture(scope="session")
def application() -> Application:
    """Set up OpenTelemetry as an application does."""
    return Application()


def wait_for_runs() -> None:
    """Let AutoGen's `run()` and its kin end: what they still tell belongs to this test and not to the next."""
    for thread in threading.enumerate():
        if (getattr(getattr(thread, "_target", None), "__module__", None) or "").startswith("autogen."):
            thread.join(1)


@pytest.fixture
def recorder(application: Application, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Instrument, and record everything until the test ends."""
    application.spans.clear()
    application.reader.get_metrics_data()
    recorder = Recorder(application, Facts())
    handler = LineHandler(recorder.lines)
    handler.setFormatter(json_formatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    autogen_otel.instrument()
    listeners.add(recorder.facts)
    yield recorder
    wait_for_runs()
    listeners.remove(recorder.facts)
    autogen_otel.uninstrument()
    root.removeHandler(handler)
    root.setLevel(level)
