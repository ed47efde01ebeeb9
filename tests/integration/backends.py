"""The backends that integration tests talk to: a Jaeger that can be searched and Collectors of our configurations."""

from __future__ import annotations

import json
import os
import urllib.parse
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from .server import CONFIGS, Server, get, poll
from .spans import Span, flatten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_MANY = 10_000  # traces; Jaeger wants a limit


class Collector(Server):
    """An OpenTelemetry Collector with one of our configurations."""

    port_names = ("OTELCOL_OTLP_GRPC_PORT", "OTELCOL_OTLP_HTTP_PORT", "OTELCOL_HEALTH_PORT")
    health = ("OTELCOL_HEALTH_PORT", "/")

    @property
    def otlp_http_endpoint(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT would be, where the configuration has an OTLP receiver."""
        return self.url("OTELCOL_OTLP_HTTP_PORT")


class Jaeger(Server):
    """A Jaeger with `collector/jaeger.yaml`, its traces in memory."""

    port_names = (
        "JAEGER_UI_PORT",
        "JAEGER_QUERY_GRPC_PORT",
        "JAEGER_OTLP_GRPC_PORT",
        "JAEGER_OTLP_HTTP_PORT",
        "JAEGER_HEALTH_PORT",
    )
    health = ("JAEGER_HEALTH_PORT", "/status")

    def __init__(self, binary: Path) -> None:
        environment = {"JAEGER_UI_CONFIG": str(CONFIGS / "jaeger-ui.json")}
        # For looking at what a test sent: a binary built from the Go module has no web page of its own.
        if assets := os.environ.get("JAEGER_UI_ASSETS"):
            environment["JAEGER_UI_ASSETS"] = assets
        super().__init__(binary, CONFIGS / "jaeger.yaml", environment)

    @property
    def otlp_http_endpoint(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT would be."""
        return self.url("JAEGER_OTLP_HTTP_PORT")

    @property
    def otlp_grpc_endpoint(self) -> str:
        """Host and port of the OTLP/gRPC receiver."""
        return f"127.0.0.1:{self.ports['JAEGER_OTLP_GRPC_PORT']}"

    @property
    def query_url(self) -> str:
        """Where the web page and the query API are."""
        return self.url("JAEGER_UI_PORT")

    def find(
        self,
        attributes: Mapping[str, str] | None = None,
        *,
        service: str,
        until: Callable[[list[Span]], object] = bool,
        timeout: float = 10.0,
    ) -> list[Span]:
        """Return the spans of every trace with a span or event that has all `attributes`, once they satisfy `until`.

        Raises:
            TimeoutError: they did not within `timeout` seconds.
        """
        return poll(lambda: self._search(service, attributes or {}), until, timeout)

    def trace(
        self, trace_id: str, *, until: Callable[[list[Span]], object] = bool, timeout: float = 10.0
    ) -> list[Span]:
        """Return the spans of one trace (32 hexadecimal digits), once they satisfy `until`.

        Raises:
            TimeoutError: they did not within `timeout` seconds.
        """
        return poll(lambda: self._spans(f"/{trace_id}"), until, timeout)

    def _search(self, service: str, attributes: Mapping[str, str]) -> list[Span]:
        window = {
            "query.service_name": service,
            "query.start_time_min": "1970-01-01T00:00:00Z",
            "query.start_time_max": (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat(),
            "query.num_traces": str(_MANY),
        }
        spans = self._spans(f"?{urllib.parse.urlencode(window)}")
        if not attributes:
            return spans
        # Jaeger 2.13 ignores attributes in a search through api/v3, so the search of the web page says which traces.
        tags = {"service": service, "tags": json.dumps(dict(attributes)), "limit": str(_MANY)}
        found = self._answer(f"/api/traces?{urllib.parse.urlencode(tags)}").get("data") or ()
        wanted = {trace["traceID"] for trace in found}
        return [span for span in spans if span["trace_id"] in wanted]

    def _spans(self, below: str) -> list[Span]:
        answer = self._answer(f"/api/v3/traces{below}")
        return flatten(answer.get("result", answer))

    def _answer(self, path: str) -> dict[str, Any]:
        status, body = get(self.query_url + path)
        if status == 404:
            return {}
        if status != 200:
            raise RuntimeError(f"Jaeger answered {status}: {body[:1000]!r}")
        answer: dict[str, Any] = json.loads(body)
        return answer
