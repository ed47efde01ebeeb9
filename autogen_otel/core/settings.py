"""What can be set. Handed down as an argument, never reached for from below."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from autogen_otel.core.paths import default_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OnShared: TypeAlias = Literal["log", "warn", "raise"]

_YES = frozenset({"1", "true", "yes", "on"})
_log = logging.getLogger("autogen_otel")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one `instrument()`.

    Attributes:
        store: Folder of the local store, used when no OTLP endpoint is set; `AUTOGEN_OTEL_STORE`.
        log_level: The least level of our own log lines, a name of the logging module; `AUTOGEN_OTEL_LOG_LEVEL`.
        on_shared: What happens before a model call that would mix two live requests: `log` (nothing; the request's
            cause tells of it), `warn` (`autogen_otel.errors.SharedStateWarning`, once for each two requests) or `raise`
            (`autogen_otel.errors.SharedStateError`, and the provider is not called); `AUTOGEN_OTEL_ON_SHARED`.
        capture_content: Whether arguments and results of tools are recorded; by default they are not.
            `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` = `SPAN_ONLY` or `SPAN_AND_EVENT` switches it on.
        shutdown_seconds: How long the exit of the program may wait for telemetry that is still queued.
        disabled: `OTEL_SDK_DISABLED`: nothing is recorded anywhere.
        without: Instrumentations that stay off, by name; `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`.

    Raises:
        ValueError: `on_shared` is something else.
    """

    store: Path = field(default_factory=default_path)
    log_level: str = "INFO"
    on_shared: OnShared = "log"
    capture_content: bool = False
    shutdown_seconds: float = 2.0
    disabled: bool = False
    without: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.on_shared not in get_args(OnShared):
            raise ValueError(f"on_shared is one of {', '.join(get_args(OnShared))}, not {self.on_shared!r}")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings that the environment asks for."""
        content = environ.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "").strip().upper()
        without = environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "")
        return cls(
            store=default_path(environ),
            log_level=environ.get("AUTOGEN_OTEL_LOG_LEVEL", "INFO").strip().upper(),
            on_shared=_on_shared(environ.get("AUTOGEN_OTEL_ON_SHARED", "")),
            capture_content=content in {"SPAN_ONLY", "SPAN_AND_EVENT"},
            disabled=environ.get("OTEL_SDK_DISABLED", "").strip().lower() in _YES,
            without=frozenset(name.strip() for name in without.split(",") if name.strip()),
        )


def _on_shared(text: str) -> OnShared:
    """Return what the environment says. A program must not fail to start over it, so what is unknown is only logged."""
    for known in get_args(OnShared):
        if text.strip().lower() == known:
            return known  # type: ignore[no-any-return]
    if text.strip():
        _log.warning("AUTOGEN_OTEL_ON_SHARED is one of %s, not %r", ", ".join(get_args(OnShared)), text)
    return "log"
