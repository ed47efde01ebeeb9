"""A host and two workers, each a process of its own: one trace and one request ID over all of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from autogen_otel.core import names
from autogen_otel.diagnosis.load import StoredLog, StoredSpan, load

pytest.importorskip("autogen_core", reason="autogen_core is not installed")
pytest.importorskip("grpc", reason="grpc is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator

PROCESS = Path(__file__).parents[1] / "support" / "grpc_process.py"
SECONDS = 60


class Told(NamedTuple):
    """What the processes have left behind.

    Attributes:
        heard: What came back to the worker in which the requests begin.
        spans: The spans of each process, by role.
        faults: The log records of each process's faults, by role.
    """

    heard: list[str]
    spans: dict[str, list[StoredSpan]]
    faults: dict[str, list[StoredLog]]

    def of(self, role: str, request_id: str) -> list[StoredSpan]:
        """Return a process's spans of one request."""
        return [span for span in self.spans[role] if span.attributes[names.REQUEST_ID] == request_id]

    def fault(self, role: str, request_id: str) -> dict[str, Any]:
        """Return what a process tells of the only fault that it has recorded of a request."""
        (log,) = [log for log in self.faults[role] if log.attributes["request_id"] == request_id]
        keys = ("exception_type", "message", "agent_name", "masked")
        raised_at = str(log.attributes.get("raised_at", "")).rpartition(" in ")[2]
        return {**{key: log.attributes.get(key) for key in keys}, "function": raised_at.rpartition(".")[2]}


@contextmanager
def process(role: str, address: str, store: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process until the block ends, and kill it if it does not end by itself then or takes too long."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    environ = {**clean, "AUTOGEN_OTEL_STORE": str(store / role)}
    with (store / f"{role}.log").open("w") as log:
        started = subprocess.Popen(
            [sys.executable, str(PROCESS), role, address],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        limit = Timer(SECONDS, started.kill)
        limit.start()
        try:
            yield started
        finally:
            try:
                started.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                started.kill()
                started.communicate()
            limit.cancel()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Run host and workers to their end."""
    store = tmp_path_factory.mktemp("grpc")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    roles = ("host", "answer", "ask")
    with ExitStack() as stack:
        for role in roles:
            started = stack.enter_context(process(role, address, store))
            line = started.stdout.readline().strip()
            assert line, (store / f"{role}.log").read_text()[-2000:]
    records = {role: list(load(store / role)) for role in roles if (store / role).exists()}
    return Told(
        line.split("|"),
        {role: [one for one in found if isinstance(one, StoredSpan)] for role, found in records.items()},
        {
            role: [one for one in found if isinstance(one, StoredLog) and one.body == names.FAULT_EVENT]
            for role, found in records.items()
        },
    )


def test_senders_see_what_autogen_lets_them_see(told):
    """What comes back is AutoGen's own: answers, the text of an exception, or nothing at all."""
    assert told.heard == [
        "hello!",
        """Exception("'p9'")""",
        "TimeoutError",
        "TimeoutError",
        "all",
        "done!",
    ]


def test_question_to_another_process_is_one_trace(told):
    """The handler's span in the other process stands below the request's, with its ID."""
    (request,), (handled,) = told.of("ask", "asks"), told.of("answer", "asks")

    assert (handled.name, handled.trace_id, handled.parent_span_id) == (
        "invoke_agent answering",
        request.trace_id,
        request.span_id,
    )


def test_events_over_processes_are_one_trace(told):
    """An event to another process, and the one that is published there in turn, belong to the request of the first."""
    spans = [*told.of("ask", "tells"), *told.of("answer", "tells")]
    (request,) = [span for span in spans if span.name == "request"]

    assert sorted((span.name, span.parent_span_id) for span in spans if span.trace_id == request.trace_id) == [
        ("invoke_agent answering", request.span_id),
        ("invoke_agent hearing", request.span_id),
        ("request", ""),
    ]


def test_failure_in_another_process_is_recorded_there(told):
    """The original exception is recorded where it was raised, with the sender's request; its text where it arrives."""
    assert (told.fault("answer", "fails"), told.fault("ask", "fails")) == (
        {
            "exception_type": "KeyError",
            "message": "'p9'",
            "agent_name": "answering",
            "masked": False,
            "function": "work",
        },
        {
            "exception_type": "Exception",
            "message": "'p9'",
            "agent_name": None,
            "masked": False,
            "function": "send_message",
        },
    )


def test_failure_of_an_event_in_another_process_is_recorded_there(told):
    """What the handler of an event raises is a line in the log of its process; it is told with the sender's request."""
    assert told.fault("answer", "drops") == {
        "exception_type": "KeyError",
        "message": "'p9'",
        "agent_name": "answering",
        "masked": False,
        "function": "work",
    }


def test_agent_that_cannot_be_made_is_told_where_the_sender_hangs(told):
    """A sender waits for ever for an agent whose factory fails; the worker tells with the sender's request."""
    assert told.fault("answer", "hangs") == {
        "exception_type": "ConnectionError",
        "message": "no database",
        "agent_name": "broken",
        "masked": False,
        "function": "broken",
    }


def test_agent_that_no_worker_has_is_told_by_the_host(told):
    """A sender waits for ever for an agent that is nowhere; the host tells with the sender's request and trace."""
    (request,), (lost,) = told.of("ask", "nobody"), told.of("host", "nobody")

    assert (told.fault("host", "nobody"), lost.trace_id) == (
        {
            "exception_type": "agent_not_found",
            "message": "no worker has agent type nobody; the message is dropped, and its sender waits for ever",
            "agent_name": "nobody",
            "masked": False,
            "function": "",
        },
        request.trace_id,
    )
