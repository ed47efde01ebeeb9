"""Which exporters the environment asks for. `OTEL_*` variables mean what OpenTelemetry says they mean."""

from __future__ import annotations

import logging
import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.guard import FAILED, guard

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger("autogen_otel")

TRACES: Final = "traces"
METRICS: Final = "metrics"
LOGS: Final = "logs"
STORE: Final = "store"
_GROUPS: Final = {
    TRACES: "opentelemetry_traces_exporter",
    METRICS: "opentelemetry_metrics_exporter",
    LOGS: "opentelemetry_logs_exporter",
}
_INSTALLED_BY: Final = {
    "otlp_proto_http": "'autogen-otel[otlp]'",
    "otlp_proto_grpc": "opentelemetry-exporter-otlp-proto-grpc",
}


def endpoint_of(signal: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the OTLP endpoint that is set for a signal, None where there is none."""
    return environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")


def chosen(signal: str, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the names of the exporters for a signal.

    `OTEL_TRACES_EXPORTER` (METRICS, LOGS) names them, `none` for none. Where it is not set, an endpoint means OTLP, and
    no endpoint the local store.
    """
    named = environ.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip()
    if named:
        return tuple(name for part in named.split(",") if (name := part.strip()) and name != "none")
    return ("otlp",) if endpoint_of(signal, environ) else (STORE,)


def make(signal: str, name: str, environ: Mapping[str, str] = os.environ) -> Any:
    """Return an exporter by its OpenTelemetry name; None, with a warning that says what to do, if it cannot be made."""
    if name == "otlp":
        protocol = environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL") or environ.get(
            "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"
        )
        name = "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    found = next(iter(entry_points(group=_GROUPS[signal], name=name)), None)
    if found is None:
        # Only of these is it known who makes them.
        hint = f", install it with: pip install {_INSTALLED_BY[name]}" if name in _INSTALLED_BY else ""
        _log.warning("no exporter %r is installed, %s are kept in the local store%s", name, signal, hint)
        return None
    exporter = guard.call(_instance, found)
    return None if exporter is FAILED else exporter


def _instance(found: Any) -> Any:
    return found.load()()
