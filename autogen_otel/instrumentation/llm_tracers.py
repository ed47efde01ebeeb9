"""Noticing another LLM instrumentation, so that a model call gets one span and not two."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from autogen_otel.core import names

if TYPE_CHECKING:
    from autogen_otel.core.facts import Operation

# What wraps openai's methods, by the package of the wrapper. Wrappers of others (a cache, a test) make no span.
_TRACERS: Final = (
    "agentops",
    "langfuse",
    "logfire",
    "openinference",
    "openlit",
    "opentelemetry.instrumentation",
    "traceloop",
)
# Where they do: most wrap the completions, OpenInference and Logfire the client below.
_OPENAI: Final = (
    ("openai.resources.chat.completions.completions", "Completions", "create"),
    ("openai", "OpenAI", "request"),
)
_AUTOGEN: Final = ("autogen.oai.client", "OpenAIWrapper", "create")
_AUTOGEN_TRACER: Final = "autogen.opentelemetry"
# For each place the method that was looked at last, and the answer.
_known: Final[dict[tuple[str, str, str], tuple[Any, bool]]] = {}
_OPENAI_PROVIDERS: Final = frozenset({"openai", "azure.ai.openai"})


def traced_elsewhere(operation: Operation) -> bool:
    """Tell whether another instrumentation makes the span of a model call.

    Looked at on each call and not once, for such an instrumentation may be switched on later.
    """
    if _AUTOGEN_TRACER in sys.modules and _is_traced(_AUTOGEN, (_AUTOGEN_TRACER,)):
        return True
    if (
        operation.attributes.get(names.PROVIDER_NAME) not in _OPENAI_PROVIDERS
        or names.CACHE_HIT in operation.attributes
    ):
        return False
    completions, requests = _OPENAI
    return _is_traced(completions, _TRACERS) or _is_traced(requests, _TRACERS)


def _is_traced(place: tuple[str, str, str], tracers: tuple[str, ...]) -> bool:
    """Tell whether a method is wrapped by one of these; of the same method as last time it is known."""
    module, cls, method = place
    holder = getattr(sys.modules.get(module), cls, None)
    found = None if holder is None else vars(holder).get(method)
    known = _known.get(place)
    if known is None or known[0] is not found:
        known = _known[place] = (found, _looks_like_tracer(found, tracers))
    return known[1]


def _looks_like_tracer(found: Any, tracers: tuple[str, ...]) -> bool:
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
