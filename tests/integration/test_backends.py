"""The servers, their configurations and the helpers that read them back, with telemetry made by hand."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from .server import CONFIGS, get
from .spans import exceptions, tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.trace import Tracer

    from .backends import Jaeger
    from .conftest import CollectorFactory

pytestmark = pytest.mark.integration

TRACE_ID = "5b8efff798038103d269b633813fc60c"


@contextlib.contextmanager
def tracer_to(endpoint: str, service: str) -> Iterator[Tracer]:
    """Give a tracer that sends each span at once to an OTLP/HTTP endpoint."""
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    yield provider.get_tracer("by hand")
    provider.shutdown()


def send_failing_tool(endpoint: str, service: str, request_id: str) -> None:
    """Send a request whose tool raises KeyError('p9'), which the request survives."""
    with (
        tracer_to(endpoint, service) as tracer,
        tracer.start_as_current_span("request", attributes={"autogen.request.id": request_id}),
        contextlib.suppress(KeyError),
        tracer.start_as_current_span("execute_tool price"),
    ):
        raise KeyError("p9")


@pytest.mark.parametrize(
    "wanted",
    [{"autogen.request.id": "req-1"}, {"exception.type": "KeyError"}],
    ids=["span attribute", "event attribute"],
)
def test_jaeger_finds_a_trace(jaeger: Jaeger, wanted: dict[str, str]) -> None:
    """Jaeger finds a trace by its request ID and by the type of the exception on an event of one span."""
    service = f"by-hand-{next(iter(wanted))}"
    send_failing_tool(jaeger.otlp_http_endpoint, service, "req-1")

    spans = jaeger.find(wanted, service=service, until=lambda found: len(found) == 2)

    assert (tree(spans), [(e["exception.type"], e["exception.message"]) for e in exceptions(spans[1])]) == (
        (("request", ("execute_tool price",)),),
        [("KeyError", "'p9'")],
    )


def test_jaeger_finds_nothing_else(jaeger: Jaeger) -> None:
    """A search for another request ID does not find the trace that is there."""
    send_failing_tool(jaeger.otlp_http_endpoint, "somebody", "req-1")
    jaeger.find(service="somebody")

    assert jaeger.find({"autogen.request.id": "req-2"}, service="somebody", until=lambda found: not found) == []


@pytest.mark.parametrize("config", ["otelcol.yaml", "store.yaml"])
def test_collector_accepts_the_configuration(collector_binary: Path, tmp_path: Path, config: str) -> None:
    """The Collector accepts each configuration as it stands."""
    done = subprocess.run(
        [collector_binary, "validate", "--config", CONFIGS / config],
        env={"AUTOGEN_OTEL_STORE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_collector_passes_traces_on(jaeger: Jaeger, collector_factory: CollectorFactory, tmp_path: Path) -> None:
    """The Collector sends what it gets to Jaeger, and keeps a copy that has the form of a local store when told to."""
    with collector_factory(
        "otelcol.yaml",
        JAEGER_OTLP_ENDPOINT=jaeger.otlp_grpc_endpoint,
        OTELCOL_TRACES_TO="[otlp_grpc, file/traces]",
        AUTOGEN_OTEL_STORE=str(tmp_path / "store"),
    ) as collector:
        send_failing_tool(collector.otlp_http_endpoint, "collected", "req-2")
        spans = jaeger.find({"autogen.request.id": "req-2"}, service="collected", until=lambda found: len(found) == 2)
    lines = (tmp_path / "store" / "traces-collector.jsonl").read_text().splitlines()

    assert (tree(spans), "".join(lines).count('"autogen.request.id"')) == ((("request", ("execute_tool price",)),), 1)


def stored_line(name: str, span_id: str, parent_id: str = "") -> str:
    """Return a line of a local store with one span."""
    now = time.time_ns()
    span = {
        "traceId": TRACE_ID,
        "spanId": span_id,
        "parentSpanId": parent_id,
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now + 1_000_000),
        "attributes": [{"key": "autogen.request.id", "value": {"stringValue": "req-3"}}],
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "stored"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}) + "\n"


def test_collector_forwards_a_store(jaeger: Jaeger, collector_factory: CollectorFactory, tmp_path: Path) -> None:
    """The Collector sends each line of a local store once, those written before its start and those written after."""
    file = tmp_path / "traces-1.jsonl"
    file.write_text(stored_line("request", "eee19b7ec3c1b174"))
    with collector_factory(
        "store.yaml",
        AUTOGEN_OTEL_STORE=str(tmp_path),
        OTEL_EXPORTER_OTLP_ENDPOINT=jaeger.otlp_http_endpoint,
        OTELCOL_LOGS_TO="[debug]",
    ):
        jaeger.trace(TRACE_ID)
        with file.open("a") as growing:
            growing.write(stored_line("chat", "eee19b7ec3c1b175", "eee19b7ec3c1b174"))
        spans = jaeger.trace(TRACE_ID, until=lambda found: any(span["name"] == "chat" for span in found))

    assert [(span["name"], span["attributes"]) for span in spans] == [
        ("request", {"autogen.request.id": "req-3"}),
        ("chat", {"autogen.request.id": "req-3"}),
    ]


def test_jaeger_serves_the_web_page(jaeger: Jaeger) -> None:
    """Jaeger takes our settings of the web page and serves a page at its root."""
    assert get(f"{jaeger.query_url}/")[0] == 200
