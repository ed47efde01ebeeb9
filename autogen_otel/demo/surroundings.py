"""What the demo changes in its own process, so that it runs everywhere and its report is all that one sees."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import socket
import urllib.request
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from autogen_otel.telemetry.exporters import TRACES, endpoint_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE: Final = "autogen-otel-demo"
_CONNECT_SECONDS: Final = 3.0


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        """Forget it."""
        return len(text)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence what AutoGen prints, though it was told to be silent; warnings go to the log."""
    logging.captureWarnings(capture=True)
    try:
        with contextlib.redirect_stdout(_Nowhere()):
            yield
    finally:
        # A coroutine that was never awaited is told of when it goes, and it may be part of a cycle.
        gc.collect()
        logging.captureWarnings(capture=False)


def prepare_environment() -> None:
    """Name the service, and reach the provider on this machine directly where a proxy is set for everything else."""
    os.environ.setdefault("OTEL_SERVICE_NAME", SERVICE)
    for name in ("NO_PROXY", "no_proxy"):
        hosts = os.environ.get(name)
        os.environ[name] = f"{hosts},127.0.0.1" if hosts else "127.0.0.1"


def silent_endpoint() -> str | None:
    """Return the OTLP endpoint for spans if nothing listens there; None where it cannot be known or none is set."""
    endpoint = endpoint_of(TRACES) or ""
    address = urlsplit(endpoint)
    host = address.hostname
    if address.scheme not in {"http", "https"} or host is None:
        return None
    if address.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        return None
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
    except OSError:
        return endpoint
    return None
