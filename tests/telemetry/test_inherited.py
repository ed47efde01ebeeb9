"""Exporters of the application's own that are carried over a fork: one that has sent before, and harmless ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from autogen_otel.core.causes import Cause
from autogen_otel.diagnosis.diagnosis import diagnose
from autogen_otel.diagnosis.gathering import gather

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

# As under `gunicorn --preload`: the application is set up, and then two workers are forked.
PROGRAM = """
    import json, os, threading, autogen_otel
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from autogen_otel.operations.listeners import Listener, listeners

    class Own(SpanProcessor):
        "Sends from a thread; knows nothing of forks, or starts its thread anew."
        def __init__(self, renewed=False):
            self.renewed, self.pid = renewed, os.getpid()
            self.start()
        def start(self):
            self.thread = threading.Thread(target=threading.Event().wait, name="sender", daemon=True)
            self.thread.start()
        def on_end(self, span):
            if self.renewed and self.pid != os.getpid():
                self.start()

    class Verdicts(Listener):
        def concluded(self, operation, verdict):
            print(json.dumps([operation.request_id, *(one.summary.replace(str(os.getpid()), "<own>")
                .replace(str(os.getppid()), "<parent>") for one in verdict.findings)]), flush=True)

    provider, memory = TracerProvider(), InMemorySpanExporter()
    trace.set_tracer_provider(provider)
    autogen_otel.instrument()
    listeners.add(Verdicts())
    def request(name):
        with autogen_otel.request(name):
            pass
{preparation}
    children = []
    for number in range(2):
        pid = os.fork()
        if pid == 0:
            for turn in "abc":
                request(f"{{number}}{{turn}}")
            provider.force_flush()
            autogen_otel.instrument().flush()
            os._exit(0)
        os.waitpid(pid, 0)
"""
WARM = """
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    request("parent")
    provider.force_flush()
"""
COLD = """
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
"""
THREAD = """
    provider.add_span_processor(Own())
    request("parent")
"""
RENEWED = """
    provider.add_span_processor(Own(renewed=True))
    provider.add_span_processor(BatchSpanProcessor(memory))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    request("parent")
    provider.force_flush()
"""
RECONNECTED = """
    import requests
    session = requests.Session()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(session=session)))
    request("parent")
    provider.force_flush()
    os.register_at_fork(after_in_child=lambda: session.close())
"""


@pytest.fixture
def collector() -> Iterator[str]:
    """Return the address of something that takes OTLP and keeps connections open, as a Collector does."""

    class Taking(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    server.daemon_threads = True
    serving = Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


def run(preparation: str, collector: str, tmp_path: Path) -> dict[str, list[str]]:
    """Run the program, and return what it concluded of which request."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "AUTOGEN_OTEL_"))}
    places = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector}/v1/traces", "AUTOGEN_OTEL_STORE": str(tmp_path)}
    script = textwrap.dedent(PROGRAM.format(preparation=preparation))
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**clean, **places, "OTEL_METRICS_EXPORTER": "none"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name: summaries for name, *summaries in map(json.loads, done.stdout.splitlines())}


def test_connection_that_an_exporter_has_opened_before_the_fork(collector, tmp_path):
    """Each child tells of it once, with its first request."""
    said = (
        "OTLPSpanExporter of process <own> sends through a connection that process <parent> has opened before it "
        "forked; telemetry gets lost."
    )

    assert run(WARM, collector, tmp_path) == {"0a": [said], "1a": [said]}


def test_thread_of_a_processor_that_ends_with_the_fork(collector, tmp_path):
    """It may be started anew with the first spans; the second request shows that it was not."""
    said = (
        "Own of process <own> needs the thread 'sender', which runs in process <parent> only: what it takes here is "
        "never sent."
    )

    assert run(THREAD, collector, tmp_path) == {"0b": [said], "1b": [said]}


@pytest.mark.parametrize("harmless", [COLD, RENEWED, RECONNECTED])
def test_exporters_that_survive_a_fork(harmless, collector, tmp_path):
    """Never used before; with threads that are made anew; whose connections are closed in the child."""
    assert run(harmless, collector, tmp_path) == {}


def test_exporters_of_our_own_are_made_anew(collector, tmp_path):
    """Without a provider of the application's the connection of the parent is not used."""
    own = """
    trace._TRACER_PROVIDER = None
    request("parent")
    autogen_otel.instrument().flush()
    """

    assert run(own, collector, tmp_path) == {}


def test_stored_telemetry_tells_it_as_well(collector, tmp_path):
    """The spans went through the exporter in question; the log lines lie in the store."""
    run(WARM, collector, tmp_path)

    diagnosis = diagnose(gather(tmp_path, since_ns=0, on_problem=print))
    assert [(one.cause, [seen.request_id for seen in one.requests]) for one in diagnosis.groups] == [
        (Cause.STALE_CLIENT, ["0a", "1a"])
    ]
