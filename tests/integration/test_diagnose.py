"""A diagnosis of requests of each line of AutoGen that a real Jaeger and a real Collector have stored."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from autogen_otel.diagnosis.diagnosis import diagnose
from autogen_otel.diagnosis.gathered import Gathered
from autogen_otel.diagnosis.gathering import gather
from autogen_otel.diagnosis.jaeger import DAY_NS, Jaeger, JaegerFailed

from .server import poll

if TYPE_CHECKING:
    from .backends import Jaeger as Server
    from .conftest import CollectorFactory

pytestmark = pytest.mark.integration

PROGRAMS = Path(__file__).parent.parent / "diagnosis"
LINES = {"classic": "autogen", "agentchat": "autogen_agentchat", "ag2": "ag2"}


class Ran(NamedTuple):
    """Requests of a line: the service, the file that the Collector has written, and the verdicts reached live."""

    service: str
    file: Path
    live: dict[str, Any]


@pytest.fixture(scope="module", params=list(LINES))
def ran(
    request: pytest.FixtureRequest,
    jaeger: Server,
    collector_factory: CollectorFactory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Ran:
    """Send requests to a Collector, which keeps them in a file and passes them on to Jaeger."""
    line, folder = request.param, tmp_path_factory.mktemp("mixed")
    pytest.importorskip(LINES[line], reason=f"the line {line} is not installed")
    places = {"JAEGER_OTLP_ENDPOINT": jaeger.otlp_grpc_endpoint, "AUTOGEN_OTEL_STORE": str(folder / "store")}
    with (
        pytest.MonkeyPatch.context() as patch,
        collector_factory("otelcol.yaml", OTELCOL_TRACES_TO="[otlp_grpc, file/traces]", **places) as collector,
    ):
        patch.syspath_prepend(str(PROGRAMS))
        from live import run

        live = run(
            line,
            folder / "verdicts",
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.otlp_http_endpoint}/v1/traces",
            OTEL_METRICS_EXPORTER="none",
            OTEL_LOGS_EXPORTER="none",
            OTEL_SERVICE_NAME=f"mixed-{line}",
            AUTOGEN_OTEL_STORE=str(folder / "undelivered"),
        )
    return Ran(f"mixed-{line}", folder / "store" / "traces-collector.jsonl", live)


def told(found: Gathered) -> dict[str, Any]:
    """Return what a diagnosis finds, as the program tells it."""
    from live import as_data

    verdicts = [as_data(one.verdict, lambda id_: f"{id_:016x}") for one in diagnose(found).requests if one.verdict]
    return {one["request"]: one for one in verdicts}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the programs be imported."""
    monkeypatch.syspath_prepend(str(PROGRAMS))


def from_jaeger(jaeger: Server, service: str, **more: Any) -> Gathered:
    """Return what Jaeger knows of a service."""
    found = Gathered()
    for document in Jaeger(jaeger.query_url, service, **more).documents(None, time.time_ns()):
        found.take(document)
    return found


def requests(found: Gathered) -> int:
    """Return how many requests have arrived whole."""
    return sum(span.operation.parent_id is None for span in found.spans.values())


@pytest.mark.parametrize("traces", [500, 4], ids=["at once", "four traces at a time"])
def test_jaeger_tells_what_was_found_live(jaeger: Server, ran: Ran, traces: int) -> None:
    """From the spans in Jaeger, however many it hands out at a time, come the verdicts that were reached live."""
    sent = requests(gather(ran.file, since_ns=0, on_problem=print))

    found = poll(lambda: from_jaeger(jaeger, ran.service, traces=traces), lambda seen: requests(seen) == sent, 20)

    assert told(found) == ran.live


def test_the_file_of_a_collector_tells_what_was_found_live(ran: Ran) -> None:
    """A Collector's file exporter writes what a local store holds."""
    assert told(gather(ran.file, since_ns=0, on_problem=print)) == ran.live


def test_time_without_requests_is_empty(jaeger: Server, ran: Ran) -> None:
    """In a stretch of time in which there were no requests, there is nothing, and that is no error."""
    assert list(Jaeger(jaeger.query_url, ran.service).documents(DAY_NS, 2 * DAY_NS)) in ([], [{}])


def test_unknown_service_names_those_that_there_are(jaeger: Server, ran: Ran) -> None:
    """Where several services, or none, are known and none was named, the message names them."""
    span = {"traceId": "a" * 32, "spanId": "b" * 16, "name": "x", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "another"}}]}
    document = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    upload = urllib.request.Request(
        f"{jaeger.otlp_http_endpoint}/v1/traces",
        json.dumps(document).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(upload, timeout=10).close()

    def asked() -> str:
        try:
            list(Jaeger(jaeger.query_url).documents(DAY_NS, 2 * DAY_NS))
        except JaegerFailed as failed:
            return str(failed)
        return "the only one"

    assert "Say --service NAME; it knows another, " in poll(asked, lambda said: "another" in said, 10)
