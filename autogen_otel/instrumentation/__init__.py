"""Adapters: where each AutoGen line, and each client library below it, is observed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.instrumentation import ag2, agentchat, classic

if TYPE_CHECKING:
    from autogen_otel.instrumentation.adapter import Adapter

ADAPTERS: Final[tuple[Adapter, ...]] = (classic.ADAPTER, agentchat.ADAPTER, ag2.ADAPTER)
