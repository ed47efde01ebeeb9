"""Which exporters the environment asks for. `OTEL_*` variables mean what OpenTelemetry says they mean."""

from __future__ import annotations

import logging
import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core.guard import FAILED, guard

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

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
# Of no other exporter is it known who makes it.
INSTALL: Final = {
    "otlp_proto_http": "pip install 'autogen-otel[otlp]'",
    "otlp_proto_grpc": "pip install opentelemetry-exporter-otlp-proto-grpc",
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
    name = full_name(signal, name, environ)
    found = entry_of(signal, name)
    if found is None:
        hint = f", install it with: {INSTALL[name]}" if name in INSTALL else ""
        _log.warning("no exporter %r is installed, %s are kept in the local store%s", name, signal, hint)
        return None
    exporter = guard.call(_instance, found)
    return None if exporter is FAILED else exporter


def full_name(signal: str, name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the name of an exporter with its protocol: `otlp` leaves that to a variable of its own."""
    if name != "otlp":
        return name
    protocol = environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL") or environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"
    )
    return "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"


def entry_of(signal: str, name: str) -> EntryPoint | None:
    """Return the entry point of an exporter; None where it is not installed."""
    return next(iter(entry_points(group=_GROUPS[signal], name=name)), None)


def _instance(found: Any) -> Any:
    return found.load()()
