"""What the demo changes in its own process, so that it runs everywhere and its report is all that one sees."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = "autogen-otel-demo"


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
        logging.captureWarnings(capture=False)


def prepare_environment() -> None:
    """Name the service, and reach the provider on this machine directly where a proxy is set for everything else."""
    os.environ.setdefault("OTEL_SERVICE_NAME", SERVICE)
    for name in ("NO_PROXY", "no_proxy"):
        hosts = os.environ.get(name)
        os.environ[name] = f"{hosts},127.0.0.1" if hosts else "127.0.0.1"
