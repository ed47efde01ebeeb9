"""Asking an OTLP endpoint whether it is there, by sending it nothing."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from opentelemetry.util.re import parse_env_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS: Final = 2.0
_GRPC_PORT: Final = 4317


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint did.

    Attributes:
        url: What was asked, without user and password.
        ok: Whether it takes telemetry, as far as one can tell.
        text: A verb and what follows: `answers`, `does not answer: connection refused`.
        status: The HTTP status; 0 without one.
    """

    url: str
    ok: bool
    text: str
    status: int = 0


def probe(signal: str, *, grpc: bool, environ: Mapping[str, str] = os.environ) -> Answer:
    """Ask the endpoint that the environment names for a signal; answers within a few seconds.

    Over HTTP an empty export request is sent, with the headers and the certificate that the exporter would use. Over
    gRPC only a connection is made.
    """
    url = endpoint(signal, grpc=grpc, environ=environ)
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
        port = parts.port
    except ValueError as error:
        # Not shown: it may hold a password.
        return Answer("the OTLP endpoint", False, f"is no URL: {error}")
    try:
        return _connect(parts.hostname, port, shown) if grpc else _post(url, shown, signal, environ)
    except urllib.error.HTTPError as error:
        return _refused(shown, error)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        hint = f"; {_GRPC_PORT} is the port for gRPC, HTTP has 4318" if not grpc and port == _GRPC_PORT else ""
        return Answer(shown, False, f"does not answer: {reason}{hint}")


def endpoint(signal: str, *, grpc: bool, environ: Mapping[str, str] = os.environ) -> str:
    """Return the URL to which the exporter sends a signal."""
    own = environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
    if own:
        return own
    base = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or f"http://localhost:{4317 if grpc else 4318}"
    return base if grpc else f"{base.removesuffix('/')}/v1/{signal}"


def _connect(host: str | None, port: int | None, shown: str) -> Answer:
    socket.create_connection((host or "localhost", port or _GRPC_PORT), SECONDS).close()
    return Answer(shown, True, "takes connections (gRPC)")


def _post(url: str, shown: str, signal: str, environ: Mapping[str, str]) -> Answer:
    request = _request(url, signal, environ)
    with urllib.request.urlopen(request, timeout=SECONDS, context=_context(url, environ)) as response:  # noqa: S310
        return Answer(shown, True, "answers", response.status)


def _refused(url: str, error: urllib.error.HTTPError) -> Answer:
    error.close()
    if error.code in {400, 415}:
        # It read the request and did not like the nothing in it.
        return Answer(url, True, f"answers (HTTP {error.code} to an empty export)", error.code)
    return Answer(url, False, f"answers HTTP {error.code} {error.reason}", error.code)


def _request(url: str, signal: str, environ: Mapping[str, str]) -> urllib.request.Request:
    named = environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_HEADERS") or environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")
    headers = {**parse_env_headers(named, liberal=True), "Content-Type": "application/x-protobuf"}
    return urllib.request.Request(url, data=b"", headers=headers, method="POST")  # noqa: S310


def _context(url: str, environ: Mapping[str, str]) -> ssl.SSLContext | None:
    if not url.startswith("https:"):
        return None
    return ssl.create_default_context(cafile=environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE") or None)
