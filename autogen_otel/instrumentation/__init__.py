"""Adapters: where each AutoGen line, and each client library below it, is observed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autogen_otel.instrumentation.ag2.patches import ADAPTER as AG2
from autogen_otel.instrumentation.agentchat.patches import ADAPTER as AGENTCHAT
from autogen_otel.instrumentation.classic.patches import ADAPTER as CLASSIC

if TYPE_CHECKING:
    from autogen_otel.instrumentation.adapter import Adapter

ADAPTERS: Final[tuple[Adapter, ...]] = (CLASSIC, AGENTCHAT, AG2)
