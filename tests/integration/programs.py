"""Programs as applications are: each in a process of its own, with the variables of OpenTelemetry that are given."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .backends import Jaeger


def run(program: str, **environment: str) -> None:
    """Run a program to its end; its variables of OpenTelemetry are those given."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "AUTOGEN_"))}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def send(program: str, jaeger: Jaeger, service: str) -> None:
    """Run a program that sends its spans to Jaeger, and nothing else anywhere."""
    run(
        program,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{jaeger.otlp_http_endpoint}/v1/traces",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
        OTEL_SERVICE_NAME=service,
    )
