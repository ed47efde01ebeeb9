"""Where spans, metrics and logs go, and whether that place answers."""

from __future__ import annotations

import shutil
import tempfile
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import _logs, metrics, trace

from autogen_otel.cli.check import Finding, Level
from autogen_otel.cli.probe import Answer, probe
from autogen_otel.core.paths import default_path
from autogen_otel.telemetry import exporters
from autogen_otel.telemetry.store_files import files_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIGNALS: Final = (exporters.TRACES, exporters.METRICS, exporters.LOGS)
_MIB: Final = 1024 * 1024
_LITTLE: Final = 300 * _MIB
_PROXIES: Final = frozenset({"ProxyTracerProvider", "_ProxyMeterProvider", "ProxyLoggerProvider"})


def telemetry() -> Iterator[Finding]:
    """Say where each signal goes; the store too when it takes what the other end does not."""
    providers = {
        exporters.TRACES: trace.get_tracer_provider,
        exporters.METRICS: metrics.get_meter_provider,
        exporters.LOGS: _logs.get_logger_provider,
    }
    uses_store = False
    for signal in SIGNALS:
        provider: Any = providers[signal]()
        if type(provider).__name__ not in _PROXIES:
            kind = f"{type(provider).__module__}.{type(provider).__qualname__}"
            yield Finding("telemetry", Level.OK, f"{signal} go to the application's provider ({kind})")
            continue
        names = exporters.chosen(signal)
        if not names:
            text = f"{signal} go nowhere: OTEL_{signal.upper()}_EXPORTER is none"
            yield Finding("telemetry", Level.NOTE, text)
        for name in names:
            uses_store |= name == exporters.STORE
            yield from _exporter(signal, name)
    yield from store(default_path(), used=uses_store)
    text = "a TracerProvider, MeterProvider or LoggerProvider that your application sets up is used instead"
    yield Finding("telemetry", Level.NOTE, text, detail=True)


def store(path: Path, *, used: bool) -> Iterator[Finding]:
    """Say whether the local store can be written to.

    Args:
        path: Its folder.
        used: Whether telemetry goes there in any case, and not only when the other end does not answer.
    """
    what = f"the local store {path}"
    if not used:
        what += " (used while an endpoint does not answer)"
    try:
        size = sum(file.size for file in files_of(path))
        free = _write(path)
    except OSError as error:
        level = Level.PROBLEM if used else Level.WARNING
        reason = error.strerror or error
        yield Finding("telemetry", level, f"{what} cannot be written: {reason}", "set AUTOGEN_OTEL_STORE to a folder")
        return
    yield Finding("telemetry", Level.OK, f"{what}: {size / _MIB:.1f} MiB, can be written")
    if free < _LITTLE:
        text = f"there are only {free / _MIB:.0f} MiB free at {path}; the store takes up to 256 MiB"
        yield Finding("telemetry", Level.WARNING, text)


def _write(path: Path) -> int:
    """Write a file and remove it; return how many bytes are free. A folder that is not there is not made."""
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    with tempfile.TemporaryFile(dir=existing) as file:
        file.write(b"\n")
        file.flush()
    return shutil.disk_usage(existing).free


def _exporter(signal: str, name: str) -> Iterator[Finding]:
    if name == exporters.STORE:
        yield Finding("telemetry", Level.OK, f"{signal} go to the local store")
        return
    full_name = exporters.full_name(signal, name)
    if exporters.entry_of(signal, full_name) is None:
        text = f"{signal} should go to {name}, but its exporter is not installed: they go to the local store"
        yield Finding("telemetry", Level.PROBLEM, text, exporters.INSTALL.get(full_name, "correct the name"))
        return
    if not name.startswith("otlp"):
        yield Finding("telemetry", Level.OK, f"{signal} go to the exporter {name!r}")
        return
    answer = probe(signal, grpc=full_name == "otlp_proto_grpc")
    text = f"{signal} go to {answer.url}, which {answer.text}"
    yield Finding("telemetry", Level.OK if answer.ok else Level.PROBLEM, text, _advice(signal, answer))


def _advice(signal: str, answer: Answer) -> str:
    if answer.status in {401, 403}:
        return "put the credentials into OTEL_EXPORTER_OTLP_HEADERS"
    if answer.status == 404:
        variable = f"OTEL_{signal.upper()}_EXPORTER"
        return f"check the path; Jaeger takes traces only: send through a Collector, or set {variable}=none"
    return "" if answer.ok else "start the Collector there, or correct OTEL_EXPORTER_OTLP_ENDPOINT"
