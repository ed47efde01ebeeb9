"""Versions, and variables that do not do what one thinks."""

from __future__ import annotations

import logging
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from autogen_otel.cli.check import Finding, Level
from autogen_otel.core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NEEDED: Final = (
    "autogen-otel",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation-httpx",
    "structlog",
    "wrapt",
)
_USED: Final = ("openai", "httpx", "httpx2", "opentelemetry-exporter-otlp-proto-http", "typer", "rich")


def versions() -> Iterator[Finding]:
    """Say which versions there are."""
    found = {name: _version(name) for name in (*_NEEDED, *_USED)}
    main = ", ".join(f"{name} {found[name] or 'missing'}" for name in _NEEDED)
    yield Finding("versions", Level.OK, f"Python {platform.python_version()}, {main}")
    rest = ", ".join(f"{name} {found[name]}" for name in _USED if found[name])
    yield Finding("versions", Level.OK, rest, detail=True)


def environment(environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Say which variables get in the way."""
    for check in (_disabled, _httpx, _baggage, _sampler, _service, _level):
        yield from check(environ)


def _disabled(environ: Mapping[str, str]) -> Iterator[Finding]:
    if Settings.from_env(environ).disabled:
        text = "OTEL_SDK_DISABLED is set: nothing is recorded, instrument() does nothing"
        yield Finding("environment", Level.PROBLEM, text, "unset it")


def _httpx(environ: Mapping[str, str]) -> Iterator[Finding]:
    without = sorted(Settings.from_env(environ).without & {"httpx", "httpx2"})
    if without:
        text = f"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names {' and '.join(without)}: no spans of HTTP attempts"
        yield Finding("environment", Level.WARNING, text, "take it out to see each attempt of a model call")


def _baggage(environ: Mapping[str, str]) -> Iterator[Finding]:
    if "baggage" in environ.get("OTEL_PROPAGATORS", ""):
        text = "OTEL_PROPAGATORS has baggage: what your application puts there is sent to every server it calls"
        fix = "OTEL_PROPAGATORS=tracecontext, if you instrument httpx yourself and the model provider is not yours"
        yield Finding("environment", Level.WARNING, text, fix)


def _sampler(environ: Mapping[str, str]) -> Iterator[Finding]:
    sampler = environ.get("OTEL_TRACES_SAMPLER", "")
    if "always_off" in sampler or "ratio" in sampler:
        argument = environ.get("OTEL_TRACES_SAMPLER_ARG", "")
        text = f"OTEL_TRACES_SAMPLER is {sampler} {argument}".strip()
        yield Finding("environment", Level.NOTE, f"{text}: not each request has spans; logs and metrics are complete")


def _service(environ: Mapping[str, str]) -> Iterator[Finding]:
    named = environ.get("OTEL_SERVICE_NAME") or "service.name" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if not named:
        text = "OTEL_SERVICE_NAME is not set: in Jaeger the service is called unknown_service"
        yield Finding("environment", Level.NOTE, text, "set it in the application's environment")


def _level(environ: Mapping[str, str]) -> Iterator[Finding]:
    level = Settings.from_env(environ).log_level
    number = logging.getLevelName(level)
    if not isinstance(number, int):
        text = f"AUTOGEN_OTEL_LOG_LEVEL is {level!r}, which is no level: INFO is used"
        yield Finding("environment", Level.WARNING, text, "use DEBUG, INFO, WARNING or ERROR")
    elif number > logging.INFO:
        text = f"AUTOGEN_OTEL_LOG_LEVEL is {level}: a request that hangs leaves no trace until something of it ends"
        yield Finding("environment", Level.WARNING, text, "use INFO")


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
