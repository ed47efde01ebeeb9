"""A diagnosis of requests that a real Jaeger has stored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autogen_otel.diagnosis.diagnosis import diagnose
from autogen_otel.diagnosis.gathered import Gathered
from autogen_otel.diagnosis.jaeger import DAY_NS, Jaeger, JaegerFailed

from .server import poll

if TYPE_CHECKING:
    from .backends import Jaeger as Server

pytestmark = pytest.mark.integration
pytest.importorskip("autogen", reason="classic AutoGen is not installed")

TESTS = Path(__file__).parent.parent
PROGRAM = TESTS / "diagnosis" / "mixed_requests.py"


@pytest.fixture(scope="module")
def live(jaeger: Server) -> dict[str, Any]:
    """Send requests to Jaeger; return the verdicts that were reached meanwhile, by request."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "AUTOGEN_"))}
    environ = {
        **clean,
        "PYTHONPATH": str(TESTS),
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{jaeger.otlp_http_endpoint}/v1/traces",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_SERVICE_NAME": "mixed",
    }
    done = subprocess.run(
        [sys.executable, str(PROGRAM)], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {one["request"]: one for one in json.loads(done.stdout.splitlines()[-1])}


def gathered(jaeger: Server, **more: Any) -> Gathered:
    """Return what Jaeger knows of the service."""
    found = Gathered()
    for document in Jaeger(jaeger.query_url, "mixed", **more).documents(None, time.time_ns()):
        found.take(document)
    return found


def requests(found: Gathered) -> int:
    """Return how many requests have arrived whole."""
    return sum(span.operation.parent_id is None for span in found.spans.values())


@pytest.mark.parametrize("traces", [500, 4], ids=["at once", "four traces at a time"])
def test_jaeger_tells_what_was_found_live(
    jaeger: Server, live: dict[str, Any], traces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the spans in Jaeger, however many it hands out at a time, come the verdicts that were reached live."""
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    from mixed_requests import as_data

    found = poll(lambda: gathered(jaeger, traces=traces), lambda seen: requests(seen) == 27, 20)

    told = [as_data(one.verdict, lambda id_: f"{id_:016x}") for one in diagnose(found).requests if one.verdict]
    assert {one["request"]: one for one in told} == live


def test_time_without_requests_is_empty(jaeger: Server, live: dict[str, Any]) -> None:
    """In a stretch of time in which there were no requests, there is nothing, and that is no error."""
    assert list(Jaeger(jaeger.query_url, "mixed").documents(DAY_NS, 2 * DAY_NS)) in ([], [{}])


def test_unknown_service_names_those_that_there_are(jaeger: Server, live: dict[str, Any]) -> None:
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
