"""Noticing another LLM instrumentation, so that a model call gets one span and not two."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names

if TYPE_CHECKING:
    from autogen_otel.core.facts import Operation

# What wraps openai's method, by the package of the wrapper. A wrapper of somebody else (a cache, a test) makes no span.
_TRACERS: Final = (
    "agentops",
    "langfuse",
    "logfire",
    "openinference",
    "openlit",
    "opentelemetry.instrumentation",
    "traceloop",
)
_OPENAI: Final = "openai.resources.chat.completions.completions"
_OPENAI_PROVIDERS: Final = frozenset({"openai", "azure.ai.openai"})


def traced_elsewhere(operation: Operation) -> bool:
    """Tell whether another instrumentation makes the span of a model call.

    Looked at on each call and not once, for such an instrumentation may be switched on later.
    """
    if _is_tracer(_wrapper_at("autogen.oai.client", "OpenAIWrapper"), ("autogen.opentelemetry",)):
        return True
    if (
        operation.attributes.get(names.PROVIDER_NAME) not in _OPENAI_PROVIDERS
        or names.CACHE_HIT in operation.attributes
    ):
        return False
    return _is_tracer(_wrapper_at(_OPENAI, "Completions"), _TRACERS)


def _wrapper_at(module: str, cls: str) -> Any:
    holder = getattr(sys.modules.get(module), cls, None)
    return None if holder is None else vars(holder).get("create")


def _is_tracer(found: Any, tracers: tuple[str, ...]) -> bool:
    """Walk down the wrappers of a method and look where each comes from."""
    for _ in range(8):
        if found is None:
            return False
        maker = getattr(found, "_self_wrapper", found)
        package = getattr(maker, "__module__", None) or getattr(maker, "__globals__", {}).get("__name__", "")
        code = getattr(getattr(maker, "__code__", None), "co_filename", "")
        if package.startswith(tracers) or any(f"/{name.replace('.', '/')}/" in code for name in tracers):
            return True
        found = getattr(found, "__wrapped__", None)
    return False
